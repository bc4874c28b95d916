//! `repartition`: through an internal topic, and back.

use std::panic::Location;

use super::KStream;
use crate::{
    graph::{Repartition, Role, Slot, prefix},
    options::Repartitioned,
    processors::Nullable,
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// Sends the stream through an internal topic, so that records of one key are in one partition.
    /// Java's `repartition`.
    ///
    /// Grouping and joining do that by themselves where the key may have changed. Records without a
    /// key end before the topic, unless a left join below keeps them; they are not counted as
    /// dropped.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let lines = builder.stream::<String, String>("lines").select_key(|_, line| line.clone());
    /// lines.repartition_with("by-line").to("out");
    /// let text = builder.build()?.describe();
    /// assert!(text.contains("Sink: by-line-repartition-sink (topic: by-line-repartition)"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn repartition<K2: 'static>(&self) -> Self
    where
        K: Nullable<K2>,
    {
        self.repartition_with(Repartitioned::unnamed())
    }

    /// As [`repartition`](Self::repartition), with a name, serdes, or a number of partitions.
    #[track_caller]
    #[must_use]
    pub fn repartition_with<K2: 'static>(
        &self,
        repartitioned: impl Into<Repartitioned<K, V>>,
    ) -> Self
    where
        K: Nullable<K2>,
    {
        let Repartitioned { name, key_serde, value_serde, partitions, partitioner } =
            repartitioned.into();
        let place = Location::caller();
        let name = name.or_else(|| self.next_name.clone());
        let key_serde = Slot::given(key_serde).or(&self.key_serde);
        let value_serde = Slot::given(value_serde).or(&self.value_serde);
        let mut graph = self.graph.lock();
        graph.check_name(place, name.as_ref());
        let base = match &name {
            Some(name) => name.shared(),
            None => graph.new_name(prefix::REPARTITION),
        };
        if partitions.is_some_and(|partitions| partitions <= 0) {
            graph
                .problem(place, format!("repartition topic `{base}` needs at least one partition"));
        }
        let (names, filter) = graph.repartition_names(&base);
        let source = names.source.clone();
        let repartition = Repartition {
            partitions,
            partitioner,
            ..Repartition::new(names, key_serde.clone(), value_serde.clone())
        };
        let node = graph.add(&source, Role::Other, &[self.node], place, move |lowering| {
            repartition.lower_keeping(lowering, &filter, |key| key.as_value().is_some());
        });
        drop(graph);
        let sources = [source.clone()].into();
        Self::new(self.graph.clone(), node, source, key_serde, value_serde, sources, false)
    }
}
