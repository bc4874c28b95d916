//! Topologies of the Processor API alone.

use std::time::Duration;

use streams_core::{
    BoxError, Direction, Headers, Record, Result,
    config::StreamsConfig,
    processor::{Context, Processor, Punctuation, PunctuationType},
    serde::{SerdeRef, option, string, long},
    store::{KeyValueStore, StoreBuilder, StoreRef, Stores},
    topology::{NodeRef, SinkOptions, SourceOptions, TopologyBuilder},
};

use super::{Built, Group};
use crate::conformance::functions::{starts_with_a, text};

pub(super) const TOPOLOGIES: Group = &[
    ("headers-siblings", headers_siblings),
    ("papi-counter", papi_counter),
    ("router", router),
];

/// Keys and values of the scenarios' topics.
pub(super) type Text = Option<String>;
pub(super) type TextContext<'a> = Context<'a, Text, Text>;
type TextRecord<'a> = Record<'a, Text, Text>;

pub(super) fn texts() -> SerdeRef<Text> {
    option(string())
}

pub(super) fn source(builder: &mut TopologyBuilder, topics: &[&str]) -> NodeRef<Text, Text> {
    builder.add_source("src", SourceOptions::new(topics.iter().copied(), texts(), texts()))
}

pub(super) fn sink(
    builder: &mut TopologyBuilder,
    name: &str,
    topic: &str,
    parent: NodeRef<Text, Text>,
) {
    builder.add_sink(name, SinkOptions::topic(topic, texts(), texts()), &[parent]);
}

/// The store of a [`Counter`].
pub(super) type Counts = KeyValueStore<String, i64>;

pub(super) fn counts() -> StoreBuilder<Counts> {
    Stores::key_value("n", string(), long())
}

/// Counts each key, and forwards all counts at each tick.
pub(super) struct Counter {
    pub(super) store: StoreRef<Counts>,
    pub(super) kind: PunctuationType,
}

impl Processor<Text, Text, Text, Text> for Counter {
    fn init(&mut self, context: &mut TextContext<'_>) -> Result<(), BoxError> {
        context.schedule(Duration::from_secs(10), self.kind);
        Ok(())
    }

    fn process(
        &mut self,
        record: TextRecord<'_>,
        context: &mut TextContext<'_>,
    ) -> Result<(), BoxError> {
        let Some(key) = record.key else { return Ok(()) };
        let store = context.store(self.store)?;
        let count = store.get(key)?.copied().unwrap_or_default() + 1;
        let kept = (record.value.as_deref() != Some("x")).then_some(count);
        store.put(key, kept)?;
        Ok(context.forward(record.with_value(&Some(count.to_string())))?)
    }

    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        context: &mut TextContext<'_>,
    ) -> Result<(), BoxError> {
        let rows = context.store(self.store)?.all(Direction::Forward)?;
        let rows: Vec<(String, i64)> = rows.collect::<Result<_>>()?;
        let headers = Headers::new();
        for (key, count) in rows {
            let (key, value) = (Some(key), Some(format!("tick:{count}")));
            context.forward(Record::new(&key, &value, punctuation.timestamp, &headers))?;
        }
        Ok(())
    }
}

fn papi_counter(_: &StreamsConfig) -> Built {
    let mut builder = TopologyBuilder::new();
    let src = source(&mut builder, &["in"]);
    let store = builder.add_state_store(counts());
    let counter = move || Counter { store, kind: PunctuationType::StreamTime };
    let p = builder.add_processor("p", counter, &[src]);
    builder.connect(p.id(), store);
    sink(&mut builder, "snk1", "out", p);
    sink(&mut builder, "snk2", "out2", p);
    Ok(builder.build()?)
}

fn router(_: &StreamsConfig) -> Built {
    let mut builder = TopologyBuilder::new();
    let src = source(&mut builder, &["in", "in2"]);
    let route = || {
        |record: TextRecord<'_>, context: &mut TextContext<'_>| {
            let Some(value) = record.value else { return Ok(()) };
            if starts_with_a(Some(value)) {
                let value = Some(format!("first {value}"));
                return Ok(context.forward_to("first", record.with_value(&value))?);
            }
            Ok(context.forward(record)?)
        }
    };
    let route = builder.add_processor("route", route, &[src]);
    sink(&mut builder, "first", "out1", route);
    sink(&mut builder, "second", "out2", route);
    Ok(builder.build()?)
}

/// Notes its name in the record's headers.
struct Mark(&'static str);

impl Processor<Text, Text, Text, Text> for Mark {
    fn process(
        &mut self,
        record: TextRecord<'_>,
        context: &mut TextContext<'_>,
    ) -> Result<(), BoxError> {
        let mut headers = record.headers.clone();
        let seen = headers.last("seen").flatten().unwrap_or_default();
        let seen = format!("{}{}", String::from_utf8_lossy(seen), self.0);
        headers.remove("drop");
        headers.add("seen", Some(seen.as_bytes()));
        let later = record.with_timestamp(record.timestamp + 1);
        Ok(context.forward(later.with_headers(&headers))?)
    }
}

fn headers_siblings(_: &StreamsConfig) -> Built {
    let mut builder = TopologyBuilder::new();
    let src = source(&mut builder, &["in"]);
    let one = builder.add_processor("one", || Mark("1"), &[src]);
    let two = builder.add_processor("two", || Mark("2"), &[src]);
    sink(&mut builder, "s1", "out1", one);
    sink(&mut builder, "s2", "out2", two);
    sink(&mut builder, "s3", "out3", src);
    Ok(builder.build()?)
}
