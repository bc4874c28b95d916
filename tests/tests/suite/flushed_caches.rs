//! Caches that one commit flushes more than once, because a store above them forwards into them.
//!
//! Each change told downstream is a step from what it has seen to the current value, whatever the
//! order of the flushes.

use std::{path::Path, time::Duration};

use streams_core::{
    BoxError, KafkaStreams, Record,
    client::{IsolationLevel, embedded::EmbeddedCluster},
    config::ProcessingGuarantee,
    processor::{Context, Processor},
    serde::string,
    store::{KeyValueStore, StoreRef, Stores, WindowStore},
    topology::{NodeRef, SinkOptions, SourceOptions, Topology, TopologyBuilder},
};

use crate::harness::{PATIENCE, cluster, config, processed, produce};

/// The value that deletes a row.
const DELETE: &str = "delete";

fn value(text: &str) -> Option<String> {
    (text != DELETE).then(|| text.to_owned())
}

fn step(old: Option<&str>, new: Option<&str>) -> String {
    format!("{} -> {}", old.unwrap_or("none"), new.unwrap_or(DELETE))
}

type Texts = KeyValueStore<String, String>;

/// Keeps the newest value of each key, and forwards the changes that its cache held back: the value
/// or, if it `shows`, the step.
struct Keep {
    store: StoreRef<Texts>,
    shows: bool,
}

impl Processor<String, String, String, String> for Keep {
    fn process(
        &mut self,
        record: Record<'_, String, String>,
        context: &mut Context<'_, String, String>,
    ) -> Result<(), BoxError> {
        Ok(context.store(self.store)?.put(record.key, value(record.value))?)
    }

    fn flush(&mut self, context: &mut Context<'_, String, String>) -> Result<(), BoxError> {
        while let Some(change) = context.store(self.store)?.next_pending(true)? {
            let text = match (self.shows, &change.new) {
                (true, new) => step(change.old.as_deref(), new.as_deref()),
                (false, new) => new.clone().unwrap_or_else(|| DELETE.to_owned()),
            };
            let time = change.context.timestamp;
            context.with_record_context(&change.context, |context, headers| {
                context.forward(Record::new(&change.key, &text, time, headers))
            })?;
        }
        Ok(())
    }
}

/// Like [`Keep`], for the windows that start at 10, and shows each step.
struct KeepWindow(StoreRef<WindowStore<String, String>>);

impl Processor<String, String, String, String> for KeepWindow {
    fn process(
        &mut self,
        record: Record<'_, String, String>,
        context: &mut Context<'_, String, String>,
    ) -> Result<(), BoxError> {
        Ok(context.store(self.0)?.put(record.key, value(record.value), 10)?)
    }

    fn flush(&mut self, context: &mut Context<'_, String, String>) -> Result<(), BoxError> {
        while let Some(change) = context.store(self.0)?.next_pending(true)? {
            let text = step(change.old.as_deref(), change.new.as_deref());
            let time = change.context.timestamp;
            context.with_record_context(&change.context, |context, headers| {
                context.forward(Record::new(&change.key, &text, time, headers))
            })?;
        }
        Ok(())
    }
}

type Node = NodeRef<String, String>;

fn source(builder: &mut TopologyBuilder, topic: &'static str) -> Node {
    builder.add_source(topic, SourceOptions::new([topic], string(), string()))
}

/// Levels of cached stores, the lowest first in the order of the flushes. Each processes the
/// records of the level above and of its own topic: `in-0` for the lowest. The lowest writes its
/// steps to `out`.
fn levels(names: &[&'static str], topics: &[&'static str]) -> Topology {
    let mut builder = TopologyBuilder::new();
    let cached = |name: &'static str| {
        Stores::key_value(name, string(), string()).in_memory().with_caching_enabled()
    };
    let levels = names.iter().zip(topics).enumerate();
    let levels: Vec<_> = levels
        .map(|(level, (name, topic))| (level, *name, *topic, builder.add_state_store(cached(name))))
        .collect();
    let mut above: Option<Node> = None;
    for (level, name, topic, store) in levels.into_iter().rev() {
        let mut parents = vec![source(&mut builder, topic)];
        parents.extend(above);
        let keep = move || Keep { store, shows: level == 0 };
        let node = builder.add_processor(name, keep, &parents);
        builder.connect(node.id(), store);
        builder.flush_with(store, node.id());
        above = Some(node);
    }
    builder.add_sink("sink", SinkOptions::topic("out", string(), string()), &[above.unwrap()]);
    builder.build().unwrap()
}

/// A cached window store below a cached key-value store.
fn window_below() -> Topology {
    let mut builder = TopologyBuilder::new();
    let retention = Duration::from_secs(60);
    let below = Stores::window("below", retention, string(), string()).in_memory();
    let below = builder.add_state_store(below.with_caching_enabled());
    let upper = Stores::key_value("upper", string(), string()).in_memory();
    let upper = builder.add_state_store(upper.with_caching_enabled());
    let parent = source(&mut builder, "in-1");
    let keep: Node =
        builder.add_processor("keep", move || Keep { store: upper, shows: false }, &[parent]);
    builder.connect(keep.id(), upper);
    builder.flush_with(upper, keep.id());
    let direct = source(&mut builder, "in-0");
    let windows: Node =
        builder.add_processor("windows", move || KeepWindow(below), &[keep, direct]);
    builder.connect(windows.id(), below);
    builder.flush_with(below, windows.id());
    builder.add_sink("sink", SinkOptions::topic("out", string(), string()), &[windows]);
    builder.build().unwrap()
}

/// An instance whose first commit comes when it has read all records.
async fn start(topology: Topology, cluster: &EmbeddedCluster) -> KafkaStreams {
    let config = config(Path::new("unused"), ProcessingGuarantee::AtLeastOnce)
        .commit_interval(Duration::from_millis(1_500))
        .session_timeout(Duration::from_secs(60));
    let instance = KafkaStreams::with_client_supplier(topology, config, cluster.clone()).unwrap();
    instance.start().await.unwrap();
    instance
}

fn topics(cluster: &EmbeddedCluster, names: &[&str]) {
    for topic in names.iter().chain(&["out"]) {
        cluster.create_topic(topic, 1).unwrap();
    }
}

fn written(cluster: &EmbeddedCluster) -> Vec<String> {
    let records = cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap();
    let texts = records.into_iter().map(|record| String::from_utf8(record.value.unwrap()));
    texts.map(Result::unwrap).collect()
}

/// One commit flushed the lower store, then the upper one, which wrote to the lower, then the lower
/// again. The second change of the key was reported as a step from the last commit's value, as if
/// the first had not been sent: an aggregate downstream would have subtracted one value twice and
/// another never.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_flushed_twice_in_a_commit_says_what_it_forwarded_last() {
    let cluster = cluster();
    topics(&cluster, &["in-0", "in-1"]);
    produce(&cluster, "in-0", "k", "direct", 1);
    produce(&cluster, "in-1", "k", "above", 2);
    let instance = start(levels(&["below", "upper"], &["in-0", "in-1"]), &cluster).await;
    processed(&cluster, &["in-0", "in-1"], &[&instance]).await;
    instance.close(PATIENCE).await.unwrap();
    assert_eq!(written(&cluster), ["none -> direct", "direct -> above"]);
}

/// The row was new in this commit, was sent with its first flush and deleted by the store above.
/// The database never had it, so its tombstone was taken for that of a row that nobody had seen,
/// and dropped.
#[tokio::test(flavor = "multi_thread")]
async fn the_tombstone_of_a_row_that_went_out_in_the_same_commit_is_forwarded() {
    let cluster = cluster();
    topics(&cluster, &["in-0", "in-1"]);
    let instance = start(levels(&["below", "upper"], &["in-0", "in-1"]), &cluster).await;
    // A tombstone is forwarded only if there is a row above, and the one below must be new.
    produce(&cluster, "in-1", "k", "seed", 0);
    processed(&cluster, &["in-0", "in-1"], &[&instance]).await;
    produce(&cluster, "in-0", "k", DELETE, 1);
    processed(&cluster, &["in-0", "in-1"], &[&instance]).await;
    produce(&cluster, "in-0", "k", "direct", 2);
    produce(&cluster, "in-1", "k", DELETE, 3);
    processed(&cluster, &["in-0", "in-1"], &[&instance]).await;
    instance.close(PATIENCE).await.unwrap();
    let steps = ["none -> seed", "seed -> delete", "none -> direct", "direct -> delete"];
    assert_eq!(written(&cluster), steps);
}

/// Each level is flushed once more for each one above it, and every flush continues from the
/// previous one.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_below_two_cached_stores_is_flushed_in_unbroken_steps() {
    let cluster = cluster();
    let inputs = ["in-0", "in-1", "in-2"];
    topics(&cluster, &inputs);
    for (topic, text) in inputs.iter().zip(["lowest", "middle", "highest"]) {
        produce(&cluster, topic, "k", text, 1);
    }
    let instance = start(levels(&["low", "mid", "high"], &inputs), &cluster).await;
    processed(&cluster, &inputs, &[&instance]).await;
    instance.close(PATIENCE).await.unwrap();
    assert_eq!(written(&cluster), ["none -> lowest", "lowest -> middle", "middle -> highest"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_flushed_twice_in_a_commit_says_what_it_forwarded_last() {
    let cluster = cluster();
    topics(&cluster, &["in-0", "in-1"]);
    produce(&cluster, "in-0", "k", "direct", 1);
    produce(&cluster, "in-1", "k", "above", 2);
    let instance = start(window_below(), &cluster).await;
    processed(&cluster, &["in-0", "in-1"], &[&instance]).await;
    instance.close(PATIENCE).await.unwrap();
    assert_eq!(written(&cluster), ["none -> direct", "direct -> above"]);
}
