//! The single task of a driver: all sub-topologies, partition 0 of each topic; and the task that
//! fills global stores.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use state_store::{Database, MemoryBudget, MemoryDatabase};

use super::pattern_inputs::PatternInputs;
use crate::{
    Error, ErrorKind, Result, TaskId, TopicPartition,
    client::{Collector, answer::wait_for_a_wake},
    config::{StreamsConfig, ValidConfig},
    handler::Handlers,
    store::{StateStore, StoreSpec},
    task::{
        ActiveTask, CommitState, GlobalTask, TaskDatabases, TaskSettings, TaskState,
        add_global_stores, open_global_databases,
    },
    time::{Clock, SystemClock, duration_ms},
    topology::{NodeKind, StoreDef, TaskBuilder, Topology, changelog_topic},
};

/// Opens the database of the persistent stores with these names: those of the task, or the global
/// ones.
pub(super) type OpenDatabase =
    Box<dyn Fn(&[String], &MemoryBudget, DatabaseOf) -> Result<Arc<dyn Database>>>;

/// Owner of the stores of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DatabaseOf {
    Task,
    Global,
}

/// The tasks of a driver.
pub(super) struct Tasks {
    pub(super) task: ActiveTask,
    /// `None` without global stores.
    pub(super) global: Option<GlobalTask>,
    /// Additional topics that the task reads once they have records.
    pub(super) pattern_inputs: PatternInputs,
}

/// Keeps the rows of persistent stores in memory instead.
pub(super) fn in_memory() -> OpenDatabase {
    Box::new(|stores, _, _| Ok(Arc::new(MemoryDatabase::new(stores.len()))))
}

/// Builds the tasks of a topology for a configuration, not yet initialised.
pub(super) fn configured(
    topology: &Topology,
    config: &StreamsConfig,
    handlers: Handlers,
    open: &OpenDatabase,
) -> Result<Tasks> {
    let config = validated(config)?;
    topology.check_config(&config)?;
    let budget =
        MemoryBudget::new(config.state_memory_max_bytes(), config.statestore_cache_max_bytes());
    build(topology, &Arc::new(TaskSettings::new(&config, handlers, budget)), open)
}

fn validated(config: &StreamsConfig) -> Result<ValidConfig> {
    config.validate().map_err(|problems| {
        let text = "the configuration of the test driver has problems";
        Error::with_source(ErrorKind::Config, text, problems)
    })
}

/// The topics that a topology may write to, including internal ones and that of dead letters;
/// `None` if a sink or a handler that is code chooses them record by record.
pub(super) fn written_topics(
    topology: &Topology,
    config: &StreamsConfig,
    handlers: &Handlers,
) -> Result<Option<BTreeSet<String>>> {
    if handlers.are_code() {
        return Ok(None);
    }
    let config = validated(config)?;
    let mut topics: BTreeSet<String> =
        config.dead_letter_queue_topic().map(str::to_owned).into_iter().collect();
    for node in &topology.nodes {
        match &node.kind {
            NodeKind::Sink { topic: None, .. } => return Ok(None),
            NodeKind::Sink { topic: Some(topic), .. } => {
                topics.insert(topology.topic_name(config.application_id(), topic));
            }
            NodeKind::Source { .. } | NodeKind::Processor { .. } => {}
        }
    }
    let changelogs = logged_stores(topology);
    topics.extend(changelogs.map(|(_, store)| changelog_topic(config.application_id(), store)));
    Ok(Some(topics))
}

/// The stores with their own changelog, with their numbers.
fn logged_stores(topology: &Topology) -> impl Iterator<Item = (usize, &str)> {
    let stores = topology.stores.iter().enumerate();
    let logged = stores.filter(|(_, def)| def.spec.logging && def.source_changelog.is_none());
    logged.map(|(index, def)| (index, &*def.spec.name))
}

/// The names of the stores, by their numbers in the topology.
pub(super) fn store_names(topology: &Topology) -> Vec<Arc<str>> {
    topology.stores.iter().map(|store| store.spec.name.clone()).collect()
}

/// Continues until nothing is in flight, and returns the time of the wall clock then. Work in
/// progress is awaited; its back-off passes at once, and its time-out after as long a wait.
pub(super) fn drain(
    task: &mut ActiveTask,
    mut now_ms: i64,
    collector: &mut Option<Box<Collector>>,
) -> Result<i64> {
    while !task.drain(now_ms, collector)? {
        let in_flight = task.in_flight();
        let Some(due_ms) = in_flight.due_ms() else { continue };
        let left = Duration::from_millis(u64::try_from(due_ms - now_ms).unwrap_or(0));
        if !in_flight.awaits_wake() || !was_woken_within(left) {
            now_ms = now_ms.max(due_ms);
        }
    }
    Ok(now_ms)
}

/// Waits for a wake, which may have come before, and may be spurious.
fn was_woken_within(most: Duration) -> bool {
    let began_ms = SystemClock.now_ms();
    wait_for_a_wake(most);
    SystemClock.now_ms() - began_ms < duration_ms(most)
}

/// The rest of a commit after its first step, without a cluster that needs offsets: the collector
/// is flushed, and the batch goes to the databases.
pub(super) fn finish_commit(
    task: &mut ActiveTask,
    collector: &mut Option<Box<Collector>>,
) -> Result {
    let reports = collector.as_mut().map_or(Ok(Vec::new()), |collector| collector.flush());
    let written = reports.and_then(|reports| {
        let written = reports.into_iter().map(|report| {
            let records = i64::try_from(report.records).unwrap_or(i64::MAX);
            Ok((report.topic_partition, report.result?.saturating_add(records)))
        });
        written.collect::<Result<HashMap<_, _>>>()
    });
    match written {
        Ok(written) => task.apply_commit(&written),
        Err(error) => {
            task.drop_staged();
            Err(error)
        }
    }
}

fn build(topology: &Topology, settings: &Arc<TaskSettings>, open: &OpenDatabase) -> Result<Tasks> {
    let budget = &settings.budget;
    let global = open_global_databases(topology, |names| open(names, budget, DatabaseOf::Global))?;
    let own: Vec<(usize, &StoreSpec)> =
        own_stores(topology).map(|(index, def)| (index, &def.spec)).collect();
    let databases = TaskDatabases::open(&own, |names| open(names, budget, DatabaseOf::Task))?;
    let mut stores = open_stores(topology, settings, &databases)?;
    if let Some(global) = &global {
        add_global_stores(topology, settings, global, &mut stores)?;
    }

    let nodes = TaskBuilder::build_all(topology, &settings.application_id)?;
    let nodes_of_sources = nodes.sources.iter().map(|(_, node)| *node);
    let pattern_inputs = PatternInputs::new(topology, &settings.application_id, nodes_of_sources);
    let mut sources = Vec::new();
    let mut inputs = Vec::new();
    let mut input_sources = Vec::new();
    for (index, (source, node)) in nodes.sources.into_iter().enumerate() {
        sources.push(source);
        for topic in topology.topics_of(node) {
            let topic = topology.topic_name(&settings.application_id, topic);
            inputs.push(TopicPartition::new(topic, 0));
            input_sources.push(index);
        }
    }
    let commit = commit_state(topology, settings, databases);
    let mut state = TaskState::new(TaskId::new(0, 0), settings.clone(), stores, inputs);
    state.shared = nodes.shared;
    let task = ActiveTask::new(state, sources, input_sources, commit);
    let global = global.map(|databases| GlobalTask::new(topology, settings, databases, |_| Ok(1)));
    Ok(Tasks { task, global: global.transpose()?, pattern_inputs })
}

/// The stores that are not global, with their numbers.
fn own_stores(topology: &Topology) -> impl Iterator<Item = (usize, &StoreDef)> {
    topology.stores.iter().enumerate().filter(|(_, def)| !def.global)
}

fn open_stores(
    topology: &Topology,
    settings: &TaskSettings,
    databases: &TaskDatabases,
) -> Result<Vec<Option<Box<dyn StateStore>>>> {
    let mut stores: Vec<_> = topology.stores.iter().map(|_| None).collect();
    for (index, def) in own_stores(topology) {
        let store = databases.open_store(index, def, settings)?;
        if let Some(slot) = stores.get_mut(index) {
            *slot = Some(store);
        }
    }
    Ok(stores)
}

fn commit_state(
    topology: &Topology,
    settings: &TaskSettings,
    databases: TaskDatabases,
) -> CommitState {
    let changelogs = logged_stores(topology).map(|(index, store)| {
        let topic = changelog_topic(&settings.application_id, store);
        (index, TopicPartition::new(topic, 0))
    });
    let flushes = topology.stores.iter().filter_map(|def| def.flushed_by);
    CommitState::new(databases, changelogs.collect(), flushes.collect())
}
