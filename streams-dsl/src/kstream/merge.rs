//! `merge`: two streams as one.

use super::KStream;
use crate::{
    graph::{Role, prefix},
    processors,
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// The records of both streams. Java's `merge`.
    ///
    /// Records of one side stay in order; there is no order between the sides.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let web = builder.stream::<String, i64>("web-orders");
    /// let shop = builder.stream::<String, i64>("shop-orders");
    /// web.merge(&shop).to("orders");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-MERGE-0000000002"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        let placed = self.next_node(prefix::MERGE);
        let mut parents = vec![self.node];
        if self.graph.is(&other.graph) {
            parents.push(other.node);
        } else {
            let text = "a stream can't be merged with one of another builder";
            self.graph.lock().problem(placed.place, text);
        }
        let name = placed.name.clone();
        let lower = move |lowering: &mut crate::graph::Lowering<'_>| {
            let parents = lowering.parents::<K, V>();
            let node = lowering.processor(&name, processors::pass_through(), &parents);
            lowering.forwards::<K, V>(node);
        };
        let place = placed.place;
        let node = self.graph.lock().add(&placed.name, Role::Merge, &parents, place, lower);
        let mut sources = self.sources.to_vec();
        sources.extend(other.sources.iter().filter(|name| !self.sources.contains(name)).cloned());
        let key_serde = self.key_serde.clone().or(&other.key_serde);
        let value_serde = self.value_serde.clone().or(&other.value_serde);
        let repartition = self.repartition_required || other.repartition_required;
        let graph = self.graph.clone();
        let sources = sources.into();
        Self::new(graph, node, placed.name, key_serde, value_serde, sources, repartition)
    }
}
