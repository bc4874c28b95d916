//! The nodes of the DSL that a wrapper sees.

use std::sync::Arc;

use parking_lot::Mutex;
use streams_core::{
    BoxError,
    config::StreamsConfig,
    processor::{AnyRecord, InnerProcessor, WrappedProcessor},
    serde::{long, string},
    testing::TopologyTestDriver,
    topology::{ProcessorWrapper, WrapProcessor, WrappedNode},
};

use crate::StreamsBuilder;

type Seen = Arc<Mutex<Vec<String>>>;

struct Notes(Seen);

struct Noting(Seen);

impl ProcessorWrapper for Notes {
    fn wrap(&self, node: &mut WrappedNode<'_>) -> Option<WrapProcessor> {
        self.0.lock().push(format!("wrap {}", node.name()));
        let seen = self.0.clone();
        Some(Box::new(move || Box::new(Noting(seen.clone()))))
    }
}

impl WrappedProcessor for Noting {
    fn process(
        &mut self,
        record: AnyRecord<'_>,
        inner: &mut InnerProcessor<'_>,
    ) -> Result<(), BoxError> {
        self.0.lock().push(inner.node_name().to_owned());
        inner.process(record)
    }
}

fn describe(builder: &StreamsBuilder) {
    let lines = builder.stream::<String, String>("lines");
    let words = lines.filter(|_, line| !line.is_empty()).named("filled");
    words.group_by_key().count().named("count").stored("counts").to_stream().to("out");
    let names = builder.table::<String, String>("names");
    lines.join(&names, |line, name| format!("{name}: {line}")).named("join").to("named");
    let rates = builder.global_table::<String, i64>("rates");
    lines.join_global(&rates, |key, _| key.clone(), |_, rate| *rate).named("rate").to("rated");
}

/// Java wraps every node that has a processor, but for those that fill global stores.
#[test]
fn a_wrapper_sees_the_processors_of_all_operators_and_changes_nothing_else() {
    let seen = Seen::default();
    let builder = StreamsBuilder::new().processor_wrapper(Notes(seen.clone()));
    describe(&builder);
    let plain = StreamsBuilder::new();
    describe(&plain);
    let topology = builder.build().unwrap();
    assert_eq!(topology.describe(), plain.build().unwrap().describe());
    let mut wrapped: Vec<String> = seen.lock().drain(..).collect();
    wrapped.sort_unstable();
    let expected = [
        "wrap KTABLE-SOURCE-0000000007",
        "wrap KTABLE-TOSTREAM-0000000003",
        "wrap count",
        "wrap filled",
        "wrap join",
        "wrap rate",
    ];
    assert_eq!(wrapped, expected);
    let config = StreamsConfig::new("app", "localhost:9092");
    let driver = TopologyTestDriver::new(&topology, config).unwrap();
    driver.input_topic("lines", string(), string()).pipe_input("k".into(), "v".into(), 0).unwrap();
    driver.input_topic("rates", string(), long()).pipe_input("k".into(), 1, 0).unwrap();
    assert_eq!(
        *seen.lock(),
        ["filled", "count", "join", "rate", "KTABLE-TOSTREAM-0000000003"],
        "depth first; what the cache of the count holds back comes with the commit"
    );
}
