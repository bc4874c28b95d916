//! Names and settings of internal topics, by sub-topology.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde::Deserialize;
use serde_json::Value;
use streams_core::{
    BoxError,
    membership::{InternalTopic, Subtopology},
};

use super::{Checked, Verdict, base_config, describe::sink_topics, read, topologies};

/// Topics that a sub-topology reads and writes. The golden's changelogs are left out: Java lists
/// them only once its stores are made.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the names in the file")]
struct Topics {
    source_topics: BTreeSet<String>,
    sink_topics: BTreeSet<String>,
    repartition: BTreeMap<String, BTreeMap<String, Value>>,
}

/// Java's setting of how long a window changelog keeps what the store has dropped.
const ADDITIONAL_RETENTION_MS: i64 = 86_400_000;

/// The verdict on the topologies that are implemented.
pub(super) fn check_file(path: &Path) -> Verdict {
    let golden: BTreeMap<String, BTreeMap<String, Topics>> = match read(path) {
        Ok(golden) => golden,
        Err(error) => return Verdict::Fail(format!("the file can't be read: {error}")),
    };
    let each = |(id, expected): (&String, &BTreeMap<String, Topics>)| match topologies::find(id) {
        Some(build) => {
            check(id, expected, build).map_err(|error| BoxError::from(format!("{id}: {error}")))
        }
        None => Ok(()),
    };
    golden.iter().try_for_each(each).into()
}

fn check(id: &str, expected: &BTreeMap<String, Topics>, build: topologies::Build) -> Checked {
    let own = topologies::config_of(id).iter().copied();
    let topology = build.topology(&base_config().set_all(own))?;
    let group = topology.group_topology("oracle", ADDITIONAL_RETENTION_MS, &BTreeMap::new());
    let sinks = sink_topics(&topology.describe());
    // The golden counts the sub-topologies that have tasks; their own numbers are in `describe`.
    let subtopologies = group.subtopologies.values().zip(sinks).enumerate();
    let actual: BTreeMap<String, Topics> = subtopologies
        .map(|(place, (subtopology, sinks))| (place.to_string(), topics(subtopology, sinks)))
        .collect();
    if *expected == actual {
        return Ok(());
    }
    Err(format!("expected {expected:?}, found {actual:?}").into())
}

/// `sinks` are the topics that the sub-topology writes, internal ones as the program names them.
fn topics(subtopology: &Subtopology, sinks: Vec<String>) -> Topics {
    let mut source_topics = subtopology.source_topics.clone();
    source_topics.extend(subtopology.repartition_source_topics.keys().cloned());
    let on_cluster = |topic: String| {
        let internal = format!("oracle-{topic}");
        if subtopology.repartition_sink_topics.contains(&internal) { internal } else { topic }
    };
    let sink_topics = sinks.into_iter().map(on_cluster).collect();
    let repartition = subtopology.repartition_source_topics.iter();
    let repartition = repartition.map(|(name, topic)| (name.clone(), settings(topic))).collect();
    Topics { source_topics, sink_topics, repartition }
}

fn settings(topic: &InternalTopic) -> BTreeMap<String, Value> {
    let config = topic.config.iter().map(|(key, value)| (key.clone(), Value::from(&**value)));
    let partitions = topic.partitions.map(|count| ("(partitions)".to_owned(), Value::from(count)));
    config.chain(partitions).collect()
}
