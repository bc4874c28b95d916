//! `to`: the end of a stream, on a topic.

use std::{panic::Location, sync::Arc};

use streams_core::topology::SinkOptions;

use super::KStream;
use crate::{
    graph::{Role, Slot, prefix},
    options::{Produced, Target},
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// Writes the stream to a topic, or to one of several. Java's `to`.
    ///
    /// The topics must exist. A record keeps its timestamp and headers; its partition is that of
    /// its key's hash, and that of the inner key where the key is windowed. A `None` is written as
    /// a null.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let lines = builder.stream::<String, String>("lines");
    /// lines.to("copy");
    /// lines.to(Produced::topic("named").with_name("out").with_value_serde(string()));
    /// assert!(builder.build()?.describe().contains("Sink: out (topic: named)"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn to(&self, produced: impl Into<Produced<K, V>>) {
        let Produced { target, name, key_serde, value_serde, partitioner } = produced.into();
        let place = Location::caller();
        let name = name.or_else(|| self.next_name.clone());
        let key = Slot::given(key_serde).or(&self.key_serde);
        let value = Slot::given(value_serde).or(&self.value_serde);
        let mut graph = self.graph.lock();
        graph.check_name(place, name.as_ref());
        if let Target::Topic(topic) = &target {
            graph.check_topics(place, std::slice::from_ref(topic));
        }
        let name = graph.name_or_new(name.as_ref(), prefix::SINK);
        let sink = name.clone();
        graph.add(&name, Role::Other, &[self.node], place, move |lowering| {
            let parents = lowering.parents::<K, V>();
            let key_serde = lowering.serde(&key, &sink, "key");
            let value_serde = lowering.serde(&value, &sink, "value");
            let mut options = match &target {
                Target::Topic(topic) => SinkOptions::topic(topic, key_serde, value_serde),
                Target::By { label, extractor } => {
                    SinkOptions::dynamic(label, extractor.clone(), key_serde, value_serde)
                }
            };
            if let Some(partitioner) = &partitioner {
                options = options.with_partitioner(partitioner.clone());
            } else if let Some(by_key) = lowering.partitioner(&key) {
                let by_key = move |topic: &str, key: &K, _: &V, count| by_key(topic, key, count);
                options = options.with_partitioner(Arc::new(by_key));
            }
            lowering.sink(&sink, options, &parents);
        });
    }
}
