//! Times up to which the records in a window store will not be processed again.
//!
//! With at-least-once a changelog may have rows of records whose offsets nobody has committed. If
//! such rows moved the store's stream time, windows would have expired when those records come
//! again. So a restore moves it no further than the committed times of the partitions whose records
//! reach the store.

use std::collections::BTreeMap;

use crate::{TopicPartition, client::OffsetAndMetadata, task::CommitMetadata, topology::Topology};

/// The limit of each window store of a task, by number in the topology. A store that is not listed
/// has no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LatestTimes(BTreeMap<usize, i64>);

impl LatestTimes {
    /// Limits of a task that does not know the committed offsets: no window store's stream time
    /// moves.
    pub(crate) fn unknown(topology: &Topology, subtopology: u32) -> Self {
        let windows = topology.window_stores_of(subtopology).into_iter();
        Self(windows.map(|store| (store, -1)).collect())
    }

    /// Limits of a task that starts at these offsets. `reader_of` is the source that reads a topic
    /// of the cluster.
    ///
    /// Several nodes may use one store, and it is unknown which of them write it; so the node that
    /// is furthest behind sets the limit. A limit that is too low keeps rows for longer, one that
    /// is too high loses them.
    pub(crate) fn committed(
        topology: &Topology,
        subtopology: u32,
        committed: &BTreeMap<TopicPartition, OffsetAndMetadata>,
        reader_of: impl Fn(&str) -> Option<usize>,
    ) -> Self {
        let readers = committed.iter().filter_map(|(partition, offset)| {
            reader_of(&partition.topic).map(|reader| (reader, time(offset)))
        });
        let readers: Vec<(usize, i64)> = readers.collect();
        let time_of = |node: usize| {
            let sources = topology.sources_above(node);
            let own = readers.iter().filter(|(reader, _)| sources.contains(reader));
            own.map(|(_, time)| *time).max().unwrap_or(-1)
        };
        let windows = topology.window_stores_of(subtopology).into_iter();
        let limits = windows.map(|store| {
            let users = topology.nodes_of(subtopology).into_iter();
            let users = users.filter(|node| topology.uses(*node, store));
            (store, users.map(time_of).min().unwrap_or(i64::MAX))
        });
        Self(limits.collect())
    }

    /// The limit of a store.
    pub(crate) fn of(&self, store: usize) -> i64 {
        self.0.get(&store).copied().unwrap_or(i64::MAX)
    }
}

/// The partition's time at a committed offset; no limit if the committer was another program, which
/// records no time.
fn time(committed: &OffsetAndMetadata) -> i64 {
    match CommitMetadata::decode(&committed.metadata).partition_time {
        time if time >= 0 => time,
        _ => i64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        BoxError, Record,
        processor::Context,
        serde::string,
        store::{StoreRef, Stores, WindowStore},
        topology::{NodeRef, SourceOptions, TopologyBuilder},
    };

    type Windows = StoreRef<WindowStore<String, String>>;

    /// Adds a node below `parents` that uses `store`.
    fn user(
        builder: &mut TopologyBuilder,
        name: &str,
        parents: &[NodeRef<String, String>],
        store: Option<Windows>,
    ) -> NodeRef<String, String> {
        let supplier = || {
            |_: Record<'_, String, String>, _: &mut Context<'_, String, String>| {
                Ok::<(), BoxError>(())
            }
        };
        let node = builder.add_processor(name, supplier, parents);
        if let Some(store) = store {
            builder.connect(node.id(), store);
        }
        node
    }

    fn at(time: i64) -> OffsetAndMetadata {
        let metadata = CommitMetadata { partition_time: time, processors: BTreeMap::new() };
        OffsetAndMetadata { offset: 1, leader_epoch: None, metadata: metadata.encode() }
    }

    #[test]
    fn a_store_is_limited_by_the_sources_above_it_alone() {
        let mut builder = TopologyBuilder::new();
        let source = |builder: &mut TopologyBuilder, name: &str| {
            builder.add_source(name, SourceOptions::new([name], string(), string()))
        };
        let [slow, fast, other] = ["slow", "fast", "other"].map(|name| source(&mut builder, name));
        let store = |builder: &mut TopologyBuilder, name: &str| {
            let retention = std::time::Duration::from_secs(1);
            builder.add_state_store(Stores::window(name, retention, string(), string()))
        };
        let [of_slow, of_fast, of_both, shared] =
            ["of-slow", "of-fast", "of-both", "shared"].map(|name| store(&mut builder, name));
        let above = user(&mut builder, "above", &[slow], None);
        let below = user(&mut builder, "below", &[above], Some(of_slow));
        let beside = user(&mut builder, "beside", &[fast], Some(of_fast));
        let merged = user(&mut builder, "merged", &[below, beside], Some(of_both));
        user(&mut builder, "writer", &[merged], Some(shared));
        user(&mut builder, "reader", &[other], Some(shared));
        let topology = builder.build().unwrap();
        assert_eq!(topology.subtopology_ids().len(), 1);
        let committed = BTreeMap::from([
            (TopicPartition::new("app-slow", 0), at(55)),
            (TopicPartition::new("app-fast", 0), at(1_000)),
            (TopicPartition::new("app-other", 0), at(70)),
        ]);
        let limits = |committed: &BTreeMap<_, _>| {
            let times = LatestTimes::committed(&topology, 0, committed, |topic| {
                topology.reader_of("app", topic.strip_prefix("app-")?)
            });
            [0, 1, 2, 3].map(|store| times.of(store))
        };
        assert_eq!(limits(&committed), [55, 1_000, 1_000, 70]);
        assert_eq!(limits(&BTreeMap::new()), [-1; 4]);
        let foreign = OffsetAndMetadata { offset: 1, leader_epoch: None, metadata: String::new() };
        let foreign = BTreeMap::from([(TopicPartition::new("app-slow", 0), foreign)]);
        assert_eq!(limits(&foreign), [i64::MAX, -1, i64::MAX, -1]);
        assert_eq!(LatestTimes::unknown(&topology, 0).of(1), -1);
        assert_eq!(LatestTimes::default().of(1), i64::MAX);
    }
}
