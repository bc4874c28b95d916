//! `to_stream`: the changes of a table, as records.

use streams_core::{BoxError, serde::option};

use super::KTable;
use crate::{
    change::Change,
    graph::{Lowering, Role, prefix},
    kstream::KStream,
    processors,
};

impl<K, V> KTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// The changes of the table as a stream: the new value of each row, and `None` where it was
    /// deleted. Java's `toStream`.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let counts = builder.stream::<String, String>("words").group_by_key().count();
    /// let changes: KStream<String, Option<i64>> = counts.to_stream();
    /// changes.to("word-counts");
    /// assert!(builder.build()?.describe().contains("Processor: KTABLE-TOSTREAM-0000000003"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn to_stream(&self) -> KStream<K, Option<V>> {
        let (name, _, place) = self.next_node::<V>(prefix::TABLE_TO_STREAM, None);
        let node_name = name.clone();
        let lower = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, Change<V>>();
            let node = lowering.processor(&node_name, processors::ktable_to_stream(), &parents);
            lowering.forwards::<K, Option<V>>(node);
        };
        let node = self.graph.lock().add(&name, Role::Other, &[self.node], place, lower);
        let (key_serde, value_serde) = (self.key_serde.clone(), self.value_serde.map(option));
        let (graph, sources) = (self.graph.clone(), self.sources.clone());
        KStream::new(graph, node, name, key_serde, value_serde, sources, false)
    }

    /// As [`to_stream`](Self::to_stream), under the key that `selector` makes of each change: then
    /// grouping or joining it repartitions it. Java's `toStream` with a mapper.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let hours = TimeWindows::of_size_with_no_grace(Duration::from_secs(3_600));
    /// let per_hour =
    ///     builder.stream::<String, i64>("orders").group_by_key().windowed_by(hours).count();
    /// per_hour.to_stream_with_key(|windowed, _| windowed.key.clone()).to("counts");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-KEY-SELECT-0000000004"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn to_stream_with_key<K2: Send + 'static>(
        &self,
        selector: impl Fn(&K, &Option<V>) -> K2 + Send + Sync + 'static,
    ) -> KStream<K2, Option<V>> {
        self.to_stream().select_key(selector)
    }

    /// As [`to_stream_with_key`](Self::to_stream_with_key), with a selector that can fail.
    #[track_caller]
    pub fn try_to_stream_with_key<K2: Send + 'static, E: Into<BoxError>>(
        &self,
        selector: impl Fn(&K, &Option<V>) -> Result<K2, E> + Send + Sync + 'static,
    ) -> KStream<K2, Option<V>> {
        self.to_stream().try_select_key(selector)
    }
}
