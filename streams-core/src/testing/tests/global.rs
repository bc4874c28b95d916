//! Global stores in a driver.

use std::convert::Infallible;

use super::*;
use crate::{
    handler::LogAndContinue,
    store::{GlobalStoreRef, TimestampedKeyValueStore, ValueAndTimestamp},
};

type Names = KeyValueStore<String, String>;
type Nothing<'a> = Context<'a, Infallible, Infallible>;

/// Keeps each value in upper case; fails on "bad".
fn keep(
    names: StoreRef<Names>,
) -> impl FnMut(Record<'_, String, String>, &mut Nothing<'_>) -> Result<(), BoxError> {
    move |record: Record<'_, String, String>, context: &mut Nothing<'_>| {
        if record.value == "bad" {
            return Err("a bad value".into());
        }
        let value = (!record.value.is_empty()).then(|| record.value.to_uppercase());
        Ok(context.store(names)?.put(record.key, value)?)
    }
}

fn add_names(builder: &mut TopologyBuilder) -> GlobalStoreRef<Names> {
    let source = SourceOptions::new(["tab"], string(), string());
    let store = Stores::key_value("names", string(), string());
    builder.add_global_store("tab-source", source, "keep", store, keep)
}

/// Forwards each value with the global row of its key.
fn add_reader(
    builder: &mut TopologyBuilder,
    names: GlobalStoreRef<Names>,
    parent: NodeRef<String, String>,
) -> NodeRef<String, String> {
    let read = move || {
        move |record: Record<'_, String, String>, context: &mut Texts<'_>| {
            let name = context.global_store(names)?.get(record.key)?;
            let value = format!("{}|{}", record.value, name.as_deref().unwrap_or("null"));
            Ok(context.forward(record.with_value(&value))?)
        }
    };
    builder.add_processor("read", read, &[parent])
}

fn reading() -> Topology {
    let mut builder = TopologyBuilder::new();
    let names = add_names(&mut builder);
    let source = source(&mut builder, "source", "in");
    let read = add_reader(&mut builder, names, source);
    sink(&mut builder, "sink", "out", read);
    builder.build().unwrap()
}

#[test]
fn every_processor_sees_what_the_topic_of_a_global_store_has() {
    let driver = TopologyTestDriver::new(&reading(), config()).unwrap();
    let mut tab = driver.input_topic("tab", string(), string());
    let mut input = driver.input_topic("in", string(), string());
    let read = |input: &mut TestInputTopic<String, String>, key: &str| {
        input.pipe_input(key.into(), "v".into(), 0).unwrap();
        texts(&driver, "out").read_value().unwrap().unwrap()
    };
    assert_eq!(read(&mut input, "a"), "v|null");
    tab.pipe_input("a".into(), "x".into(), 100).unwrap();
    assert_eq!(read(&mut input, "a"), "v|X");
    tab.pipe_input("a".into(), "y".into(), 50).unwrap();
    assert_eq!(read(&mut input, "a"), "v|Y");
    tab.pipe_input("a".into(), String::new(), 60).unwrap();
    assert_eq!(read(&mut input, "a"), "v|null");
}

#[test]
fn a_global_store_is_read_and_filled_by_its_name_and_has_no_changelog() {
    let driver = TopologyTestDriver::new(&reading(), config()).unwrap();
    driver.input_topic("tab", string(), string()).pipe_input("a".into(), "x".into(), 0).unwrap();
    let key = "a".to_owned();
    let names = || driver.key_value_store::<String, String>("names").unwrap();
    assert_eq!(names().get(&key).unwrap(), Some(&"X".to_owned()));
    names().put(&key, Some("by hand".into())).unwrap();
    driver.input_topic("in", string(), string()).pipe_input("a".into(), "v".into(), 0).unwrap();
    assert_eq!(texts(&driver, "out").read_value().unwrap().unwrap(), "v|by hand");
    assert_eq!(driver.produced_len(), 1);
}

#[test]
fn ranges_of_a_global_store_are_in_the_order_of_the_keys() {
    let mut builder = TopologyBuilder::new();
    let names = add_names(&mut builder);
    let source = source(&mut builder, "source", "in");
    let list = move || {
        move |record: Record<'_, String, String>, context: &mut Texts<'_>| {
            let mut store = context.global_store(names)?;
            let text = |rows: Vec<(String, String)>| {
                let rows: Vec<String> = rows.iter().map(|(k, v)| format!("{k}{v}")).collect();
                rows.join(" ")
            };
            let all = text(store.all(Direction::Backward)?.collect::<Result<_>>()?);
            let (from, to) = ("b".to_owned(), "bb".to_owned());
            let range = store.range(Some(&from), Some(&to), Direction::Forward)?;
            let range = text(range.collect::<Result<_>>()?);
            let prefix = text(store.prefix_scan(b"b")?.collect::<Result<_>>()?);
            let count = store.approximate_num_entries()?;
            let value = format!("{} {count}: {all}; {range}; {prefix}", store.name());
            Ok(context.forward(record.with_value(&value))?)
        }
    };
    let list = builder.add_processor("list", list, &[source]);
    sink(&mut builder, "sink", "out", list);
    let driver = TopologyTestDriver::new(&builder.build().unwrap(), config()).unwrap();
    let mut tab = driver.input_topic("tab", string(), string());
    for key in ["bb", "a", "c", "b"] {
        tab.pipe_input(key.into(), "v".into(), 0).unwrap();
    }
    driver.input_topic("in", string(), string()).pipe_input("a".into(), "v".into(), 0).unwrap();
    let listed = texts(&driver, "out").read_value().unwrap().unwrap();
    assert_eq!(listed, "names 4: cV bbV bV aV; bV bbV; bV bbV");
}

#[test]
fn what_the_topology_writes_to_the_topic_of_a_global_store_is_in_it() {
    let mut builder = TopologyBuilder::new();
    let names = add_names(&mut builder);
    let in_source = source(&mut builder, "source", "in");
    let rows = source(&mut builder, "rows", "rows");
    sink(&mut builder, "to-tab", "tab", rows);
    let read = add_reader(&mut builder, names, in_source);
    sink(&mut builder, "sink", "out", read);
    let driver = TopologyTestDriver::new(&builder.build().unwrap(), config()).unwrap();
    driver.input_topic("rows", string(), string()).pipe_input("a".into(), "x".into(), 0).unwrap();
    driver.input_topic("in", string(), string()).pipe_input("a".into(), "v".into(), 0).unwrap();
    assert_eq!(texts(&driver, "out").read_value().unwrap().unwrap(), "v|X");
}

#[test]
fn records_of_a_global_store_do_not_move_stream_time() {
    let mut builder = TopologyBuilder::new();
    add_names(&mut builder);
    let source = source(&mut builder, "source", "in");
    let time = || {
        |record: Record<'_, String, String>, context: &mut Texts<'_>| {
            let time = context.current_stream_time_ms().to_string();
            Ok(context.forward(record.with_value(&time))?)
        }
    };
    let time = builder.add_processor("time", time, &[source]);
    sink(&mut builder, "sink", "out", time);
    let driver = TopologyTestDriver::new(&builder.build().unwrap(), config()).unwrap();
    driver.input_topic("tab", string(), string()).pipe_input("a".into(), "x".into(), 900).unwrap();
    driver.input_topic("in", string(), string()).pipe_input("a".into(), "v".into(), 7).unwrap();
    assert_eq!(texts(&driver, "out").read_value().unwrap().unwrap(), "7");
}

#[test]
fn a_timestamped_global_store_has_the_timestamps() {
    type Table = TimestampedKeyValueStore<String, String>;
    let mut builder = TopologyBuilder::new();
    let source = SourceOptions::new(["tab"], string(), string());
    let store = Stores::timestamped_key_value("table", string(), string()).in_memory();
    let table = builder.add_global_store("tab", source, "keep", store, |table: StoreRef<Table>| {
        move |record: Record<'_, String, String>, context: &mut Nothing<'_>| {
            let (value, timestamp) = (record.value.clone(), record.timestamp);
            let row = ValueAndTimestamp { value, timestamp };
            context.store(table)?.put(record.key, Some(row)).map_err(BoxError::from)
        }
    });
    let source = self::source(&mut builder, "source", "in");
    let read = move || {
        move |record: Record<'_, String, String>, context: &mut Texts<'_>| {
            let row = context.stores().global_store(table)?.get(record.key)?;
            let value = format!("{:?}", row.map(|row| row.timestamp));
            Ok(context.forward(record.with_value(&value))?)
        }
    };
    let read = builder.add_processor("read", read, &[source]);
    sink(&mut builder, "sink", "out", read);
    let driver = TopologyTestDriver::new(&builder.build().unwrap(), config()).unwrap();
    driver.input_topic("tab", string(), string()).pipe_input("a".into(), "x".into(), 41).unwrap();
    driver.input_topic("in", string(), string()).pipe_input("a".into(), "v".into(), 0).unwrap();
    assert_eq!(texts(&driver, "out").read_value().unwrap().unwrap(), "Some(41)");
}

#[test]
fn an_error_of_a_global_processor_does_not_ask_the_handler() {
    let driver = TopologyTestDriver::builder(&reading(), config())
        .processing_exception_handler(LogAndContinue::default())
        .build()
        .unwrap();
    let mut tab = driver.input_topic("tab", string(), string());
    let error = tab.pipe_input("a".into(), "bad".into(), 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Processing);
    let text = error.to_string();
    assert!(text.contains("node `keep` of a global store failed on tab-0@0"), "{text}");
}

#[test]
fn a_record_that_cannot_be_read_is_left_to_the_handler() {
    let topology = reading();
    let pipe =
        |driver: &TopologyTestDriver| driver.pipe_bytes("tab", (Some(b"a"), Some(b"\xff")), 0);
    let strict = TopologyTestDriver::new(&topology, config()).unwrap();
    let error = pipe(&strict).unwrap_err();
    assert!(error.to_string().contains("tab-0@0"), "{error}");
    let lenient = TopologyTestDriver::builder(&topology, config())
        .deserialization_exception_handler(LogAndContinue::default())
        .build()
        .unwrap();
    pipe(&lenient).unwrap();
    assert_eq!(lenient.dropped_records(), 1);
}

/// The texts are those that Java prints of such a topology.
#[test]
fn a_global_store_has_a_number_but_no_tasks() {
    let topology = reading();
    let expected = "Topologies:
   Sub-topology: 0 for global store (will not generate tasks)
    Source: tab-source (topics: [tab])
      --> keep
    Processor: keep (stores: [names])
      --> none
      <-- tab-source
  Sub-topology: 1
    Source: source (topics: [in])
      --> read
    Processor: read (stores: [])
      --> sink
      <-- source
    Sink: sink (topic: out)
      <-- read

";
    assert_eq!(topology.describe(), expected);
    assert!(topology.describe_mermaid().contains("subgraph \"Sub-topology 0 (global store)\""));
    let group = topology.group_topology("app", 0, &[].into());
    let numbers: Vec<u32> = group.subtopologies.keys().copied().collect();
    assert_eq!(numbers, [1]);
    assert!(!group.subtopologies[&1].stateful);
}

#[test]
fn mistakes_with_global_stores_are_reported_together() {
    let mut builder = TopologyBuilder::new();
    add_names(&mut builder);
    source(&mut builder, "again", "tab");
    builder.add_state_store(Stores::key_value("names", string(), long()));
    let two = SourceOptions::new(["one", "two"], string(), string());
    let store = Stores::key_value("other", string(), string());
    builder.add_global_store("two", two, "keep", store, keep);
    let text = builder.build().unwrap_err().to_string();
    for mistake in [
        "topic tab is read by source `tab-source` already",
        "a store named `names` exists already",
        "global store `other` must be filled from one topic, not [\"one\", \"two\"]",
        "a node named `keep` exists already",
    ] {
        assert!(text.contains(mistake), "{mistake}: {text}");
    }
    assert!(text.contains("global.rs"), "{text}");
}

#[test]
fn a_reference_of_another_topology_is_an_error() {
    let mut other = TopologyBuilder::new();
    other.add_state_store(Stores::key_value("first", string(), long()));
    let names = add_names(&mut other);
    let mut builder = TopologyBuilder::new();
    let source = source(&mut builder, "source", "in");
    let read = add_reader(&mut builder, names, source);
    sink(&mut builder, "sink", "out", read);
    let driver = TopologyTestDriver::new(&builder.build().unwrap(), config()).unwrap();
    let mut input = driver.input_topic("in", string(), string());
    let error = input.pipe_input("a".into(), "v".into(), 0).unwrap_err();
    assert!(error.to_string().contains("global store of another topology"), "{error}");
}
