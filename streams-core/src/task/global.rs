//! Global stores: the task that fills those of an instance, and the stores through which the
//! instance's other tasks read them.
//!
//! The rows are in databases that all tasks share. Only the global task writes them, at its
//! commits, with the positions of its inputs in the same atomic write. A task that reads has its
//! own store objects on the same databases, and never writes to them: so there is no lock between
//! the threads. Invariant: the positions in a database belong to its rows.

use std::sync::Arc;

use state_store::{Database, WriteBatch};

use super::{ActiveTask, CommitState, Counted, TaskDatabases, TaskSettings, TaskState};
use crate::{
    Result, TaskId, TopicPartition,
    client::{Collector, RecordBatch},
    store::{StateStore, StoreSpec},
    topology::{TaskBuilder, Topology},
};

/// The stores of a task, by their numbers in the topology.
type TaskStores = Vec<Option<Box<dyn StateStore>>>;

/// Opens the databases of the global stores; `None` if the topology has none. `open` opens the one
/// on disk for the names of the persistent stores.
pub(crate) fn open_global_databases(
    topology: &Topology,
    open: impl FnOnce(&[String]) -> Result<Arc<dyn Database>>,
) -> Result<Option<TaskDatabases>> {
    let stores = topology.global_stores().into_iter();
    let stores: Vec<(usize, &StoreSpec)> =
        stores.filter_map(|index| Some((index, &topology.stores.get(index)?.spec))).collect();
    if stores.is_empty() { Ok(None) } else { TaskDatabases::open(&stores, open).map(Some) }
}

/// Puts the global stores into the slots of a task's stores.
pub(crate) fn add_global_stores(
    topology: &Topology,
    settings: &TaskSettings,
    databases: &TaskDatabases,
    stores: &mut [Option<Box<dyn StateStore>>],
) -> Result {
    for index in topology.global_stores() {
        let Some(def) = topology.stores.get(index) else { continue };
        let store = databases.open_committed(index, def, settings)?;
        if let Some(slot) = stores.get_mut(index) {
            *slot = Some(store);
        }
    }
    Ok(())
}

/// Fills the global stores of an instance from all partitions of their topics.
pub(crate) struct GlobalTask {
    task: ActiveTask,
    /// The store that each input fills.
    fills: Vec<usize>,
}

impl GlobalTask {
    /// Creates the task without starting it. `partitions` gives the number of partitions of each
    /// topic.
    pub(crate) fn new(
        topology: &Topology,
        settings: &Arc<TaskSettings>,
        databases: TaskDatabases,
        mut partitions: impl FnMut(&str) -> Result<i32>,
    ) -> Result<Self> {
        let mut stores: TaskStores = topology.stores.iter().map(|_| None).collect();
        add_global_stores(topology, settings, &databases, &mut stores)?;
        let nodes = TaskBuilder::build_global(topology, &settings.application_id)?;
        let (mut inputs, mut fills, mut input_sources) = (Vec::new(), Vec::new(), Vec::new());
        for (topic, store) in topology.global_topics() {
            let topic = topology.topic_name(&settings.application_id, topic);
            let reader = topology.reader_of(&settings.application_id, &topic);
            let reads = |(_, node): &(_, usize)| Some(*node) == reader;
            let source = nodes.sources.iter().position(reads).unwrap_or_default();
            for partition in 0..partitions(&topic)? {
                inputs.push(TopicPartition::new(&*topic, partition));
                fills.push(store);
                input_sources.push(source);
            }
        }
        let sources = nodes.sources.into_iter().map(|(source, _)| source).collect();
        let mut state = TaskState::new(TaskId::GLOBAL, settings.clone(), stores, inputs);
        state.shared = nodes.shared;
        let commit = CommitState::new(databases, [].into(), Vec::new());
        Ok(Self { task: ActiveTask::new(state, sources, input_sources, commit), fills })
    }

    /// The partitions that it reads.
    pub(crate) fn inputs(&self) -> &[TopicPartition] {
        self.task.inputs()
    }

    /// The store filled from a partition, by number in the topology.
    pub(crate) fn filled_by(&self, partition: &TopicPartition) -> Option<usize> {
        let input = self.inputs().iter().position(|input| input == partition)?;
        self.fills.get(input).copied()
    }

    /// The next offset of a partition at the last commit; `None` before the first.
    pub(crate) fn stored_position(&self, partition: &TopicPartition) -> Result<Option<i64>> {
        let database = self.filled_by(partition).and_then(|store| self.task.databases().of(store));
        let offset = database.map(|(database, _)| database.offset(&partition.to_string()));
        Ok(offset.transpose()?.flatten())
    }

    /// Empties the store that is filled from a partition, and resets its partitions to `positions`,
    /// in one step. For a task that has not read anything.
    pub(crate) fn clear(&self, store: usize, positions: &[(TopicPartition, i64)]) -> Result {
        let Some((database, id)) = self.task.databases().of(store) else { return Ok(()) };
        let mut batch = WriteBatch::new();
        batch.delete_all(id);
        for (partition, position) in positions {
            batch.set_offset(&partition.to_string(), *position);
        }
        Ok(database.write(batch)?)
    }

    /// Calls each processor's `init`. `positions` gives the start of its inputs.
    pub(crate) fn start(
        &mut self,
        positions: &[(TopicPartition, i64)],
        now_ms: i64,
        collector: &mut Option<Box<Collector>>,
    ) -> Result {
        self.task.starts_at(positions);
        self.task.init(&[].into(), now_ms, collector)
    }

    /// Queues a polled batch.
    pub(crate) fn add_batch(&mut self, batch: RecordBatch) {
        self.task.add_batch(batch);
    }

    /// Processes all queued records, and the due punctuations. Returns the number of records.
    pub(crate) fn process(
        &mut self,
        now_ms: i64,
        collector: &mut Option<Box<Collector>>,
    ) -> Result<u64> {
        let mut processed = 0;
        while self.task.process(now_ms, collector)? {
            processed += 1;
        }
        self.task.punctuate_wall_clock(now_ms, collector)?;
        Ok(processed)
    }

    /// Time of the next wall-clock punctuation.
    pub(crate) fn next_punctuation(&self) -> Option<i64> {
        self.task.next_punctuation()
    }

    /// Writes the results, with the new positions: from now on other tasks see them.
    pub(crate) fn commit(&mut self, collector: &mut Option<Box<Collector>>) -> Result {
        self.task.commit_with_positions(&self.fills, collector)
    }

    /// Makes the state on disk durable.
    pub(crate) fn flush(&self) -> Result {
        self.task.databases().flush()
    }

    /// One of its stores, by number in the topology.
    pub(crate) fn store_mut(&mut self, store: usize) -> Option<&mut Box<dyn StateStore>> {
        self.task.store_mut(store)
    }

    /// Number of records dropped since the last call.
    pub(crate) fn take_dropped(&mut self) -> u64 {
        self.task.take_dropped()
    }

    /// Counts since the last call.
    pub(crate) fn take_counted(&mut self) -> Counted {
        self.task.take_counted()
    }

    /// Its node and record at a panic of user code, and the collector that was lent to it then.
    pub(crate) fn interrupted(&mut self) -> Option<(String, Box<Collector>)> {
        self.task.interrupted()
    }

    /// Calls each processor's `close`.
    pub(crate) fn close(&mut self) -> Result {
        self.task.close()
    }
}

impl std::fmt::Debug for GlobalTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GlobalTask({:?})", self.inputs())
    }
}
