//! `KStream`: a stream of records, each an event of its own.
//!
//! One file an operator or a small group of them. An operator adds a node to the graph and returns
//! a handle of it; what the node does with a record is in `processors`.

mod fixed_key;
mod global_join;
mod group_by;
mod merge;
mod process;
mod process_values;
mod repartition;
mod split;
mod stateless;
mod table_join;
mod to;
mod to_table;

use std::{fmt, panic::Location, sync::Arc};

use parking_lot::Mutex;
use streams_core::processor::Processor;

pub use self::{
    fixed_key::{FixedKeyContext, FixedKeyProcessor, FixedKeyRecord},
    split::BranchedKStream,
};
use crate::{
    graph::{GraphNodeId, Place, Role, SharedGraph, Slot, Sources},
    options::Named,
};

/// A stream of records: each is an event of its own, whatever came before under its key. Java's
/// `KStream`.
///
/// A handle of a node in the graph of its [`StreamsBuilder`](crate::StreamsBuilder): cloning it is
/// cheap and adds nothing, and each call of an operator adds a branch. Records reach the branches
/// in the order in which they were added, each to the end of a branch before the next.
///
/// Keys and values that may be null are `Option`s. Operators whose closures can fail have a `try_`
/// form; what such a closure returns goes to the processing exception handler.
pub struct KStream<K, V> {
    graph: SharedGraph,
    node: GraphNodeId,
    /// Base of the name of a repartition topic, if a join needs one.
    name: Arc<str>,
    key_serde: Slot<K>,
    value_serde: Slot<V>,
    sources: Sources,
    /// Whether the key may have changed since the records were read: then what needs them by key
    /// repartitions.
    repartition_required: bool,
    /// The repartition topic that joins of this stream share, once there is one.
    join_repartition: Arc<Mutex<Option<Repartitioned>>>,
    next_name: Option<Named>,
}

/// A repartition topic in the graph.
#[derive(Clone)]
struct Repartitioned {
    node: GraphNodeId,
    source: Arc<str>,
}

impl<K, V> Clone for KStream<K, V> {
    fn clone(&self) -> Self {
        Self {
            graph: self.graph.clone(),
            node: self.node,
            name: self.name.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            sources: self.sources.clone(),
            repartition_required: self.repartition_required,
            join_repartition: self.join_repartition.clone(),
            next_name: self.next_name.clone(),
        }
    }
}

impl<K, V> fmt::Debug for KStream<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KStream({})", self.name)
    }
}

/// A name and line for the node that an operator adds.
struct Placed {
    name: Arc<str>,
    place: Place,
}

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    pub(crate) fn new(
        graph: SharedGraph,
        node: GraphNodeId,
        name: Arc<str>,
        key_serde: Slot<K>,
        value_serde: Slot<V>,
        sources: Sources,
        repartition_required: bool,
    ) -> Self {
        Self {
            graph,
            node,
            name,
            key_serde,
            value_serde,
            sources,
            repartition_required,
            join_repartition: Arc::default(),
            next_name: None,
        }
    }

    /// The same stream, whose next operator names its node `name`. Java's `Named`.
    ///
    /// Where an operator's options have a name, that goes first. Of a grouping or a join it names
    /// the repartition topic too.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream::<String, i64>("orders");
    /// orders.named("large").filter(|_, amount| *amount > 1_000).named("out").to("large-orders");
    /// let text = builder.build()?.describe();
    /// assert!(text.contains("Processor: large") && text.contains("Sink: out"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[must_use]
    pub fn named(&self, name: impl Into<Named>) -> Self {
        Self { next_name: Some(name.into()), ..self.clone() }
    }

    /// The name of the next node: what [`named`](Self::named) said, else generated.
    #[track_caller]
    fn next_node(&self, prefix: &str) -> Placed {
        let place = Location::caller();
        let mut graph = self.graph.lock();
        graph.check_name(place, self.next_name.as_ref());
        Placed { name: graph.name_or_new(self.next_name.as_ref(), prefix), place }
    }

    /// Adds a node below this one whose processors `supplier` makes.
    fn add_processor<P, K2: 'static, V2: 'static>(
        &self,
        placed: &Placed,
        role: Role,
        supplier: impl Fn() -> P + Send + Sync + 'static,
    ) -> GraphNodeId
    where
        P: Processor<K, V, K2, V2> + 'static,
    {
        let (name, supplier) = (placed.name.clone(), Arc::new(supplier));
        let parents = [self.node];
        self.graph.lock().add(&placed.name, role, &parents, placed.place, move |lowering| {
            let parents = lowering.parents::<K, V>();
            let supplier = supplier.clone();
            let node = lowering.processor(&name, move || supplier(), &parents);
            lowering.forwards::<K2, V2>(node);
        })
    }

    /// The stream of a node below this one with the same keys.
    fn with_values<V2: Send + 'static>(
        &self,
        placed: Placed,
        node: GraphNodeId,
        value_serde: Slot<V2>,
    ) -> KStream<K, V2> {
        let Placed { name, .. } = placed;
        let (key_serde, sources) = (self.key_serde.clone(), self.sources.clone());
        let graph = self.graph.clone();
        KStream::new(graph, node, name, key_serde, value_serde, sources, self.repartition_required)
    }

    /// The stream of a node below this one with the same keys and values.
    fn unchanged(&self, placed: Placed, node: GraphNodeId) -> Self {
        self.with_values(placed, node, self.value_serde.clone())
    }

    /// The stream of a node below this one with other keys.
    fn rekeyed<K2: Send + 'static, V2: Send + 'static>(
        &self,
        placed: Placed,
        node: GraphNodeId,
        value_serde: Slot<V2>,
    ) -> KStream<K2, V2> {
        let (graph, sources) = (self.graph.clone(), self.sources.clone());
        KStream::new(graph, node, placed.name, Slot::unknown(), value_serde, sources, true)
    }
}
