//! Joins of streams, and the same by brute force. Java's results for the same records are in the
//! golden scenarios of the tests across the crates.

use std::{collections::BTreeMap, time::Duration};

use proptest::{collection::vec, prelude::*};
use streams_core::{
    config::TopologyOptimization,
    handler::LogAndContinue,
    serde::{SerdeRef, option, string},
    testing::TopologyTestDriver,
};

use crate::{JoinWindows, KStream, StreamJoined, StreamsBuilder, StreamsConfig};

type Text = Option<String>;

fn config() -> StreamsConfig {
    let config = StreamsConfig::new("app", "localhost:9092");
    config.set("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__", 0)
}

fn driver(builder: &StreamsBuilder) -> TopologyTestDriver {
    TopologyTestDriver::new(&builder.build_with(&config()).unwrap(), config()).unwrap()
}

fn texts() -> SerdeRef<Text> {
    option(string())
}

fn pipe(driver: &TopologyTestDriver, topic: &str, (key, value): (&str, &str), timestamp: i64) {
    let mut topic = driver.input_topic(topic, string(), string());
    topic.pipe_input(key.to_owned(), value.to_owned(), timestamp).unwrap();
}

/// Output since the last call, as `key=value@timestamp`.
fn read(driver: &TopologyTestDriver) -> Vec<String> {
    let records = driver.output_topic("out", texts(), texts()).read_records_to_list().unwrap();
    let text = |text: Text| text.unwrap_or_else(|| "null".to_owned());
    let line = |key, value, timestamp| format!("{}={}@{timestamp}", text(key), text(value));
    records.into_iter().map(|record| line(record.key, record.value, record.timestamp)).collect()
}

fn both(left: Option<&String>, right: Option<&String>) -> String {
    let text = |side: Option<&String>| side.cloned().unwrap_or_else(|| "-".to_owned());
    format!("{}{}", text(left), text(right))
}

fn windows(before: u64, after: u64, grace: u64) -> JoinWindows {
    let ms = Duration::from_millis;
    JoinWindows::of_time_difference_and_grace(ms(after), ms(grace)).before(ms(before))
}

type Streams = (KStream<String, String>, KStream<String, String>);

fn streams(builder: &StreamsBuilder) -> Streams {
    (builder.stream("left"), builder.stream("right"))
}

#[test]
fn a_pair_is_joined_once_whichever_side_comes_later() {
    let builder = StreamsBuilder::new();
    let (left, right) = streams(&builder);
    left.join_stream(&right, windows(10, 10, 0), |l, r| format!("{l}{r}")).to("out");
    let driver = driver(&builder);
    pipe(&driver, "left", ("k", "a"), 100);
    pipe(&driver, "right", ("k", "b"), 110);
    pipe(&driver, "right", ("k", "c"), 111);
    pipe(&driver, "left", ("k", "d"), 105);
    pipe(&driver, "left", ("other", "e"), 105);
    assert_eq!(read(&driver), ["k=ab@110", "k=db@110", "k=dc@111"]);
}

#[test]
fn what_was_not_joined_comes_out_when_its_window_and_the_grace_period_have_passed() {
    let builder = StreamsBuilder::new();
    let (left, right) = streams(&builder);
    left.outer_join_stream(&right, windows(10, 10, 5), both).to("out");
    let driver = driver(&builder);
    pipe(&driver, "left", ("k", "a"), 100);
    pipe(&driver, "right", ("k", "b"), 115);
    assert_eq!(read(&driver), [""; 0]);
    pipe(&driver, "left", ("other", "c"), 116);
    assert_eq!(read(&driver), ["k=a-@100"]);
    // In the grace period, but stream time is past its window: it does not wait.
    pipe(&driver, "left", ("late", "d"), 105);
    assert_eq!(read(&driver), ["late=d-@105"]);
    pipe(&driver, "right", ("end", "e"), 200);
    assert_eq!(read(&driver), ["k=-b@115", "other=c-@116"]);
}

#[test]
fn a_look_for_what_was_not_joined_is_taken_once_a_second() {
    let builder = StreamsBuilder::new();
    let (left, right) = streams(&builder);
    left.left_join_stream(&right, windows(1, 1, 0), |l, r: Option<&String>| both(Some(l), r))
        .to("out");
    let config = StreamsConfig::new("app", "localhost:9092");
    let driver = TopologyTestDriver::new(&builder.build().unwrap(), config).unwrap();
    pipe(&driver, "left", ("k", "a"), 100);
    pipe(&driver, "left", ("k", "b"), 200);
    assert_eq!(read(&driver), [""; 0]);
    driver.advance_wall_clock_time(Duration::from_secs(1)).unwrap();
    pipe(&driver, "left", ("k", "c"), 300);
    assert_eq!(read(&driver), ["k=a-@100", "k=b-@200"]);
}

#[test]
fn an_error_of_the_joiner_takes_nothing_that_was_joined_before_it() {
    let builder = StreamsBuilder::new();
    let (left, right) = streams(&builder);
    let joiner = |l: &String, r: &String| {
        if r == "bad" { Err("a bad record") } else { Ok(format!("{l}{r}")) }
    };
    left.try_join_stream(&right, windows(10, 10, 0), joiner).to("out");
    let topology = builder.build().unwrap();
    let driver = TopologyTestDriver::builder(&topology, config())
        .processing_exception_handler(LogAndContinue::default())
        .build()
        .unwrap();
    for (timestamp, value) in [(100, "a"), (101, "bad"), (102, "c")] {
        pipe(&driver, "right", ("k", value), timestamp);
    }
    pipe(&driver, "left", ("k", "l"), 103);
    assert_eq!(read(&driver), ["k=la@103"]);
}

#[test]
fn stores_are_named_and_in_memory_as_it_is_said() {
    let builder = StreamsBuilder::new();
    let (left, right) = streams(&builder);
    let joined = left.outer_join_stream(&right, windows(10, 10, 0), both);
    let stores = StreamJoined::named("s").in_memory().with_logging_disabled();
    joined.stored(stores).named("j").to("out");
    let text = builder.build().unwrap().describe();
    assert!(
        text.contains("Processor: j-this-windowed (stores: [s-outer-this-join-store])"),
        "{text}"
    );
    assert!(text.contains("s-outer-shared-join-store"), "{text}");
    let driver = driver(&builder);
    pipe(&driver, "left", ("k", "a"), 100);
    pipe(&driver, "right", ("k", "b"), 100);
    assert_eq!(read(&driver), ["k=ab@100"]);
}

#[test]
fn mistakes_in_windows_and_names_are_reported() {
    let builder = StreamsBuilder::new();
    let (left, right) = streams(&builder);
    let backwards = windows(0, 10, 0).starting_after(Duration::from_millis(11));
    left.join_stream(&right, backwards, |l, r| format!("{l}{r}")).stored("no name").to("out");
    left.filter(|_, _| true).stored("nothing").to("other");
    let text = builder.build().unwrap_err().to_string();
    for problem in ["must not end before they begin", "name `no name`", "has no store"] {
        assert!(text.contains(problem), "{text}");
    }
}

/// A record: whether it is of the left stream, its key and its timestamp.
type Input = (bool, u8, i64);

fn feed(driver: &TopologyTestDriver, inputs: &[Input]) {
    for (index, (left, key, timestamp)) in inputs.iter().enumerate() {
        let topic = if *left { "left" } else { "right" };
        pipe(driver, topic, (&key.to_string(), &format!("<{index}>")), *timestamp);
    }
}

/// The pairs that a join gives, in order: each record with those of the other side that came before
/// it, by their time.
fn pairs(inputs: &[Input], (before, after, grace): (i64, i64, i64)) -> Vec<String> {
    let mut found = Vec::new();
    for (index, (left, key, timestamp)) in inputs.iter().enumerate() {
        let earlier = inputs.iter().enumerate().take(index);
        let others: Vec<_> = earlier.filter(|(_, (side, ..))| side != left).collect();
        let stream_time = others.iter().map(|(_, input)| input.2).max().unwrap_or(-1);
        let mut joined: Vec<_> = others
            .into_iter()
            .filter(|(_, (_, other_key, other))| {
                let later = if *left { other - timestamp } else { timestamp - other };
                let kept = *other > stream_time - (before + after + grace);
                other_key == key && (-before..=after).contains(&later) && kept
            })
            .collect();
        joined.sort_by_key(|(place, input)| (input.2, *place));
        for (place, (.., other)) in joined {
            let (l, r) = if *left { (index, place) } else { (place, index) };
            found.push(format!("{key}=<{l}><{r}>@{}", timestamp.max(other)));
        }
    }
    found
}

fn spans() -> impl Strategy<Value = (u64, u64, u64)> {
    (0..12_u64, 0..12_u64, 0..12_u64)
}

fn input() -> impl Strategy<Value = Input> {
    (any::<bool>(), 0..2_u8, 0..60_i64)
}

fn signed((before, after, grace): (u64, u64, u64)) -> (i64, i64, i64) {
    let signed = |span: u64| i64::try_from(span).unwrap();
    (signed(before), signed(after), signed(grace))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_inner_join_gives_each_pair_in_its_window(
        (before, after, grace) in spans(),
        inputs in vec(input(), 0..40),
    ) {
        let builder = StreamsBuilder::new();
        let (left, right) = streams(&builder);
        let windows = windows(before, after, grace);
        left.join_stream(&right, windows, |l, r| format!("{l}{r}")).to("out");
        let driver = driver(&builder);
        feed(&driver, &inputs);
        prop_assert_eq!(read(&driver), pairs(&inputs, signed((before, after, grace))));
    }

    /// Records come in the order of their timestamps here: of those that come late, Java may say
    /// both that they were not joined and what they were joined with.
    #[test]
    fn an_outer_join_gives_each_pair_and_each_record_that_is_in_none(
        (before, after, grace) in spans(),
        mut inputs in vec(input(), 0..40),
    ) {
        inputs.sort_by_key(|(.., timestamp)| *timestamp);
        let builder = StreamsBuilder::new();
        let (left, right) = streams(&builder);
        left.outer_join_stream(&right, windows(before, after, grace), both).to("out");
        let driver = driver(&builder);
        feed(&driver, &inputs);
        pipe(&driver, "left", ("end", "end"), 1_000);
        let mut found = read(&driver);
        let mut expected = pairs(&inputs, signed((before, after, grace)));
        for (index, (left, key, timestamp)) in inputs.iter().enumerate() {
            let value = format!("<{index}>");
            if !expected.iter().any(|line| line.contains(&value)) {
                let value = if *left { format!("{value}-") } else { format!("-{value}") };
                expected.push(format!("{key}={value}@{timestamp}"));
            }
        }
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);
    }

    /// But for pairs of a record with itself: Java lets them expire a millisecond earlier than two
    /// stores do. And without a grace period, of two stores one has let go of what is at the edge
    /// of the window when the other side looks.
    #[test]
    fn a_self_join_in_one_store_gives_what_two_stores_give(
        (before, after, grace) in spans(),
        inputs in vec((0..2_u8, 0..60_i64), 0..30),
    ) {
        let found = [vec![], vec![TopologyOptimization::SingleStoreSelfJoin]].map(|optimizations| {
            let builder = StreamsBuilder::new();
            let stream = builder.stream::<String, String>("in");
            let windows = windows(before, after, grace + 1);
            stream.join_stream(&stream, windows, |l, r| format!("{l}{r}")).to("out");
            let config = config().topology_optimization(optimizations);
            let topology = builder.build_with(&config).unwrap();
            let driver = TopologyTestDriver::new(&topology, config).unwrap();
            for (index, (key, timestamp)) in inputs.iter().enumerate() {
                pipe(&driver, "in", (&key.to_string(), &format!("<{index}>")), *timestamp);
            }
            read(&driver)
        });
        let [two, one] = found.map(|lines| {
            let mut counts = BTreeMap::<String, usize>::new();
            let with_itself = |line: &String| {
                let values = line.split(['=', '@']).nth(1).unwrap_or_default();
                values.split_at(values.len() / 2).0 == values.split_at(values.len() / 2).1
            };
            for line in lines.into_iter().filter(|line| !with_itself(line)) {
                *counts.entry(line).or_default() += 1;
            }
            counts
        });
        prop_assert_eq!(one, two);
    }
}
