//! The topology as JSON.

use serde::Serialize;
use state_store::StoreFormat;

use super::{NodeKind, TopicPattern, Topology};
use crate::client::OffsetReset;

#[derive(Serialize)]
struct Description<'a> {
    subtopologies: Vec<SubtopologyDescription<'a>>,
    repartition_topics: Vec<RepartitionTopic<'a>>,
}

#[derive(Serialize)]
struct SubtopologyDescription<'a> {
    id: u32,
    global: bool,
    nodes: Vec<Node<'a>>,
    stores: Vec<Store<'a>>,
}

#[derive(Serialize)]
struct Node<'a> {
    name: &'a str,
    #[serde(flatten)]
    kind: Kind<'a>,
    predecessors: Vec<&'a str>,
    successors: Vec<&'a str>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Kind<'a> {
    Source {
        topics: &'a [String],
        topic_pattern: Option<&'a str>,
        offset_reset: Option<&'static str>,
    },
    Processor {
        stores: Vec<&'a str>,
    },
    /// One of the two is set.
    Sink {
        topic: Option<&'a str>,
        topic_extractor: Option<&'a str>,
    },
}

#[derive(Serialize)]
struct Store<'a> {
    name: &'a str,
    format: &'static str,
    persistent: bool,
    changelog_topic: Option<String>,
    retention_ms: Option<i64>,
    ttl_ms: Option<i64>,
}

#[derive(Serialize)]
struct RepartitionTopic<'a> {
    name: &'a str,
    partitions: Option<i32>,
}

impl Topology {
    /// Describes the topology as JSON, for programs that draw or compare topologies. Without a
    /// counterpart in Java.
    ///
    /// The shape is API: fields may be added, but existing ones stay. Internal topics are named
    /// without the application id, as in [`describe`](Self::describe). Sub-topologies, nodes and
    /// lists of names have the order of `describe`, stores the order in which they were added.
    ///
    /// | object | fields |
    /// |---|---|
    /// | the document | `subtopologies`, `repartition_topics` |
    /// | sub-topology | `id`; `global`: whether it fills a global store and has no tasks; `nodes`; `stores` |
    /// | node | `name`; `kind`: `source`, `processor` or `sink`; `predecessors`; `successors` |
    /// | node of kind `source` | `topics`; `topic_pattern`: the pattern that other topics match, or null; `offset_reset`: `earliest`, `latest`, `none`, or null where the setting decides |
    /// | node of kind `processor` | `stores`: names of the stores that it is connected to |
    /// | node of kind `sink` | `topic`, or null; `topic_extractor`: what chooses the topic of each record, or null |
    /// | store | `name`; `format`: `key_value`, `timestamped_key_value`, `key_value_with_headers`, `window`, `timestamped_window`, `session` or `versioned`; `persistent`: whether it is on disk; `changelog_topic`: its own, the source topic that serves as one, or null; `retention_ms` of windows, sessions and versions, or null; `ttl_ms` of rows, or null |
    /// | repartition topic | `name`; `partitions`, or null where they are derived |
    ///
    /// ```
    /// use streams_core::{serde, topology::{SinkOptions, SourceOptions, TopologyBuilder}};
    ///
    /// let mut builder = TopologyBuilder::new();
    /// let source = SourceOptions::new(["in"], serde::string(), serde::string());
    /// let source = builder.add_source("source", source);
    /// builder.add_sink("sink", SinkOptions::topic("out", serde::string(), serde::string()), &[source]);
    /// let description: serde_json::Value = serde_json::from_str(&builder.build()?.describe_json()).unwrap();
    /// let source = &description["subtopologies"][0]["nodes"][0];
    /// assert_eq!(source["topics"][0], "in");
    /// assert_eq!(source["successors"][0], "sink");
    /// # Ok::<(), streams_core::Error>(())
    /// ```
    pub fn describe_json(&self) -> String {
        let subtopologies = self.subtopology_ids().into_iter();
        let repartition_topics = self.repartition.iter();
        let description = Description {
            subtopologies: subtopologies.map(|id| self.json_subtopology(id)).collect(),
            repartition_topics: repartition_topics
                .map(|(name, def)| RepartitionTopic { name, partitions: def.partitions })
                .collect(),
        };
        #[expect(
            clippy::expect_used,
            reason = "strings, numbers and lists of them have a JSON form"
        )]
        serde_json::to_string_pretty(&description).expect("plain data has a JSON form")
    }

    fn json_subtopology(&self, id: u32) -> SubtopologyDescription<'_> {
        let sizes = self.sizes();
        let nodes = self.by_size(&self.nodes_of(id), &sizes).into_iter();
        let stores = self.stores_of(id).into_iter();
        SubtopologyDescription {
            id,
            global: self.is_global(id),
            nodes: nodes.filter_map(|node| self.json_node(node, &sizes)).collect(),
            stores: stores.filter_map(|store| self.json_store(id, store)).collect(),
        }
    }

    fn json_node(&self, index: usize, sizes: &[usize]) -> Option<Node<'_>> {
        let node = self.nodes.get(index)?;
        let kind = match &node.kind {
            NodeKind::Source { topics, reset, .. } => {
                let topic_pattern = topics.pattern().map(TopicPattern::as_str);
                let offset_reset = reset.map(offset_reset);
                Kind::Source { topics: topics.named(), topic_pattern, offset_reset }
            }
            NodeKind::Processor { .. } => Kind::Processor { stores: self.store_names(node) },
            NodeKind::Sink { topic: Some(topic), .. } => {
                Kind::Sink { topic: Some(topic), topic_extractor: None }
            }
            NodeKind::Sink { topic: None, extractor, .. } => {
                Kind::Sink { topic: None, topic_extractor: Some(extractor) }
            }
        };
        Some(Node {
            name: &node.name,
            kind,
            predecessors: self.names(&node.parents, sizes),
            successors: self.names(&node.children, sizes),
        })
    }

    fn json_store(&self, subtopology: u32, index: usize) -> Option<Store<'_>> {
        let def = self.stores.get(index)?;
        let spec = &def.spec;
        let mut global_topics =
            self.nodes_of(subtopology).into_iter().flat_map(|node| self.topics_of(node));
        let filled_from =
            if def.global { global_topics.next() } else { def.source_changelog.as_ref() };
        let own = || spec.logging.then(|| format!("{}-changelog", spec.name));
        Some(Store {
            name: &spec.name,
            format: format_name(&spec.format),
            persistent: spec.persistent,
            changelog_topic: filled_from.cloned().or_else(own),
            retention_ms: spec
                .format
                .versions()
                .map_or(spec.retention_ms, |v| Some(v.retention_ms)),
            ttl_ms: spec.ttl_ms,
        })
    }
}

fn offset_reset(reset: OffsetReset) -> &'static str {
    match reset {
        OffsetReset::Earliest => "earliest",
        OffsetReset::Latest => "latest",
        OffsetReset::None => "none",
    }
}

fn format_name(format: &StoreFormat) -> &'static str {
    match format {
        StoreFormat::KeyValue => "key_value",
        StoreFormat::TimestampedKeyValue => "timestamped_key_value",
        StoreFormat::HeadersKeyValue => "key_value_with_headers",
        StoreFormat::Window(_) => "window",
        StoreFormat::TimestampedWindow(_) => "timestamped_window",
        StoreFormat::Session(_) => "session",
        StoreFormat::Versioned(_) => "versioned",
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        BoxError, Record,
        processor::Context,
        serde::{long, string},
        store::Stores,
        topology::{SinkOptions, SourceOptions, TopologyBuilder},
    };

    fn described(builder: TopologyBuilder) -> Value {
        serde_json::from_str(&builder.build().unwrap().describe_json()).unwrap()
    }

    fn pass(
        record: Record<'_, String, String>,
        context: &mut Context<'_, String, String>,
    ) -> Result<(), BoxError> {
        context.forward(record).map_err(BoxError::from)
    }

    #[test]
    fn the_document_has_every_part_of_the_topology() {
        let mut builder = TopologyBuilder::new();
        let source = SourceOptions::new(["one", "two"], string(), string());
        let source = source.with_offset_reset(OffsetReset::Latest);
        let source = builder.add_source("source", source);
        let process = builder.add_processor("process", || pass, &[source]);
        let minute = Duration::from_secs(60);
        let counts = Stores::timestamped_window("counts", minute, string(), long()).in_memory();
        let counts = builder.add_state_store(counts);
        builder.connect(process.id(), counts);
        builder.add_repartition_topic("by-name-repartition", Some(3));
        let to = SinkOptions::topic("by-name-repartition", string(), string());
        builder.add_sink("sink", to, &[process]);
        let extractor = Arc::new(|_: &Record<'_, String, String>| "x".to_owned());
        let to = SinkOptions::dynamic("by-country", extractor, string(), string());
        builder.add_sink("spread", to, &[process]);
        let expected = json!({
            "subtopologies": [{
                "id": 0,
                "global": false,
                "nodes": [
                    {
                        "name": "source", "kind": "source", "topic_pattern": null, "topics": ["one", "two"], "offset_reset": "latest",
                        "predecessors": [], "successors": ["process"],
                    },
                    {
                        "name": "process", "kind": "processor", "stores": ["counts"],
                        "predecessors": ["source"], "successors": ["sink", "spread"],
                    },
                    {
                        "name": "sink", "kind": "sink", "topic": "by-name-repartition", "topic_extractor": null,
                        "predecessors": ["process"], "successors": [],
                    },
                    {
                        "name": "spread", "kind": "sink", "topic": null, "topic_extractor": "by-country",
                        "predecessors": ["process"], "successors": [],
                    },
                ],
                "stores": [{
                    "name": "counts", "format": "timestamped_window", "persistent": false,
                    "changelog_topic": "counts-changelog", "retention_ms": 60_000, "ttl_ms": null,
                }],
            }],
            "repartition_topics": [{ "name": "by-name-repartition", "partitions": 3 }],
        });
        assert_eq!(described(builder), expected);
    }

    #[test]
    fn a_store_says_where_it_is_filled_from() {
        let mut builder = TopologyBuilder::new();
        let ignore = || {
            |_: Record<'_, String, String>, _: &mut Context<'_, Infallible, Infallible>| {
                Ok::<(), BoxError>(())
            }
        };
        let from = |topic: &str| SourceOptions::new([topic], string(), string());
        let names = Stores::key_value("names", string(), string());
        builder.add_global_store("all", from("customers"), "keep", names, move |_| ignore());
        let rates = Stores::versioned_key_value("rates", Duration::from_secs(1), string(), long());
        builder.add_read_only_state_store("some", from("rates"), "fill", rates, move |_| ignore());
        let source = builder.add_source("in", from("in"));
        let node = builder.add_processor("node", || pass, &[source]);
        for store in [
            Stores::key_value("lost", string(), long()).with_logging_disabled(),
            Stores::key_value("kept", string(), long()).with_logging_enabled(BTreeMap::new()),
        ] {
            let store = builder.add_state_store(store);
            builder.connect(node.id(), store);
        }
        let description = described(builder);
        let parts = description["subtopologies"].as_array().unwrap();
        let globals: Vec<&Value> = parts.iter().map(|part| &part["global"]).collect();
        assert_eq!(globals, [true, false, false]);
        let stores = parts.iter().flat_map(|part| part["stores"].as_array().unwrap());
        let topics: Vec<_> =
            stores.map(|s| (s["name"].clone(), s["changelog_topic"].clone())).collect();
        let expected = json!([
            ["names", "customers"],
            ["rates", "rates"],
            ["lost", null],
            ["kept", "kept-changelog"],
        ]);
        assert_eq!(json!(topics), expected);
        assert_eq!(parts[1]["stores"][0]["retention_ms"], 1_000);
    }
}
