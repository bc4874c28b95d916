//! Processors with code around them, in a driver.

use std::{convert::Infallible, sync::Arc};

use parking_lot::Mutex;

use super::*;
use crate::{
    handler::LogAndContinue,
    processor::{AnyRecord, InnerProcessor, PunctuatorId, WrappedProcessor},
    topology::{ProcessorWrapper, WrapProcessor, WrappedNode},
};

type Seen = Arc<Mutex<Vec<String>>>;
type Counts = StoreRef<KeyValueStore<String, i64>>;

/// Notes the events around each node.
struct Notes(Seen);

impl ProcessorWrapper for Notes {
    fn wrap(&self, node: &mut WrappedNode<'_>) -> Option<WrapProcessor> {
        self.0.lock().push(format!("wrap {}", node.name()));
        let seen = self.0.clone();
        Some(Box::new(move || Box::new(Noting(seen.clone()))))
    }
}

struct Noting(Seen);

impl Noting {
    fn note(&self, what: &str, node: &str) {
        self.0.lock().push(format!("{what} {node}"));
    }
}

impl WrappedProcessor for Noting {
    fn init(&mut self, inner: &mut InnerProcessor<'_>) -> Result<(), BoxError> {
        self.note("init", inner.node_name());
        inner.init()
    }

    fn process(
        &mut self,
        record: AnyRecord<'_>,
        inner: &mut InnerProcessor<'_>,
    ) -> Result<(), BoxError> {
        let value = record.value::<String>().map_or("?", String::as_str);
        self.note("before", &format!("{} of {value}", inner.node_name()));
        inner.process(record)?;
        self.note("behind", inner.node_name());
        Ok(())
    }

    fn close(&mut self) {
        self.note("close", "");
    }
}

fn pass(record: Record<'_, String, String>, context: &mut Texts<'_>) -> Result<(), BoxError> {
    Ok(context.forward(record)?)
}

/// `in`, two nodes and `out`, next to a read-only store.
fn add_nodes(builder: &mut TopologyBuilder) {
    let from = source(builder, "source", "in");
    let first = builder.add_processor("first", || pass, &[from]);
    let second = builder.add_processor("second", || pass, &[first]);
    sink(builder, "sink", "out", second);
    let ignore = |_| {
        |_: Record<'_, String, String>, _: &mut Context<'_, Infallible, Infallible>| {
            Ok::<(), BoxError>(())
        }
    };
    let rows = SourceOptions::new(["rows"], string(), string());
    let store = Stores::key_value("rows", string(), string()).in_memory();
    builder.add_read_only_state_store("rows", rows, "fill", store, ignore);
}

/// As in Java, the processors that fill read-only stores are not wrapped.
#[test]
fn code_around_nodes_runs_before_and_behind_them_and_changes_no_name() {
    let seen = Seen::default();
    let mut builder = TopologyBuilder::new().with_processor_wrapper(Notes(seen.clone()));
    add_nodes(&mut builder);
    let mut plain = TopologyBuilder::new();
    add_nodes(&mut plain);
    let topology = builder.build().unwrap();
    assert_eq!(topology.describe(), plain.build().unwrap().describe());
    let driver = TopologyTestDriver::new(&topology, config()).unwrap();
    driver.input_topic("in", string(), string()).pipe_input("k".into(), "v".into(), 0).unwrap();
    assert_eq!(texts(&driver, "out").read_value().unwrap().unwrap(), "v");
    drop(driver);
    let expected = [
        "wrap first",
        "wrap second",
        "init first",
        "init second",
        "before first of v",
        "before second of v",
        "behind second",
        "behind first",
    ];
    assert_eq!(seen.lock()[..expected.len()], expected);
}

/// Counts records in its own store, and reports their number when its punctuation is due.
struct Counting {
    counts: Counts,
    punctuation: Option<PunctuatorId>,
    seen: Seen,
}

struct CountRecords(Seen);

impl ProcessorWrapper for CountRecords {
    fn wrap(&self, node: &mut WrappedNode<'_>) -> Option<WrapProcessor> {
        let store = Stores::key_value("counts", string(), long()).in_memory();
        let counts = node.add_state_store(store);
        let seen = self.0.clone();
        Some(Box::new(move || Box::new(Counting { counts, punctuation: None, seen: seen.clone() })))
    }
}

impl WrappedProcessor for Counting {
    fn init(&mut self, inner: &mut InnerProcessor<'_>) -> Result<(), BoxError> {
        let every = Duration::from_secs(1);
        self.punctuation = Some(inner.schedule(every, PunctuationType::WallClockTime));
        inner.init()
    }

    fn process(
        &mut self,
        record: AnyRecord<'_>,
        inner: &mut InnerProcessor<'_>,
    ) -> Result<(), BoxError> {
        let node = inner.node_name().to_owned();
        let counts = inner.store(self.counts)?;
        let count = counts.get(&node)?.copied().unwrap_or_default() + 1;
        counts.put(&node, Some(count))?;
        inner.process(record)
    }

    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        inner: &mut InnerProcessor<'_>,
    ) -> Result<(), BoxError> {
        if Some(punctuation.id) != self.punctuation {
            return inner.punctuate(punctuation);
        }
        let node = inner.node_name().to_owned();
        let count = inner.store(self.counts)?.get(&node)?.copied().unwrap_or_default();
        self.seen.lock().push(format!("{node}: {count}"));
        Ok(())
    }
}

#[test]
fn code_around_nodes_has_a_store_and_punctuations_of_its_own() {
    let seen = Seen::default();
    let mut builder = TopologyBuilder::new().with_processor_wrapper(CountRecords(seen.clone()));
    let from = source(&mut builder, "source", "in");
    let first = builder.add_processor("first", || pass, &[from]);
    let own = builder.add_state_store(Stores::key_value("own", string(), long()).in_memory());
    let second =
        builder.add_processor::<_, _, _, String, String>("second", move || Counter(own), &[first]);
    builder.connect(second.id(), own);
    sink(&mut builder, "sink", "out", second);
    let topology = builder.build().unwrap();
    let described = topology.describe();
    assert!(described.contains("Processor: first (stores: [counts])"), "{described}");
    assert!(described.contains("Processor: second (stores: [counts, own])"), "{described}");
    let driver = TopologyTestDriver::new(&topology, config()).unwrap();
    let mut input = driver.input_topic("in", string(), string());
    for value in ["v", "w"] {
        input.pipe_input("k".into(), value.into(), 0).unwrap();
    }
    driver.advance_wall_clock_time(Duration::from_secs(10)).unwrap();
    let mut seen = seen.lock().clone();
    seen.dedup();
    assert_eq!(seen, ["first: 2", "second: 2"]);
    assert_eq!(texts(&driver, "out").read_value().unwrap().unwrap(), "2", "the node's punctuation");
}

/// Replaces some values.
struct Replacing;

impl WrappedProcessor for Replacing {
    fn process(
        &mut self,
        record: AnyRecord<'_>,
        inner: &mut InnerProcessor<'_>,
    ) -> Result<(), BoxError> {
        match record.value::<String>().map(String::as_str) {
            Some("secret") => inner.process(record.with_value(&"***".to_owned()).with_timestamp(7)),
            Some("number") => inner.process(record.with_value(&7_i64)),
            Some("test") => {
                inner.drop_record("it is a test");
                Ok(())
            }
            Some("bad") => Err("refused".into()),
            _ => inner.process(record),
        }
    }
}

struct Replace;

impl ProcessorWrapper for Replace {
    fn wrap(&self, _: &mut WrappedNode<'_>) -> Option<WrapProcessor> {
        Some(Box::new(|| Box::new(Replacing)))
    }
}

#[test]
fn code_around_a_node_may_replace_drop_or_refuse_records() {
    let mut builder = TopologyBuilder::new().with_processor_wrapper(Arc::new(Replace));
    let from = source(&mut builder, "source", "in");
    let node = builder.add_processor("node", || pass, &[from]);
    sink(&mut builder, "sink", "out", node);
    let driver = TopologyTestDriver::builder(&builder.build().unwrap(), config())
        .processing_exception_handler(LogAndContinue::default())
        .build()
        .unwrap();
    let mut input = driver.input_topic("in", string(), string());
    for value in ["secret", "test", "bad", "plain"] {
        input.pipe_input("k".into(), value.into(), 1).unwrap();
    }
    let records = texts(&driver, "out").read_records_to_list().unwrap();
    let read: Vec<_> = records.iter().map(|record| (&*record.value, record.timestamp)).collect();
    assert_eq!(read, [("***", 7), ("plain", 1)]);
    assert_eq!(driver.dropped_records(), 2);
    let error = input.pipe_input("k".into(), "number".into(), 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Topology);
    let text = "code around node `node` passed a value on that is not a alloc::string::String";
    assert!(error.to_string().contains(text), "{error}");
}

/// Adds a store with the name of one of the program's.
struct Clash;

impl ProcessorWrapper for Clash {
    fn wrap(&self, node: &mut WrappedNode<'_>) -> Option<WrapProcessor> {
        node.add_state_store(Stores::key_value("own", string(), long()));
        None
    }
}

#[test]
fn a_store_of_a_wrapper_with_the_name_of_another_is_a_mistake() {
    let mut builder = TopologyBuilder::new().with_processor_wrapper(Clash);
    let from = source(&mut builder, "source", "in");
    let own = builder.add_state_store(Stores::key_value("own", string(), string()));
    let node = builder.add_processor::<_, _, _, String, String>("node", || pass, &[from]);
    builder.connect(node.id(), own);
    let error = builder.build().unwrap_err();
    let problem = error.topology_problems().first().unwrap();
    assert_eq!(problem.wrong(), "a store named `own` exists already");
    assert!(problem.caller().unwrap().file().ends_with("wrappers.rs"));
}
