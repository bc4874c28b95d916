//! The plan: a program's operators as data, and the passes that make a topology of them.
//!
//! Each call of an operator adds a [`Step`]: a value that knows how its nodes are drawn, the steps
//! it stands on, the line of the program, and the options that were said behind it. Nothing else
//! happens before `build`. Then pass after pass runs over plain data:
//!
//! 1. `sketch`: the steps, in order, draw nodes with names, repartition topics, and what they need of nodes above;
//! 2. `merge_sources`, `merge_repartitions`, `self_joins`: the graph is rewritten;
//! 3. `needs`: which tables have a store and send old values;
//! 4. `order`: in which order nodes are added to the topology;
//! 5. `lower`: nodes and stores of a topology, with their serdes.
//!
//! The processing of records is not here but in `operators`. Invariant: names and their numbers are
//! those that Java would give, so that a topology keeps the internal topics and stores of its Java
//! twin.

mod lower;
mod merge_repartitions;
mod merge_sources;
mod names;
mod needs;
mod node;
mod order;
mod outputs;
mod repartition;
mod rows;
mod said;
mod self_joins;
mod serdes;
mod settings;
mod sketch;
mod step;
mod table_store;

use std::{any::Any, panic::Location, sync::Arc};

use parking_lot::{Mutex, MutexGuard};
use streams_core::{
    Result,
    serde::{SerdeRef, Serdes},
    topology::{ProcessorWrapper, Topology, TopologyProblem},
};

pub(crate) use self::{
    lower::{Lowering, Output},
    names::prefix,
    needs::{Need, RowsOf},
    node::{GraphNodeId, Part, Role},
    outputs::{DrawnGlobal, DrawnGroup, DrawnStream, DrawnTable},
    repartition::{Repartition, RepartitionNames, own_timestamp},
    rows::{Asked, Connect, Lookup, Rows, StoredRows, TableGetter, VersionedRows},
    serdes::{KeyPartitioner, Slot},
    settings::BuildSettings,
    sketch::{SharedTopic, Sketch},
    step::{Drawn, Operator, Options, Step, StepId, StepRef},
    table_store::TableStore,
};

/// A line of the program, for error messages.
pub(crate) type Caller = &'static Location<'static>;

/// A name of a node, store or topic.
pub(crate) type Name = Arc<str>;

/// Names of the source nodes above a stream or table: what a join must copartition.
pub(crate) type Sources = Arc<[Name]>;

/// The plan of a builder, shared with all streams and tables that were made from it.
#[derive(Clone, Default)]
pub(crate) struct SharedPlan(Arc<Mutex<Plan>>);

/// The steps of a program, and what was noted while they were written down.
#[derive(Default)]
pub(crate) struct Plan {
    steps: Vec<Step>,
    serdes: Serdes,
    problems: Vec<TopologyProblem>,
    wrapper: Option<Arc<dyn ProcessorWrapper>>,
}

impl SharedPlan {
    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.0.lock()
    }

    /// Returns whether both are of one builder.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Makes `serde` the default of its type.
    pub(crate) fn register_serde<T: 'static>(&self, serde: SerdeRef<T>) {
        self.lock().serdes.register(serde);
    }

    /// Lets `wrapper` wrap all processors.
    pub(crate) fn wrap_processors(&self, wrapper: Arc<dyn ProcessorWrapper>) {
        self.lock().wrapper = Some(wrapper);
    }

    /// Notes a mistake for `build` to report.
    pub(crate) fn problem(&self, caller: Caller, text: impl std::fmt::Display) {
        self.lock().problems.push(TopologyProblem::at(caller, text));
    }

    /// Adds a step that stands on others, none for a source.
    pub(crate) fn add(
        &self,
        inputs: Vec<StepId>,
        caller: Caller,
        operator: impl Operator,
    ) -> StepRef {
        self.add_step(inputs, caller, Arc::new(operator))
    }

    fn add_step(
        &self,
        inputs: Vec<StepId>,
        caller: Caller,
        operator: Arc<dyn Operator>,
    ) -> StepRef {
        let mut plan = self.lock();
        let (id, options) = (plan.steps.len(), Options::default());
        plan.steps.push(Step { id, operator, inputs, caller, options });
        StepRef { plan: self.clone(), id }
    }

    /// Makes a topology of all steps.
    ///
    /// # Errors
    /// `Topology` with all mistakes.
    pub(crate) fn build(&self, settings: BuildSettings) -> Result<Topology> {
        // The lock is not held while steps are drawn and lowered: their closures are free to use
        // it.
        let (steps, serdes, mut problems, wrapper) = {
            let plan = self.lock();
            let Plan { steps, serdes, problems, wrapper } = &*plan;
            (steps.clone(), serdes.clone(), problems.clone(), wrapper.clone())
        };
        let mut graph = sketch::draw(&steps, &mut problems);
        merge_sources::merge_sources(&mut graph.nodes, &mut problems);
        if settings.merge_repartition_topics {
            merge_repartitions::merge_repartitions(&mut graph.nodes);
        }
        if settings.single_store_self_join {
            self_joins::keep_self_joins_in_one_store(&mut graph.nodes);
        }
        let needs = needs::resolve(&graph);
        lower::lower(&graph, &needs, &serdes, (settings, wrapper), problems)
    }
}

/// A typed thing, for a place that does not know its type.
type Erased = Arc<dyn Any + Send + Sync>;
