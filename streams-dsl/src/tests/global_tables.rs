//! Joins with global tables, and processors that read them. Java's results for the same records are
//! in the golden scenarios of the tests across the crates.

use std::convert::Infallible;

use streams_core::{
    BoxError, Direction, Record,
    handler::LogAndContinue,
    processor::{Context, Processor},
    serde::{SerdeRef, long, option, string},
    store::{GlobalStoreRef, KeyValueStore, StoreRef, Stores, TimestampedKeyValueStore},
    testing::TopologyTestDriver,
};

use crate::{Consumed, Materialized, StreamsBuilder, StreamsConfig};

type Text = Option<String>;

fn config() -> StreamsConfig {
    StreamsConfig::new("app", "localhost:9092")
}

fn driver(builder: &StreamsBuilder) -> TopologyTestDriver {
    TopologyTestDriver::new(&builder.build().unwrap(), config()).unwrap()
}

fn texts() -> SerdeRef<Text> {
    option(string())
}

/// Pipes a record with the given texts.
fn pipe(driver: &TopologyTestDriver, topic: &str, key: &str, value: &str, timestamp: i64) {
    let mut topic = driver.input_topic(topic, string(), string());
    topic.pipe_input(key.to_owned(), value.to_owned(), timestamp).unwrap();
}

/// Output since the last call, as `key=value@timestamp`.
fn read(driver: &TopologyTestDriver, topic: &str) -> Vec<String> {
    let records = driver.output_topic(topic, texts(), texts()).read_records_to_list().unwrap();
    let null = || "null".to_owned();
    let line = |key: Text, value: Text, timestamp| {
        format!("{}={}@{timestamp}", key.unwrap_or_else(null), value.unwrap_or_else(null))
    };
    records.into_iter().map(|record| line(record.key, record.value, record.timestamp)).collect()
}

#[test]
fn a_row_is_found_by_a_key_of_another_type() {
    let builder = StreamsBuilder::new();
    let names = builder.global_table::<i64, String>("names");
    let lines = builder.stream::<String, String>("in");
    let number = |_: &String, line: &String| line.parse::<i64>().ok();
    lines.join_global(&names, number, |line, name| format!("{line}:{name}")).to("out");
    let driver = driver(&builder);
    let mut rows = driver.input_topic("names", long(), texts());
    rows.pipe_input(7, Some("seven".into()), 100).unwrap();
    pipe(&driver, "in", "k", "7", 5);
    pipe(&driver, "in", "k", "8", 6);
    pipe(&driver, "in", "k", "no number", 7);
    rows.pipe_input(7, Some("VII".into()), 50).unwrap();
    pipe(&driver, "in", "k", "7", 8);
    rows.pipe_input(7, None, 40).unwrap();
    pipe(&driver, "in", "k", "7", 9);
    assert_eq!(read(&driver, "out"), ["k=7:seven@5", "k=7:VII@8"]);
    assert_eq!(driver.dropped_records(), 1);
}

#[test]
fn a_left_join_keeps_records_without_a_row_a_key_or_a_mapped_key() {
    let builder = StreamsBuilder::new();
    let names = builder.global_table::<String, String>("names");
    let lines = builder.stream::<Text, Text>("in");
    let first = |_: &Text, line: &String| line.split_once(':').map(|(first, _)| first.to_owned());
    let joiner = |key: &Text, line: &String, name: Option<&String>| {
        format!("{} {line} {}", key.is_some(), name.map_or("-", String::as_str))
    };
    lines.left_join_global_with_key(&names, first, joiner).to("out");
    let driver = driver(&builder);
    pipe(&driver, "names", "a", "Ann", 0);
    let mut lines = driver.input_topic("in", texts(), texts());
    lines.pipe_input(Some("k".into()), Some("a:x".into()), 3).unwrap();
    lines.pipe_input(None, Some("a:x".into()), 2).unwrap();
    lines.pipe_input(None, Some("b:x".into()), 1).unwrap();
    lines.pipe_input(Some("k".into()), Some("x".into()), 4).unwrap();
    lines.pipe_input(Some("k".into()), None, 5).unwrap();
    let expected =
        ["k=true a:x Ann@3", "null=false a:x Ann@2", "null=false b:x -@1", "k=true x -@4"];
    assert_eq!(read(&driver, "out"), expected);
    assert_eq!(driver.dropped_records(), 1, "the record without a value");
}

#[test]
fn what_a_mapper_or_a_joiner_returns_as_an_error_goes_to_the_handler() {
    let builder = StreamsBuilder::new();
    let names = builder.global_table::<i64, String>("names");
    let lines = builder.stream::<String, String>("in");
    let joined = lines
        .try_join_global(
            &names,
            |_, line| Ok::<_, BoxError>(line.parse::<i64>()?),
            |line, name| match &**name {
                "" => Err(format!("number {line} has no name").into()),
                name => Ok(name.to_owned()),
            },
        )
        .named("by-number");
    joined.to("out");
    let topology = builder.build().unwrap();
    let driver = TopologyTestDriver::builder(&topology, config())
        .processing_exception_handler(LogAndContinue::default())
        .build()
        .unwrap();
    let mut rows = driver.input_topic("names", long(), string());
    rows.pipe_all([(1, "one".to_owned()), (2, String::new())]).unwrap();
    for (line, timestamp) in [("x", 1), ("2", 2), ("1", 3)] {
        pipe(&driver, "in", "k", line, timestamp);
    }
    assert_eq!(read(&driver, "out"), ["k=one@3"]);
    assert_eq!(driver.dropped_records(), 2);
    let failing = TopologyTestDriver::new(&topology, config()).unwrap();
    let mut lines = failing.input_topic("in", string(), string());
    let error = lines.pipe_input("k".to_owned(), "x".to_owned(), 0).unwrap_err().to_string();
    assert!(error.contains("by-number") && error.contains("in-0@0"), "{error}");
}

#[test]
fn a_topic_that_the_topology_writes_can_be_a_global_table() {
    let builder = StreamsBuilder::new();
    let latest = builder.global_table::<String, String>("latest");
    let lines = builder.stream::<String, String>("in");
    let pair = |line: &String, before: Option<&String>| format!("{line} after {before:?}");
    lines.left_join_global(&latest, |key, _| key.clone(), pair).to("out");
    lines.to("latest");
    let driver = driver(&builder);
    pipe(&driver, "in", "k", "a", 1);
    pipe(&driver, "in", "k", "b", 2);
    assert_eq!(read(&driver, "out"), ["k=a after None@1", "k=b after Some(\"a\")@2"]);
}

#[test]
fn records_go_through_the_joins_with_several_tables_and_are_still_grouped_by_their_own_key() {
    let builder = StreamsBuilder::new();
    let (a, b) = (builder.global_table::<String, String>("a"), builder.global_table("b"));
    let lines = builder.stream::<String, String>("in");
    let joined = lines
        .join_global(&a, |_, line| line.clone(), |line, a| format!("{line}{a}"))
        .join_global(&b, |key, _| key.clone(), |line, b: &String| format!("{line}{b}"));
    joined.group_by_key().reduce(|sum: String, line| sum + "," + line).to_stream().to("out");
    let driver = driver(&builder);
    pipe(&driver, "a", "x", "1", 0);
    pipe(&driver, "b", "k", "2", 0);
    pipe(&driver, "in", "k", "x", 1);
    pipe(&driver, "in", "k", "x", 2);
    pipe(&driver, "in", "other", "x", 3);
    assert_eq!(read(&driver, "out"), ["k=x12@1", "k=x12,x12@2"]);
}

/// Counts in its own store, and reads two global ones.
struct Looker {
    counts: StoreRef<KeyValueStore<String, i64>>,
    table: GlobalStoreRef<TimestampedKeyValueStore<String, String>>,
    kept: GlobalStoreRef<KeyValueStore<String, String>>,
}

impl Processor<String, String, String, String> for Looker {
    fn process(
        &mut self,
        record: Record<'_, String, String>,
        context: &mut Context<'_, String, String>,
    ) -> Result<(), BoxError> {
        let counts = context.store(self.counts)?;
        let count = counts.get(record.key)?.copied().unwrap_or(0) + 1;
        counts.put(record.key, Some(count))?;
        let row = context.global_store(self.table)?.get(record.value)?;
        let row = row.map(|row| format!("{}@{}", row.value, row.timestamp));
        let mut kept = context.global_store(self.kept)?;
        let rows: Vec<(String, String)> =
            kept.all(Direction::Forward)?.collect::<streams_core::Result<_>>()?;
        let value = format!("{count} {row:?} {}", rows.len());
        Ok(context.forward(record.with_value(&value))?)
    }
}

#[test]
fn a_processor_reads_global_stores_beside_its_own() {
    let builder = StreamsBuilder::new();
    let rows = Materialized::named("rows").in_memory();
    let table = builder.global_table::<String, String>("table").stored(rows);
    let keep = |kept: StoreRef<KeyValueStore<String, String>>| {
        move |record: Record<'_, i64, String>, context: &mut Context<'_, Infallible, Infallible>| {
            let (key, value) = (record.key.to_string(), Some(record.value.clone()));
            context.store(kept)?.put(&key, value).map_err(BoxError::from)
        }
    };
    let kept = Stores::key_value("kept", string(), string());
    let kept = builder.add_global_store(kept, "numbers", keep);
    let counts = builder.add_state_store(Stores::key_value("counts", string(), long()));
    let looker = |(counts, table, kept)| Looker { counts, table, kept };
    let lines = builder.stream::<String, String>("in");
    lines.process_with((&counts, &table, &kept), looker).to("out");
    assert_eq!((table.queryable_store_name().as_deref(), kept.name()), (Some("rows"), "kept"));
    let driver = driver(&builder);
    pipe(&driver, "table", "x", "one", 17);
    let mut numbers = driver.input_topic("numbers", long(), string());
    numbers.pipe_all([(1, "a".to_owned()), (2, "b".to_owned()), (1, "c".to_owned())]).unwrap();
    pipe(&driver, "in", "k", "x", 1);
    pipe(&driver, "in", "k", "y", 2);
    assert_eq!(read(&driver, "out"), ["k=1 Some(\"one@17\") 2@1", "k=2 None 2@2"]);
}

#[test]
fn a_row_has_the_time_that_its_tables_extractor_finds() {
    let builder = StreamsBuilder::new();
    let by_value = Consumed::topic("times")
        .with(string(), long())
        .with_timestamp_extractor(|asked| Ok(*asked.record.value));
    builder.global_table::<String, i64>(by_value).stored("times");
    let driver = driver(&builder);
    let mut times = driver.input_topic("times", texts(), option(long()));
    times.pipe_input(Some("a".into()), Some(33), 1).unwrap();
    times.pipe_input(None, Some(34), 2).unwrap();
    times.pipe_input(Some("b".into()), None, 3).unwrap();
    let mut rows = driver.timestamped_key_value_store::<String, i64>("times").unwrap();
    let rows: Vec<_> = rows.all(Direction::Forward).unwrap().map(Result::unwrap).collect();
    let [(key, row)] = &rows[..] else { panic!("{} rows", rows.len()) };
    assert_eq!((&**key, row.value, row.timestamp), ("a", 33, 33));
    assert_eq!(driver.dropped_records(), 1, "the record without a key");
}
