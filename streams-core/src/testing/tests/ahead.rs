//! Timestamps that are far ahead of the wall clock.
//!
//! One record from a producer with a wrong clock closes every window before it, and every timely
//! record after it is dropped as late. As in Java that happens unless `timestamp.max.ahead.ms`
//! keeps such records out.

use super::*;
use crate::config::TimestampAheadPolicy;

const NOW_MS: i64 = 1_795_880_505_513;
/// Latest permitted timestamp.
const LATEST_MS: i64 = NOW_MS + 1_000;

fn guarded(policy: TimestampAheadPolicy) -> StreamsConfig {
    config().timestamp_max_ahead(Some(Duration::from_secs(1))).timestamp_ahead_policy(policy)
}

fn driver(topic: &str, config: StreamsConfig) -> TopologyTestDriver {
    let mut builder = TopologyBuilder::new();
    let records = source(&mut builder, "source", topic);
    sink(&mut builder, "sink", "out", records);
    let topology = builder.build().unwrap();
    TopologyTestDriver::builder(&topology, config).wall_clock_ms(NOW_MS).build().unwrap()
}

fn pipe(driver: &TopologyTestDriver, topic: &str, timestamp: i64) -> Result {
    let mut input = driver.input_topic(topic, string(), string());
    input.pipe_input("k".to_owned(), "v".to_owned(), timestamp)
}

fn timestamps(driver: &TopologyTestDriver) -> Vec<i64> {
    let records = texts(driver, "out").read_records_to_list().unwrap();
    records.into_iter().map(|record| record.timestamp).collect()
}

#[test]
fn every_timestamp_is_let_in_unless_a_limit_is_set() {
    let driver = driver("in", config());
    pipe(&driver, "in", i64::MAX).unwrap();
    assert_eq!(timestamps(&driver), [i64::MAX]);
}

#[test]
fn a_record_that_is_too_far_ahead_is_refused_with_its_position_date_and_setting() {
    let driver = driver("in", guarded(TimestampAheadPolicy::Fail));
    pipe(&driver, "in", LATEST_MS).unwrap();
    let error = pipe(&driver, "in", LATEST_MS + 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Processing);
    for said in [
        "in-0@1",
        "2026-11-28T15:41:46.514Z",
        "1.001s ahead",
        "timestamp.max.ahead.ms",
        "timestamp.ahead.policy to clamp or drop",
    ] {
        assert!(error.to_string().contains(said), "{error} lacks {said}");
    }
    assert_eq!(timestamps(&driver), [LATEST_MS]);
}

#[test]
fn a_record_that_is_too_far_ahead_may_be_clamped_to_the_limit_which_moves_with_the_clock() {
    let driver = driver("in", guarded(TimestampAheadPolicy::Clamp));
    pipe(&driver, "in", i64::MAX).unwrap();
    driver.advance_wall_clock_time(Duration::from_secs(5)).unwrap();
    pipe(&driver, "in", i64::MAX).unwrap();
    pipe(&driver, "in", LATEST_MS + 5_000).unwrap();
    pipe(&driver, "in", 7).unwrap();
    assert_eq!(timestamps(&driver), [LATEST_MS, LATEST_MS + 5_000, LATEST_MS + 5_000, 7]);
    assert_eq!(driver.dropped_records(), 0);
}

#[test]
fn a_record_that_is_too_far_ahead_may_be_dropped_and_sent_as_a_dead_letter_as_it_was() {
    let config = guarded(TimestampAheadPolicy::Drop).dead_letter_queue_topic("dead");
    let driver = driver("in", config);
    pipe(&driver, "in", LATEST_MS + 1).unwrap();
    pipe(&driver, "in", 7).unwrap();
    assert_eq!((timestamps(&driver), driver.dropped_records()), (vec![7], 1));
    let dead = driver.produced().into_iter().find(|record| record.topic() == "dead").unwrap();
    assert_eq!((dead.timestamp, dead.key.as_deref()), (LATEST_MS + 1, Some(&b"k"[..])));
    let header = |name: &str| {
        let name = format!("__streams.errors.{name}");
        let value = dead.headers.last(&name).flatten().map(<[u8]>::to_vec);
        String::from_utf8(value.unwrap_or_default()).unwrap()
    };
    assert_eq!((header("topic"), header("offset")), ("in".to_owned(), "0".to_owned()));
    assert!(header("message").contains("ahead of the wall clock"), "{}", header("message"));
}

#[test]
fn the_timestamp_of_an_own_extractor_is_looked_at_too() {
    let mut builder = TopologyBuilder::new();
    let of_value =
        std::sync::Arc::new(|ask: &crate::processor::ExtractTimestamp<'_, String, String>| {
            Ok(ask.record.value.parse::<i64>()?)
        });
    let options = SourceOptions::new(["in"], string(), string()).with_timestamp_extractor(of_value);
    let records = builder.add_source("source", options);
    sink(&mut builder, "sink", "out", records);
    let topology = builder.build().unwrap();
    let config = guarded(TimestampAheadPolicy::Drop);
    let driver = TopologyTestDriver::builder(&topology, config).wall_clock_ms(NOW_MS);
    let driver = driver.build().unwrap();
    let mut input = driver.input_topic("in", string(), string());
    for value in ["1795880506514", "5"] {
        input.pipe_input("k".to_owned(), value.to_owned(), 0).unwrap();
    }
    assert_eq!((timestamps(&driver), driver.dropped_records()), (vec![5], 1));
}

/// Records that the topology itself wrote were permitted before, or have a timestamp that a
/// processor chose.
#[test]
fn repartition_topics_are_not_looked_at() {
    let driver = driver("app-by-key-repartition", guarded(TimestampAheadPolicy::Fail));
    pipe(&driver, "app-by-key-repartition", i64::MAX).unwrap();
    assert_eq!(timestamps(&driver), [i64::MAX]);
}
