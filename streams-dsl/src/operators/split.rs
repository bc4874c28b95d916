//! `split`: each record goes to one of several branches. Java's `KStreamBranch`.

use std::{collections::BTreeMap, fmt, marker::PhantomData, sync::Arc};

use parking_lot::Mutex;
use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

use super::merge::PassThrough;
use crate::{
    KStream,
    options::Named,
    plan::{
        Drawn, DrawnStream, GraphNodeId, Lowering, Name, Operator, Role, Sketch, Step, StepRef,
        prefix,
    },
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// Splits the stream into branches: each record goes to the first one whose predicate holds.
    /// Java's `split`.
    ///
    /// A branch is found under the name of the split, if it has one, and its own name behind that,
    /// or its number: 1 for the first, 0 for the default.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream::<String, i64>("orders");
    /// let split = orders.split().named("orders-");
    /// let branches = split
    ///     .branch(|_, amount| *amount > 1_000).named("large")
    ///     .branch(|_, amount| *amount > 100).named("medium")
    ///     .default_branch().named("small")
    ///     .branches();
    /// branches["orders-large"].to("large-orders");
    /// branches["orders-small"].to("small-orders");
    /// assert!(builder.build()?.describe().contains("Processor: orders-medium (stores: [])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn split(&self) -> BranchedKStream<K, V> {
        let split = self.step().then(Split::<K, V>(PhantomData));
        BranchedKStream { split, branches: Vec::new() }
    }
}

/// A stream that is being split: see [`KStream::split`]. Java's `BranchedKStream`.
///
/// [`named`](Self::named), [`with_consumer`](Self::with_consumer) and
/// [`with_function`](Self::with_function) apply to the branch that was added last. Java's
/// `Branched`.
pub struct BranchedKStream<K, V> {
    split: StepRef,
    branches: Vec<Branch<K, V>>,
}

/// A branch: its step, its number, and its stream unless that was handed over.
struct Branch<K, V> {
    step: StepRef,
    number: usize,
    stream: Option<KStream<K, V>>,
}

impl<K: Send + 'static, V: Send + 'static> BranchedKStream<K, V> {
    /// Adds a branch for the records for which `predicate` holds, and none before it.
    #[track_caller]
    #[must_use]
    pub fn branch(self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.add(Some(Arc::new(move |key, value| Ok(predicate(key, value)))))
    }

    /// Like [`branch`](Self::branch), with closures that can fail: their errors go to the
    /// processing exception handler.
    #[track_caller]
    #[must_use]
    pub fn try_branch<E: Into<BoxError>>(
        self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
    ) -> Self {
        self.add(Some(Arc::new(move |key, value| predicate(key, value).map_err(Into::into))))
    }

    /// Adds a branch for all other records. Without it they end here, and are not counted as
    /// dropped. Java's `defaultBranch`.
    #[track_caller]
    #[must_use]
    pub fn default_branch(self) -> Self {
        self.add(None)
    }

    /// Names the branch that was added last; before the first one, the split. Java's `Branched.as`
    /// and `Named`.
    #[must_use]
    pub fn named(self, name: impl Into<Named>) -> Self {
        self.branches.last().map_or(&self.split, |branch| &branch.step).set_name(name.into());
        self
    }

    /// Hands the branch that was added last over to `consumer`; it is not among what
    /// [`branches`](Self::branches) returns. Java's `Branched.withConsumer`.
    #[must_use]
    pub fn with_consumer<R>(mut self, consumer: impl FnOnce(KStream<K, V>) -> R) -> Self {
        if let Some(stream) = self.branches.last_mut().and_then(|branch| branch.stream.take()) {
            consumer(stream);
        }
        self
    }

    /// Returns what `function` makes of the branch that was added last in its place. Java's
    /// `Branched.withFunction`.
    #[must_use]
    pub fn with_function(mut self, function: impl FnOnce(KStream<K, V>) -> KStream<K, V>) -> Self {
        if let Some(branch) = self.branches.last_mut() {
            branch.stream = branch.stream.take().map(function);
        }
        self
    }

    /// Ends the split: the branches by name, but for those that were handed to a consumer. Java's
    /// `noDefaultBranch`, and what its `defaultBranch` returns.
    pub fn branches(self) -> BTreeMap<String, KStream<K, V>> {
        let split = self.split.options().name.map(|name| name.to_string()).unwrap_or_default();
        let named = |branch: Branch<K, V>| {
            let name = branch.step.options().name;
            let name = name.map_or_else(|| branch.number.to_string(), |name| name.to_string());
            Some((format!("{split}{name}"), branch.stream?))
        };
        self.branches.into_iter().filter_map(named).collect()
    }

    #[track_caller]
    fn add(mut self, predicate: Option<BranchPredicate<K, V>>) -> Self {
        let is_default = predicate.is_none();
        let number = if is_default { 0 } else { self.branches.len() + 1 };
        let step = self.split.then(AddBranch { predicate, number });
        let stream = Some(KStream::of(step.clone()));
        self.branches.push(Branch { step, number, stream });
        self
    }
}

impl<K, V> fmt::Debug for BranchedKStream<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BranchedKStream({})", self.split)
    }
}

/// Predicate of a branch: true for the records that go to it.
type BranchPredicate<K, V> = Arc<dyn Fn(&K, &V) -> Result<bool, BoxError> + Send + Sync>;

/// A branch's predicate, none for the default, and the name of its node.
type PredicateAndChild<K, V> = (Option<BranchPredicate<K, V>>, Name);

/// The branches of a split, as they are drawn.
type DrawnBranches<K, V> = Arc<Mutex<Vec<PredicateAndChild<K, V>>>>;

/// The parts of the split that its branches need.
struct DrawnSplit<K, V> {
    above: DrawnStream<K, V>,
    node: GraphNodeId,
    name: Name,
    branches: DrawnBranches<K, V>,
}

impl<K, V> Clone for DrawnSplit<K, V> {
    fn clone(&self) -> Self {
        Self {
            above: self.above.clone(),
            node: self.node,
            name: self.name.clone(),
            branches: self.branches.clone(),
        }
    }
}

struct Split<K, V>(PhantomData<fn(K, V)>);

impl<K: Send + 'static, V: Send + 'static> Operator for Split<K, V> {
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let above = sketch.stream::<K, V>(step)?;
        let name = sketch.name(step, prefix::BRANCH);
        let branches = DrawnBranches::<K, V>::default();
        let (node_name, drawn) = (name.clone(), branches.clone());
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, V>();
            let branches: Arc<[_]> = drawn.lock().clone().into();
            let supplier = move || Brancher { branches: branches.clone() };
            let node = lowering.processor(&node_name, supplier, &parents);
            lowering.forwards::<K, V>(node);
        };
        let node = sketch.add(&name, Role::KeepsRecords, &[above.node], step.caller, part);
        Some(Box::new(DrawnSplit { above, node, name, branches }))
    }
}

struct AddBranch<K, V> {
    predicate: Option<BranchPredicate<K, V>>,
    number: usize,
}

impl<K: Send + 'static, V: Send + 'static> Operator for AddBranch<K, V> {
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let split = sketch.output::<DrawnSplit<K, V>>(step.inputs.first())?;
        let name: Name = match &step.options.name {
            Some(name) => format!("{}{name}", split.name).into(),
            None => format!("{}{}", split.name, self.number).into(),
        };
        // Java's takes a number here, too.
        sketch.names.new_name(&name);
        split.branches.lock().push((self.predicate.clone(), name.clone()));
        let node_name = name.clone();
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, V>();
            let node = lowering.processor(&node_name, || PassThrough, &parents);
            lowering.forwards::<K, V>(node);
        };
        let node = sketch.add(&name, Role::KeepsRecords, &[split.node], step.caller, part);
        Some(DrawnStream { node, name, ..split.above }.of(step))
    }
}

/// Forwards each record to the first branch that takes it. A record that none takes ends here; it
/// does not count as dropped.
struct Brancher<K, V> {
    branches: Arc<[PredicateAndChild<K, V>]>,
}

impl<K, V> Processor<K, V, K, V> for Brancher<K, V> {
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K, V>,
    ) -> Result<(), BoxError> {
        for (predicate, child) in &*self.branches {
            let takes = predicate.as_ref().map_or(Ok(true), |it| it(record.key, record.value))?;
            if takes {
                context.forward_to(child, record)?;
                return Ok(());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::effect;

    #[test]
    fn a_record_goes_to_the_first_branch_that_takes_it() {
        let out = effect(
            |b| {
                let split = b.stream::<String, String>("in").split().named("by-");
                let branches = split
                    .branch(|_, line| line.starts_with('x'))
                    .with_function(|stream| stream.map_values(|line| format!("1:{line}")))
                    .branch(|_, line| line.ends_with('y'))
                    .named("end")
                    .with_consumer(|stream| stream.map_values(|line| format!("2:{line}")).to("out"))
                    .branches();
                branches["by-1"].to("out");
                assert_eq!(branches.len(), 1);
            },
            &[("in", "a", "xy", 1), ("in", "a", "y", 2), ("in", "a", "z", 3)],
        );
        assert_eq!(out, ["a=1:xy@1", "a=2:y@2"]);
    }
}
