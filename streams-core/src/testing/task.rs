//! The one task of a driver: all sub-topologies, partition 0 of each topic.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use state_store::{Database, MemoryBudget, MemoryDatabase};

use crate::{
    Error, ErrorKind, Result, TaskId, TopicPartition,
    client::Producer,
    config::StreamsConfig,
    runtime::Handlers,
    store::{StateStore, StoreContext, StoreSpec},
    task::{ActiveTask, CommitState, TaskDatabases, TaskSettings, TaskState},
    topology::{TaskBuilder, Topology, changelog_topic},
};

/// Opens the database of the stores of these names that are on disk.
pub(super) type OpenDatabase =
    Box<dyn FnOnce(&[String], &MemoryBudget) -> Result<Arc<dyn Database>>>;

/// Keeps the rows of stores on disk in memory instead.
pub(super) fn in_memory() -> OpenDatabase {
    Box::new(|stores, _| Ok(Arc::new(MemoryDatabase::new(stores.len()))))
}

/// Builds the task of a topology as a configuration says, not yet initialised.
pub(super) fn configured(
    topology: &Topology,
    config: &StreamsConfig,
    handlers: Handlers,
    open: OpenDatabase,
) -> Result<ActiveTask> {
    let config = config.validate().map_err(|problems| {
        let text = "the configuration of the test driver has problems";
        Error::with_source(ErrorKind::Config, text, problems)
    })?;
    let budget =
        MemoryBudget::new(config.state_memory_max_bytes(), config.statestore_cache_max_bytes());
    build(topology, TaskSettings::new(&config, handlers, budget), open)
}

/// The names of the stores, by their numbers in the topology.
pub(super) fn store_names(topology: &Topology) -> Vec<Arc<str>> {
    topology.stores.iter().map(|store| store.spec.name.clone()).collect()
}

/// What follows the first step of a commit, where no cluster is to be told of offsets: the producer is flushed, and
/// the batch goes to the databases.
pub(super) fn finish_commit(
    task: &mut ActiveTask,
    producer: &mut Option<Box<dyn Producer>>,
) -> Result {
    let reports = match producer {
        Some(producer) => producer.flush()?,
        None => Vec::new(),
    };
    let mut written = HashMap::new();
    for report in reports {
        let records = i64::try_from(report.records).unwrap_or(i64::MAX);
        written.insert(report.topic_partition, report.result?.saturating_add(records));
    }
    task.apply_commit(&written)
}

fn build(topology: &Topology, settings: TaskSettings, open: OpenDatabase) -> Result<ActiveTask> {
    let settings = Arc::new(settings);
    let specs: Vec<(usize, &StoreSpec)> =
        topology.stores.iter().map(|store| &store.spec).enumerate().collect();
    let databases = TaskDatabases::open(&specs, |names| open(names, &settings.budget))?;
    let stores = open_stores(topology, &settings, &databases)?;

    let nodes = TaskBuilder::build_all(topology, &settings.application_id)?;
    let mut sources = Vec::new();
    let mut inputs = Vec::new();
    let mut input_sources = Vec::new();
    for (index, (source, topics)) in nodes.sources.into_iter().enumerate() {
        sources.push(source);
        for topic in topics {
            inputs.push(TopicPartition::new(topic, 0));
            input_sources.push(index);
        }
    }
    let commit = commit_state(topology, &settings, databases);
    let id = TaskId::new(0, 0);
    let mut state = TaskState::new(id, settings, stores, inputs);
    state.shared = nodes.shared;
    Ok(ActiveTask::new(state, sources, input_sources, commit))
}

fn open_stores(
    topology: &Topology,
    settings: &TaskSettings,
    databases: &TaskDatabases,
) -> Result<Vec<Option<Box<dyn StateStore>>>> {
    let mut stores = Vec::new();
    for (index, def) in topology.stores.iter().enumerate() {
        let Some((database, id)) = databases.of(index) else {
            let text = format!("store `{}` has no database", def.spec.name);
            return Err(Error::new(ErrorKind::Fatal, text));
        };
        let mut store = (def.make)(&def.spec);
        store.open(StoreContext {
            database: database.clone(),
            id,
            budget: settings.budget.clone(),
            topic: changelog_topic(&settings.application_id, &def.spec.name).into(),
            caching: def.is_cached(settings.caching),
        })?;
        stores.push(Some(store));
    }
    Ok(stores)
}

fn commit_state(
    topology: &Topology,
    settings: &TaskSettings,
    databases: TaskDatabases,
) -> CommitState {
    let mut changelogs = BTreeMap::new();
    let mut flushes = Vec::new();
    for (index, def) in topology.stores.iter().enumerate() {
        if def.spec.logging && def.source_changelog.is_none() {
            let topic = changelog_topic(&settings.application_id, &def.spec.name);
            changelogs.insert(index, TopicPartition::new(topic, 0));
        }
        flushes.extend(def.flushed_by);
    }
    CommitState::new(databases, changelogs, flushes)
}
