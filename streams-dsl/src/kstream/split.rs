//! `split`: each record goes to one of several branches.

use std::{collections::BTreeMap, fmt, panic::Location, sync::Arc};

use parking_lot::Mutex;
use streams_core::BoxError;

use super::{KStream, Placed};
use crate::{
    graph::{GraphNodeId, Role, prefix},
    options::{Branched, Then},
    processors::{self, BranchPredicate},
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// Splits the stream into branches: each record goes to the first one whose predicate holds.
    /// Java's `split`.
    ///
    /// Branches are named after the split, which [`named`](Self::named) names, and their number or
    /// [name](Branched::named).
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream::<String, i64>("orders");
    /// let branches = orders
    ///     .named("orders-")
    ///     .split()
    ///     .branch_as(|_, amount| *amount > 1_000, "large")
    ///     .branch_as(|_, amount| *amount > 100, "medium")
    ///     .default_branch_as("small");
    /// branches["orders-large"].to("large-orders");
    /// branches["orders-small"].to("small-orders");
    /// assert!(builder.build()?.describe().contains("Processor: orders-medium (stores: [])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn split(&self) -> BranchedKStream<K, V> {
        let placed = self.next_node(prefix::BRANCH);
        let branches = Arc::new(Mutex::new(Branches { predicates: Vec::new(), default: None }));
        let (name, shared) = (placed.name.clone(), branches.clone());
        let lower = move |lowering: &mut crate::graph::Lowering<'_>| {
            let parents = lowering.parents::<K, V>();
            let Branches { predicates, default } = shared.lock().clone();
            let supplier = processors::branch(predicates, default);
            let node = lowering.processor(&name, supplier, &parents);
            lowering.forwards::<K, V>(node);
        };
        let place = placed.place;
        let node =
            self.graph.lock().add(&placed.name, Role::KeepsRecords, &[self.node], place, lower);
        let (source, name) = (self.clone(), placed.name);
        BranchedKStream { source, node, name, branches, outputs: BTreeMap::new() }
    }
}

/// What the splitting node needs to know, while branches are added.
struct Branches<K, V> {
    predicates: Vec<(BranchPredicate<K, V>, Arc<str>)>,
    default: Option<Arc<str>>,
}

impl<K, V> Clone for Branches<K, V> {
    fn clone(&self) -> Self {
        Self { predicates: self.predicates.clone(), default: self.default.clone() }
    }
}

/// A stream that is being split: see [`KStream::split`]. Java's `BranchedKStream`.
pub struct BranchedKStream<K, V> {
    source: KStream<K, V>,
    node: GraphNodeId,
    name: Arc<str>,
    branches: Arc<Mutex<Branches<K, V>>>,
    outputs: BTreeMap<String, KStream<K, V>>,
}

impl<K: Send + 'static, V: Send + 'static> BranchedKStream<K, V> {
    /// Adds a branch for the records for which `predicate` holds, and none before it.
    #[track_caller]
    #[must_use]
    pub fn branch(self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.branch_as(predicate, Branched::unnamed())
    }

    /// As [`branch`](Self::branch), with a name for the branch or something to be done with it.
    #[track_caller]
    #[must_use]
    pub fn branch_as(
        self,
        predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
        branched: impl Into<Branched<K, V>>,
    ) -> Self {
        self.do_branch(Arc::new(move |key, value| Ok(predicate(key, value))), branched.into())
    }

    /// As [`branch_as`](Self::branch_as), with a predicate that can fail.
    #[track_caller]
    #[must_use]
    pub fn try_branch_as<E: Into<BoxError>>(
        self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
        branched: impl Into<Branched<K, V>>,
    ) -> Self {
        let predicate = move |key: &K, value: &V| predicate(key, value).map_err(Into::into);
        self.do_branch(Arc::new(predicate), branched.into())
    }

    #[track_caller]
    fn do_branch(mut self, predicate: BranchPredicate<K, V>, branched: Branched<K, V>) -> Self {
        let number = self.branches.lock().predicates.len() + 1;
        let name = self.add_branch(branched, number);
        self.branches.lock().predicates.push((predicate, name));
        self
    }

    /// Adds a branch for all other records, and ends the split: the branches by name, but for those
    /// that were handed to a consumer.
    #[track_caller]
    pub fn default_branch(self) -> BTreeMap<String, KStream<K, V>> {
        self.default_branch_as(Branched::unnamed())
    }

    /// As [`default_branch`](Self::default_branch), with a name for the branch or something to be
    /// done with it.
    #[track_caller]
    pub fn default_branch_as(
        mut self,
        branched: impl Into<Branched<K, V>>,
    ) -> BTreeMap<String, KStream<K, V>> {
        let name = self.add_branch(branched.into(), 0);
        self.branches.lock().default = Some(name);
        self.outputs
    }

    /// Ends the split: all other records end here, and are not counted as dropped. The branches by
    /// name, but for those that were handed to a consumer.
    pub fn no_default_branch(self) -> BTreeMap<String, KStream<K, V>> {
        self.outputs
    }

    #[track_caller]
    fn add_branch(&mut self, branched: Branched<K, V>, number: usize) -> Arc<str> {
        let place = Location::caller();
        let mut graph = self.source.graph.lock();
        graph.check_name(place, branched.name.as_ref());
        let name: Arc<str> = match &branched.name {
            Some(name) => format!("{}{name}", self.name).into(),
            None => format!("{}{number}", self.name).into(),
        };
        graph.new_name(&name);
        let child = name.clone();
        let node = graph.add(&name, Role::KeepsRecords, &[self.node], place, move |lowering| {
            let parents = lowering.parents::<K, V>();
            let node = lowering.processor(&child, processors::pass_through(), &parents);
            lowering.forwards::<K, V>(node);
        });
        drop(graph);
        let branch = self.source.unchanged(Placed { name: name.clone(), place }, node);
        match branched.then {
            Then::Keep => drop(self.outputs.insert(name.to_string(), branch)),
            Then::Consume(consumer) => consumer(branch),
            Then::Chain(function) => {
                self.outputs.insert(name.to_string(), function(branch));
            }
        }
        name
    }
}

impl<K, V> fmt::Debug for BranchedKStream<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BranchedKStream({})", self.name)
    }
}
