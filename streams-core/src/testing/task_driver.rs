//! The driver for measurements.

use std::{
    any::{Any, type_name},
    collections::BTreeMap,
    sync::Arc,
};

use super::{
    discarding_producer::{DiscardingProducer, KeptRecords},
    task::{self, Tasks},
};
use crate::{
    Error, ErrorKind, Record, Result,
    client::{Collector, RecordBatch, Records},
    config::StreamsConfig,
    handler::Handlers,
    store::StateStore,
    task::{ActiveTask, GlobalTask, Readiness},
    topology::Topology,
};

/// Runs a topology as one task in the calling thread, one batch at a time, and commits only when
/// told to.
///
/// For measurements of the record path: it does for a record what a stream thread does and nothing
/// else. The topology's output is counted by its producer and then dropped, except for records in
/// topics that the topology reads, such as repartition topics: they are processed when
/// [`return_written`](Self::return_written) has queued them. Stores are in memory. For results
/// there is [`TopologyTestDriver`](super::TopologyTestDriver).
///
/// ```
/// use std::sync::Arc;
/// use streams_core::{
///     client::Records, config::StreamsConfig, serde, testing::TaskDriver,
///     topology::{SinkOptions, SourceOptions, TopologyBuilder},
/// };
///
/// let mut builder = TopologyBuilder::new();
/// let source = SourceOptions::new(["in"], serde::string(), serde::string());
/// let source = builder.add_source("source", source);
/// builder.add_sink("sink", SinkOptions::topic("out", serde::string(), serde::string()), &[source]);
///
/// let mut records = Records::new();
/// records.push(0, Some(b"key"), Some(b"value"), []);
/// let config = StreamsConfig::new("app", "unused:9092");
/// let mut driver = TaskDriver::new(&builder.build()?, &config)?;
/// driver.enqueue("in", Arc::new(records))?;
/// assert_eq!(driver.process()?, 1);
/// driver.commit()?;
/// # Ok::<(), streams_core::Error>(())
/// ```
#[derive(Debug)]
pub struct TaskDriver {
    task: ActiveTask,
    /// The task that fills the global stores.
    global: Option<GlobalTask>,
    collector: Option<Box<Collector>>,
    /// Records written to the inputs.
    written: KeptRecords,
    now_ms: i64,
    store_names: Vec<Arc<str>>,
    /// The offset of the next record of each input.
    next_offsets: Vec<i64>,
}

impl TaskDriver {
    /// Creates a driver whose wall clock stands at the epoch, and calls every processor's `init`.
    ///
    /// # Errors
    /// `Config` if the configuration has problems, and errors of a processor's `init`.
    pub fn new(topology: &Topology, config: &StreamsConfig) -> Result<Self> {
        let Tasks { mut task, mut global, .. } =
            task::configured(topology, config, Handlers::default(), &task::in_memory())?;
        let written = KeptRecords::of(task.inputs().iter().map(|input| input.topic.clone()));
        let producer = DiscardingProducer::new(written.clone());
        let mut collector = Some(Box::new(Collector::new(Box::new(producer))));
        if let Some(global) = &mut global {
            global.start(&[], 0, &mut collector)?;
        }
        task.init(&BTreeMap::new(), 0, &mut collector)?;
        let global_inputs = global.as_ref().map_or(0, |global| global.inputs().len());
        let next_offsets = vec![0; task.inputs().len() + global_inputs];
        let store_names = task::store_names(topology);
        Ok(Self { task, global, collector, written, now_ms: 0, store_names, next_offsets })
    }

    /// Appends records to the queue of a topic. Records of a global store's topic are in the store
    /// when this returns.
    ///
    /// # Errors
    /// `InvalidState` if the topology does not read the topic; for a global store the errors of its
    /// processor.
    pub fn enqueue(&mut self, topic: &str, records: Arc<Records>) -> Result {
        let own = self.task.inputs().len();
        let global = self.global.as_ref().map_or(&[][..], GlobalTask::inputs);
        let mut inputs = self.task.inputs().iter().chain(global).enumerate();
        let found = inputs.find(|(_, partition)| *partition.topic == *topic);
        let Some((input, partition)) = found.map(|(input, partition)| (input, partition.clone()))
        else {
            return Err(unknown_topic(topic));
        };
        let Some(next) = self.next_offsets.get_mut(input) else { return Ok(()) };
        let (base_offset, count) = (*next, records.len());
        *next = next.saturating_add(i64::try_from(count).unwrap_or(i64::MAX));
        let batch = RecordBatch::new(partition, records, base_offset, 0..count, *next);
        match &mut self.global {
            Some(global) if input >= own => {
                global.add_batch(batch);
                global.process(0, &mut self.collector)?;
                global.commit(&mut self.collector)
            }
            _ => {
                self.task.add_batch(batch);
                Ok(())
            }
        }
    }

    /// Queues the records written to topics that the topology reads. Returns their number.
    ///
    /// # Errors
    /// The errors of [`enqueue`](Self::enqueue).
    pub fn return_written(&mut self) -> Result<u64> {
        let mut returned = 0;
        for (topic, records) in self.written.take() {
            returned += u64::try_from(records.len()).unwrap_or(u64::MAX);
            self.enqueue(&topic, Arc::new(records))?;
        }
        Ok(returned)
    }

    /// Processes the queued records, as a stream thread does between two commits. Returns their
    /// number.
    ///
    /// # Errors
    /// Errors of user code on which a handler decides to fail.
    pub fn process(&mut self) -> Result<u64> {
        // The cluster is known to hold nothing after the queued records.
        let mut processed = 0;
        loop {
            self.now_ms = task::drain(&mut self.task, self.now_ms, &mut self.collector)?;
            let run = self.task.process_run(0, usize::MAX, |_| Some(0), &mut self.collector)?;
            processed += u64::try_from(run.processed).unwrap_or(u64::MAX);
            // A run that ended for lack of memory continues: commits are the caller's.
            if run.processed == 0 || run.readiness != Readiness::Ready {
                return Ok(processed);
            }
        }
    }

    /// Pushes records through the nodes below the source of a topic, as if it had just decoded
    /// them: without queue, serdes and offsets, and without the punctuations that become due.
    /// Returns the number of records.
    ///
    /// # Errors
    /// `InvalidState` if the topology does not read the topic, `Topology` if it reads other types
    /// from it, and errors of user code on which a handler decides to fail.
    pub fn push<'r, K: 'static, V: 'static>(
        &mut self,
        topic: &str,
        records: impl IntoIterator<Item = Record<'r, K, V>>,
    ) -> Result<u64> {
        let input = self.input(topic)?;
        self.task.push_decoded(input, records, &mut self.collector)
    }

    /// Commits: caches forward the changes they held back, and the stores' writes go to their
    /// changelogs and databases.
    ///
    /// # Errors
    /// Errors of user code on which a handler decides to fail.
    pub fn commit(&mut self) -> Result {
        self.now_ms = task::drain(&mut self.task, self.now_ms, &mut self.collector)?;
        self.task.prepare_commit(&mut self.collector)?;
        task::finish_commit(&mut self.task, &mut self.collector)
    }

    /// A store by its name.
    ///
    /// # Errors
    /// `InvalidState` if there is no such store or it has another type.
    pub fn state_store<S: StateStore>(&mut self, name: &str) -> Result<&mut S> {
        let index = self.store_names.iter().position(|store| **store == *name);
        let global = &mut self.global;
        let store = index.and_then(|index| {
            let of_global = global.as_mut().and_then(|global| global.store_mut(index));
            of_global.or_else(|| self.task.store_mut(index))
        });
        let store = store.and_then(|store| {
            let store: &mut dyn Any = &mut **store;
            store.downcast_mut::<S>()
        });
        store.ok_or_else(|| {
            let text = format!("there is no store `{name}` that is a {}", type_name::<S>());
            Error::new(ErrorKind::InvalidState, text)
        })
    }

    fn input(&self, topic: &str) -> Result<usize> {
        let input = self.task.inputs().iter().position(|partition| *partition.topic == *topic);
        input.ok_or_else(|| unknown_topic(topic))
    }
}

fn unknown_topic(topic: &str) -> Error {
    Error::new(ErrorKind::InvalidState, format!("the topology reads no topic {topic}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        BoxError,
        processor::{Context, Processor},
        serde,
        topology::{SourceOptions, TopologyBuilder},
    };

    /// Drops every record.
    struct Picky;

    impl Processor<String, String, String, String> for Picky {
        fn process(
            &mut self,
            _: Record<'_, String, String>,
            context: &mut Context<'_, String, String>,
        ) -> Result<(), BoxError> {
            context.drop_record("it is of no use");
            Ok(())
        }
    }

    #[test]
    fn a_look_at_a_task_takes_nothing_of_what_the_instance_is_still_to_count() {
        let mut builder = TopologyBuilder::new();
        let options = SourceOptions::new(["in"], serde::string(), serde::string());
        let source = builder.add_source("source", options);
        builder.add_processor("picky", || Picky, &[source]);
        let config = StreamsConfig::new("app", "unused:9092");
        let mut driver = TaskDriver::new(&builder.build().unwrap(), &config).unwrap();
        let mut records = Records::new();
        records.push(0, Some(b"key"), Some(b"value"), []);
        driver.enqueue("in", Arc::new(records)).unwrap();
        assert_eq!(driver.process().unwrap(), 1);
        driver.task.take_measured();
        assert_eq!(driver.task.take_counted().dropped, 1);
        assert_eq!(driver.task.take_measured().0.counted.dropped, 1);
    }
}
