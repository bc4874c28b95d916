//! Topologies whose parts lead nowhere.

use streams_core::{
    BoxError, ErrorKind, Record,
    config::StreamsConfig,
    processor::Context,
    serde::{long, string},
    store::Stores,
    testing::TopologyTestDriver,
    topology::{NodeRef, SinkOptions, SourceOptions, TopologyBuilder},
};
use streams_dsl::StreamsBuilder;

use super::assert_says;

fn source(builder: &mut TopologyBuilder) -> NodeRef<String, i64> {
    builder.add_source("source", SourceOptions::new(["in"], string(), long()))
}

/// A line of this file as errors name it.
fn at(line: u32) -> String {
    format!("({}:{line}:", file!())
}

#[test]
fn a_sink_and_a_processor_without_parents_are_reported_with_their_lines() {
    let mut builder = TopologyBuilder::new();
    source(&mut builder);
    builder.add_sink("lonely", SinkOptions::topic("out", string(), long()), &[]);
    let sink = line!() - 1;
    let pass = || {
        |record: Record<'_, String, i64>, context: &mut Context<'_, String, i64>| {
            context.forward(record).map_err(BoxError::from)
        }
    };
    let _: NodeRef<String, i64> = builder.add_processor::<_, String, i64, _, _>("idle", pass, &[]);
    let error = builder.build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Topology);
    let parts = ["node `lonely` has no parents", "node `idle` has no parents", &at(sink)];
    assert_says(&error, &parts);
}

#[test]
fn a_parent_or_a_store_of_another_topology_is_reported() {
    let mut other = TopologyBuilder::new();
    source(&mut other);
    let second = other.add_source("second", SourceOptions::new(["in2"], string(), long()));
    let store = other.add_state_store(Stores::key_value("counts", string(), long()));
    let mut builder = TopologyBuilder::new();
    let source = source(&mut builder);
    builder.add_sink("sink", SinkOptions::topic("out", string(), long()), &[source, second]);
    builder.connect(source.id(), store);
    let line = line!() - 1;
    let text = "a node or a store that is to be connected is of another topology";
    let parts = ["a parent of node `sink` is of another topology", text, &at(line)];
    assert_says(&builder.build().unwrap_err(), &parts);
}

#[test]
fn a_store_that_no_node_is_connected_to_is_reported_with_its_line() {
    let mut builder = TopologyBuilder::new();
    let source = source(&mut builder);
    builder.add_sink("sink", SinkOptions::topic("out", string(), long()), &[source]);
    builder.add_state_store(Stores::key_value("counts", string(), long()));
    let text = "store `counts` is connected to no node";
    assert_says(&builder.build().unwrap_err(), &[text, &at(line!() - 2)]);

    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("out");
    builder.add_state_store(Stores::key_value("kept", string(), long()));
    let line = line!() - 1;
    let error = builder.build().unwrap_err();
    assert_says(&error, &["store `kept` is connected to no node", "process_with", &at(line)]);
}

/// The message had the store's number instead of its name.
#[test]
fn a_node_that_uses_a_store_of_another_node_learns_the_stores_name() {
    let mut builder = TopologyBuilder::new();
    let source = source(&mut builder);
    let store = builder.add_state_store(Stores::key_value("counts", string(), long()).in_memory());
    let uses = move || {
        move |record: Record<'_, String, i64>, context: &mut Context<'_, String, i64>| {
            context.store(store)?.put(record.key, Some(1))?;
            context.forward(record).map_err(BoxError::from)
        }
    };
    let connected = builder.add_processor("connected", uses, &[source]);
    builder.connect(connected.id(), store);
    let apart: NodeRef<String, i64> = builder.add_processor("apart", uses, &[connected]);
    builder.add_sink("sink", SinkOptions::topic("out", string(), long()), &[apart]);
    let config = StreamsConfig::new("app", "unused:9092");
    let driver = TopologyTestDriver::new(&builder.build().unwrap(), config).unwrap();
    let mut input = driver.input_topic("in", string(), long());
    let error = input.pipe_input("k".to_owned(), 1, 0).unwrap_err();
    assert_says(&error, &["node `apart` is not connected to store `counts`"]);
}
