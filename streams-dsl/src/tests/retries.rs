//! Records that are tried again: what the failed attempt did has never been.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use proptest::prelude::*;
use streams_core::{
    BoxError,
    handler::{LogAndContinue, LogAndFail, Retry},
    serde::{long, string},
    testing::{ProducedRecord, TestRecord, TopologyTestDriver},
};

use crate::{
    BufferConfig, EmitStrategy, JoinWindows, Materialized, SessionWindows, SlidingWindows,
    StreamsBuilder, StreamsConfig, Suppressed, TimeWindows,
};

fn config() -> StreamsConfig {
    StreamsConfig::new("retries", "localhost:9092").set("statestore.cache.max.bytes", 0)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Counts each key, then fails on negative values while `fails` says so.
fn counting(fails: impl Fn() -> bool + Send + Sync + 'static) -> StreamsBuilder {
    let builder = StreamsBuilder::new();
    let numbers = builder.stream::<String, i64>("in");
    numbers.group_by_key().count().stored("counts").to_stream().to("counts");
    let checked = numbers.try_map_values(move |number| {
        if *number < 0 && fails() { Err("it is negative") } else { Ok(number * 2) }
    });
    checked.named("check").to("out");
    builder
}

struct Run {
    driver: TopologyTestDriver,
}

impl Run {
    fn new(builder: &StreamsBuilder, config: StreamsConfig, retry: Retry) -> Self {
        let topology = builder.build().unwrap();
        let handler = retry.then(LogAndContinue::with_dead_letters("dead"));
        let driver = TopologyTestDriver::builder(&topology, config);
        Self { driver: driver.processing_exception_handler(handler).build().unwrap() }
    }

    fn pipe(&self, numbers: &[i64]) {
        let mut topic = self.driver.input_topic("in", string(), long());
        for number in numbers {
            topic.pipe_input("k".to_owned(), *number, 7).unwrap();
        }
    }

    fn values(&self, topic: &str) -> Vec<i64> {
        let topic = self.driver.output_topic(topic, string(), long());
        topic.read_key_values_to_list().unwrap().into_iter().map(|(_, value)| value).collect()
    }

    fn dead(&self) -> Vec<TestRecord<String, i64>> {
        self.driver.output_topic("dead", string(), long()).read_records_to_list().unwrap()
    }

    fn after(&self, pause: u64) {
        self.driver.advance_wall_clock_time(millis(pause)).unwrap();
    }
}

#[test]
fn a_record_waits_for_its_next_attempt_and_those_behind_it_for_the_record() {
    let fails = Arc::new(AtomicBool::new(true));
    let still = fails.clone();
    let builder = counting(move || still.load(Ordering::SeqCst));
    let run = Run::new(&builder, config(), Retry::new(3, millis(100)));
    run.pipe(&[1, -2, 3]);
    assert_eq!((run.values("out"), run.values("counts")), (vec![2], vec![1]));
    run.after(99);
    run.after(1);
    assert_eq!((run.values("out"), run.values("counts")), (vec![], vec![]));
    fails.store(false, Ordering::SeqCst);
    run.after(199);
    assert_eq!(run.values("out"), [0; 0], "the second pause is twice as long");
    run.after(1);
    assert_eq!((run.values("out"), run.values("counts")), (vec![-4, 6], vec![2, 3]));
    assert_eq!((run.dead().len(), run.driver.dropped_records()), (0, 0));
}

#[test]
fn a_record_that_fails_for_good_is_dropped_where_it_fails_and_sent_as_a_dead_letter() {
    let attempts = Arc::new(AtomicU32::new(0));
    let counted = attempts.clone();
    let builder = counting(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        true
    });
    let run = Run::new(&builder, config(), Retry::new(2, millis(100)));
    run.pipe(&[1, -2, 3]);
    run.after(100);
    assert_eq!(run.dead(), []);
    run.after(200);
    assert_eq!(attempts.load(Ordering::SeqCst), 3, "the first attempt and two more");
    assert_eq!((run.values("out"), run.values("counts")), (vec![2, 6], vec![1, 2, 3]));
    assert_eq!(run.driver.dropped_records(), 1);
    let dead = run.dead();
    let [letter] = &dead[..] else { panic!("{dead:?}") };
    assert_eq!((&*letter.key, letter.value, letter.timestamp), ("k", -2, 7));
    let header = |name: &str| {
        let value = letter.headers.last(&format!("__streams.errors.{name}")).flatten();
        String::from_utf8(value.unwrap().to_vec()).unwrap()
    };
    assert_eq!(["topic", "partition", "offset"].map(header), ["in", "0", "1"]);
    assert!(header("message").contains("it is negative"), "{}", header("message"));
    assert!(header("stacktrace").contains("check"), "{}", header("stacktrace"));
    assert_eq!(header("exception"), "Processing");
}

#[test]
fn a_record_that_a_commit_releases_from_a_cache_is_not_tried_again() {
    let builder = StreamsBuilder::new();
    let counts = builder.stream::<String, i64>("in").group_by_key().count().stored("counts");
    let failed = counts.to_stream().try_map_values(|_| Err::<i64, _>("never"));
    failed.to("out");
    let config = StreamsConfig::new("retries", "localhost:9092");
    let run = Run::new(&builder, config, Retry::new(2, millis(100)));
    run.pipe(&[1]);
    let produced = run.driver.produced();
    let dead = produced.iter().filter(|record| &*record.topic_partition.topic == "dead");
    assert_eq!((dead.count(), run.driver.dropped_records()), (1, 1));
}

#[test]
fn the_configuration_asks_for_retries_too() {
    let fails = Arc::new(AtomicBool::new(true));
    let still = fails.clone();
    let builder = counting(move || still.swap(false, Ordering::SeqCst));
    let config = config().set("processing.retries", 1).set("processing.retry.backoff.ms", 50);
    let driver = TopologyTestDriver::new(&builder.build().unwrap(), config).unwrap();
    let run = Run { driver };
    run.pipe(&[-1]);
    assert_eq!(run.values("out"), [0; 0]);
    run.after(50);
    assert_eq!((run.values("out"), run.values("counts")), (vec![-2], vec![1]));
}

/// Each kind of store, and a check of all of them.
fn stateful(
    check: impl Fn(&String, &i64) -> Result<(), BoxError> + Send + Sync + 'static,
) -> StreamsBuilder {
    let builder = StreamsBuilder::new();
    let numbers = builder.stream::<String, i64>("in");
    let others = builder.stream::<String, i64>("others");
    let rows = builder.table::<String, i64>("rows").stored("rows");
    let history = Materialized::versioned("history", millis(20));
    let versions = builder.table::<String, i64>("versions").stored(history);
    let grouped = numbers.group_by_key();
    grouped.count().stored("count").to_stream().to("count");
    grouped
        .count()
        .stored(Materialized::named("short").with_ttl(millis(9)))
        .to_stream()
        .to("short");
    let windows = TimeWindows::of_size_and_grace(millis(10), millis(5));
    let windowed = grouped.windowed_by(windows).count().stored("windowed");
    windowed.to_stream().select_key(|key, _| key.to_string()).to("windowed");
    let closed = Suppressed::until_window_closes(BufferConfig::unbounded());
    windowed.suppress(closed).to_stream().select_key(|key, _| key.to_string()).to("closed");
    let once = grouped.windowed_by(windows).emit_strategy(EmitStrategy::on_window_close());
    once.count().stored("once").to_stream().select_key(|key, _| key.to_string()).to("once");
    let sliding = SlidingWindows::of_time_difference_and_grace(millis(6), millis(9));
    let sliding = grouped.windowed_by(sliding).reduce(|sum, number| sum + number).stored("sliding");
    sliding.to_stream().select_key(|key, _| key.to_string()).to("sliding");
    let sessions = SessionWindows::of_inactivity_gap_and_grace(millis(4), millis(9));
    let sessions = grouped.windowed_by(sessions).count().stored("sessions");
    sessions.to_stream().select_key(|key, _| key.to_string()).to("sessions");
    let near = JoinWindows::of_time_difference_and_grace(millis(5), millis(3));
    let joined = numbers.outer_join_stream(&others, near, |left, right| {
        left.copied().unwrap_or(0) * 100 + right.copied().unwrap_or(0)
    });
    joined.to("joined");
    numbers.join(&rows, |number, row| number + row).to("with-row");
    let waiting = numbers.join(&versions, |number, row| number - row);
    waiting.with_grace_period(millis(4)).named("waiting").to("with-version");
    numbers.try_for_each(check);
    builder
}

/// Topic, key, number and timestamp.
type Input = (usize, u8, i64, i64);

fn written(builder: &StreamsBuilder, inputs: &[Input]) -> Vec<ProducedRecord> {
    let topology = builder.build().unwrap();
    let driver = TopologyTestDriver::builder(&topology, config());
    let handler = Retry::new(1, Duration::ZERO).then(LogAndFail::default());
    let driver = driver.processing_exception_handler(handler).build().unwrap();
    for (topic, key, number, time) in inputs {
        let name = ["in", "others", "rows", "versions"][*topic];
        let mut topic = driver.input_topic(name, string(), long());
        topic.pipe_input(format!("k{key}"), *number, *time).unwrap();
        driver.advance_wall_clock_time(millis(700)).unwrap();
    }
    driver.produced()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Changelogs and results of every kind of store, to the byte and in order.
    #[test]
    fn a_run_in_which_each_record_fails_once_is_as_one_without_failures(
        inputs in prop::collection::vec((0..4_usize, 0..2_u8, 1..5_i64, 0..60_i64), 1..40),
    ) {
        let plain = written(&stateful(|_, _| Ok(())), &inputs);
        let failed = AtomicBool::new(false);
        let flaky = stateful(move |_, _| {
            if failed.fetch_xor(true, Ordering::SeqCst) { Ok(()) } else { Err("not yet".into()) }
        });
        let flaky = written(&flaky, &inputs);
        for (flaky, plain) in flaky.iter().zip(&plain) {
            prop_assert_eq!(flaky, plain);
        }
        prop_assert_eq!(flaky.len(), plain.len());
    }
}
