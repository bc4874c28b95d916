//! One call of an operator.

use std::{any::Any, panic::Location, sync::Arc, time::Duration};

use streams_core::{serde::SerdeRef, topology::TopologyProblem};

use super::{Caller, Erased, SharedPlan, Sketch, said::Said};
use crate::options::{AsyncOptions, Named};

/// The number of a step in its plan.
pub(crate) type StepId = usize;

/// Output of a step, as the steps below see it: a [`DrawnStream`](super::DrawnStream),
/// [`DrawnTable`](super::DrawnTable) or another of their kind.
pub(crate) type Drawn = Box<dyn Any>;

/// The operation of a step, a value made by the method of the operator.
pub(crate) trait Operator: Send + Sync + 'static {
    /// Draws its nodes, with their names, and says what it is for the steps below. `None` if what
    /// it stands on could not be drawn, for a mistake that is noted.
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn>;
}

/// One call of an operator.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) id: StepId,
    pub(super) operator: Arc<dyn Operator>,
    /// The steps above it, in the order that the operator knows.
    pub(crate) inputs: Vec<StepId>,
    pub(crate) caller: Caller,
    pub(crate) options: Options,
}

/// Options that followed the operator.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) name: Option<Named>,
    stored: Said<Erased>,
    table_joined: Said<Erased>,
    grace: Said<Duration>,
    calls: Said<AsyncOptions>,
    key_serde: Option<Erased>,
    value_serde: Option<Erased>,
}

impl Options {
    /// The description of the store, if one was given.
    pub(crate) fn stored<M: Clone + 'static>(&self) -> Option<M> {
        self.stored.take_as()
    }

    /// Partitioning of the tables of a join by foreign key, if it was set for tables of these
    /// types.
    pub(crate) fn table_joined<T: Clone + 'static>(&self) -> Option<T> {
        self.table_joined.take_as()
    }

    /// For how long records are to be held back, if that was said.
    pub(crate) fn grace(&self) -> Option<Duration> {
        self.grace.take().copied()
    }

    /// Options of calls, as set or by default.
    pub(crate) fn async_options(&self) -> AsyncOptions {
        self.calls.take().copied().unwrap_or_default()
    }

    /// The serde of the keys, if one was given.
    pub(crate) fn key_serde<K: 'static>(&self) -> Option<SerdeRef<K>> {
        self.key_serde.as_ref()?.downcast_ref().cloned()
    }

    /// The serde of the values, if one was given.
    pub(crate) fn value_serde<V: 'static>(&self) -> Option<SerdeRef<V>> {
        self.value_serde.as_ref()?.downcast_ref().cloned()
    }

    /// Describes the options that the operator, once drawn, did not take.
    pub(super) fn idle(&self) -> impl Iterator<Item = &'static str> {
        let all = [
            (self.stored.is_idle(), "`stored` is said of something that has no store"),
            (
                self.grace.is_idle(),
                "`with_grace_period` is said of something that is not a join of a stream with a table",
            ),
            (
                self.table_joined.is_idle(),
                "`with_table_joined` is said of something that is not a join by foreign key of tables with these keys",
            ),
            (
                self.calls.is_idle(),
                "`with_async` is said of something that is not an async operator",
            ),
        ];
        all.into_iter().filter_map(|(is_idle, text)| is_idle.then_some(text))
    }
}

/// A step in its plan: all that a handle of the DSL holds.
#[derive(Clone)]
pub(crate) struct StepRef {
    pub(super) plan: SharedPlan,
    pub(super) id: StepId,
}

impl StepRef {
    pub(crate) const fn plan(&self) -> &SharedPlan {
        &self.plan
    }

    pub(crate) const fn id(&self) -> StepId {
        self.id
    }

    /// Adds a step that stands on this one.
    #[track_caller]
    pub(crate) fn then(&self, operator: impl Operator) -> Self {
        self.plan.add(vec![self.id], Location::caller(), operator)
    }

    /// Adds a step that stands on this one and on `other`; `what` says what can't be done with one
    /// of another builder.
    #[track_caller]
    pub(crate) fn then_with(&self, other: &Self, what: &str, operator: impl Operator) -> Self {
        let caller = Location::caller();
        self.plan.add(self.inputs_with(other, what, caller), caller, operator)
    }

    fn inputs_with(&self, other: &Self, what: &str, caller: Caller) -> Vec<StepId> {
        let mut inputs = vec![self.id];
        if self.plan.is(&other.plan) {
            inputs.push(other.id);
        } else {
            self.plan.problem(caller, format!("{what} of another builder"));
        }
        inputs
    }

    /// Names the step's node.
    pub(crate) fn set_name(&self, name: Named) {
        self.set("named", |options| options.name.replace(name).is_some());
    }

    /// Gives the step's grace period.
    pub(crate) fn set_grace(&self, grace: Duration) {
        self.set("with_grace_period", |options| options.grace.say(grace));
    }

    /// Describes the step's store.
    pub(crate) fn set_stored(&self, store: impl Any + Send + Sync) {
        self.set("stored", |options| options.stored.say(Arc::new(store)));
    }

    /// Says how the tables of a join by foreign key are partitioned.
    pub(crate) fn set_table_joined(&self, joined: impl Any + Send + Sync) {
        self.set("with_table_joined", |options| options.table_joined.say(Arc::new(joined)));
    }

    /// Says how calls are made.
    pub(crate) fn set_async_options(&self, given: AsyncOptions) {
        self.set("with_async", |options| options.calls.say(given));
    }

    /// Gives the serde of the keys that the step forwards.
    pub(crate) fn set_key_serde<K: 'static>(&self, serde: SerdeRef<K>) {
        self.set("with_key_serde", |options| options.key_serde.replace(Arc::new(serde)).is_some());
    }

    /// Gives the serde of the values that the step forwards.
    pub(crate) fn set_value_serde<V: 'static>(&self, serde: SerdeRef<V>) {
        self.set("with_value_serde", |options| {
            options.value_serde.replace(Arc::new(serde)).is_some()
        });
    }

    /// The step's options as they are now.
    pub(crate) fn options(&self) -> Options {
        let plan = self.plan.lock();
        plan.steps.get(self.id).map(|step| step.options.clone()).unwrap_or_default()
    }

    fn set(&self, option: &str, set: impl FnOnce(&mut Options) -> bool) {
        let mut plan = self.plan.lock();
        let Some(step) = plan.steps.get_mut(self.id) else { return };
        if set(&mut step.options) {
            let problem =
                TopologyProblem::at(step.caller, format!("`{option}` is said twice here"));
            plan.problems.push(problem);
        }
    }
}

impl std::fmt::Display for StepRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.options().name;
        match name {
            Some(name) => write!(f, "{name}"),
            None => write!(f, "step {}", self.id),
        }
    }
}

impl std::fmt::Debug for StepRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StepRef({self})")
    }
}
