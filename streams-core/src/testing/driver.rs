//! The driver.

use std::{
    any::{Any, type_name},
    cell::{RefCell, RefMut},
    collections::BTreeMap,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use super::{
    ProducedRecord, TestDriverBuilder, TestInputTopic, TestOutputTopic,
    descent::Descent,
    log::{RecordingProducer, SharedLog},
    pattern_inputs::PatternInputs,
    task::{self, Tasks},
};
use crate::{
    Error, ErrorKind, Headers, Result, Topic, TopicPartition,
    client::{Collector, RecordBatch, Records},
    config::StreamsConfig,
    serde::SerdeRef,
    store::{
        KeyValueStore, SessionStore, StateStore, TimestampedKeyValueStore, TimestampedWindowStore,
        VersionedKeyValueStore, WindowStore,
    },
    task::{ActiveTask, GlobalTask},
    time::duration_ms,
    topology::Topology,
};

/// Runs a topology in the calling thread, one record at a time. Java's `TopologyTestDriver`.
///
/// The whole topology is one task, `0_0`, and each topic has one partition. A record that is piped
/// in is processed to the end, and so are the records that result in repartition topics and in
/// other topics that the topology reads; each record is followed by the stream-time punctuations
/// that it makes due and by a commit, which writes the changelogs and flushes the caches. The wall
/// clock moves only by [`advance_wall_clock_time`](Self::advance_wall_clock_time), and by the waits
/// of async operators: their calls end with the record that was piped in, and back-offs pass at
/// once. A call that never ends is given up when its time-out has passed on the machine's clock.
///
/// A topic that matches the pattern of a source is read from its first record on.
///
/// A record of a global store's topic is in the store when the call returns. Global stores have
/// their own task, so their records move neither stream time nor punctuations of the others.
///
/// After an error of a processor its record is skipped, and earlier writes of the record stay; a
/// record that can't be read stays at the head of its queue.
///
/// ```
/// use streams_core::{
///     BoxError, Record, config::StreamsConfig, processor::Context, serde,
///     testing::TopologyTestDriver,
///     topology::{SinkOptions, SourceOptions, TopologyBuilder},
/// };
///
/// let mut builder = TopologyBuilder::new();
/// let source = SourceOptions::new(["in"], serde::string(), serde::long());
/// let source = builder.add_source("source", source);
/// let double = || {
///     |record: Record<'_, String, i64>, context: &mut Context<'_, String, i64>| {
///         context.forward(record.with_value(&(record.value * 2))).map_err(BoxError::from)
///     }
/// };
/// let double = builder.add_processor("double", double, &[source]);
/// builder.add_sink("sink", SinkOptions::topic("out", serde::string(), serde::long()), &[double]);
///
/// let config = StreamsConfig::new("app", "unused:9092");
/// let driver = TopologyTestDriver::new(&builder.build()?, config)?;
/// let mut numbers = driver.input_topic("in", serde::string(), serde::long());
/// let doubled = driver.output_topic("out", serde::string(), serde::long());
///
/// numbers.pipe_input("a".to_owned(), 21, 0)?;
/// assert_eq!(doubled.read_key_value()?, Some(("a".to_owned(), 42)));
/// assert!(doubled.is_empty());
/// # Ok::<(), streams_core::Error>(())
/// ```
#[derive(Debug)]
pub struct TopologyTestDriver {
    driver: SharedDriver,
    log: SharedLog,
}

/// The task with its clock, shared with the input topics.
pub(super) type SharedDriver = Rc<RefCell<Driver>>;

/// The task with its clock.
#[derive(Debug)]
pub(super) struct Driver {
    task: ActiveTask,
    /// The task that fills the global stores.
    global: Option<GlobalTask>,
    pattern_inputs: PatternInputs,
    collector: Option<Box<Collector>>,
    log: SharedLog,
    store_names: Vec<Arc<str>>,
    now_ms: i64,
    /// Number of produced records that were put into the queues of input topics.
    returned: usize,
    descent: Descent,
}

impl TopologyTestDriver {
    /// Creates a driver with its wall clock at the epoch and all stores in memory.
    ///
    /// # Errors
    /// `Config` if the configuration has problems, and errors of a processor's `init`.
    pub fn new(topology: &Topology, config: StreamsConfig) -> Result<Self> {
        Self::builder(topology, config).build()
    }

    /// Starts the setup of a driver with another clock, with stores on disk, or with handlers that
    /// are code.
    pub fn builder(topology: &Topology, config: StreamsConfig) -> TestDriverBuilder<'_> {
        TestDriverBuilder::new(topology, config)
    }

    pub(super) fn start(
        tasks: Tasks,
        store_names: Vec<Arc<str>>,
        log: SharedLog,
        now_ms: i64,
    ) -> Result<Self> {
        let producer = Box::new(RecordingProducer::new(log.clone()));
        let Tasks { task, global, pattern_inputs } = tasks;
        let mut driver = Driver {
            task,
            global,
            pattern_inputs,
            collector: Some(Box::new(Collector::new(producer))),
            log: log.clone(),
            store_names,
            now_ms,
            returned: 0,
            descent: Descent::default(),
        };
        if let Some(global) = &mut driver.global {
            global.start(&[], now_ms, &mut driver.collector)?;
        }
        driver.task.init(&BTreeMap::new(), now_ms, &mut driver.collector)?;
        Ok(Self { driver: Rc::new(RefCell::new(driver)), log })
    }

    /// A topic to pipe records into.
    pub fn input_topic<K, V>(
        &self,
        name: &str,
        key_serde: SerdeRef<K>,
        value_serde: SerdeRef<V>,
    ) -> TestInputTopic<K, V> {
        TestInputTopic::new(self.driver.clone(), name, key_serde, value_serde)
    }

    /// Like [`input_topic`](Self::input_topic), for a typed topic.
    pub fn input<K, V>(&self, topic: &Topic<K, V>) -> TestInputTopic<K, V> {
        self.input_topic(topic.name(), topic.key_serde().clone(), topic.value_serde().clone())
    }

    /// Pipes in a record as bytes.
    pub(super) fn pipe_bytes(
        &self,
        topic: &str,
        data: (Option<&[u8]>, Option<&[u8]>),
        timestamp: i64,
    ) -> Result {
        self.driver()?.pipe(topic, data, timestamp, &Headers::new())
    }

    /// A topic from which the topology's output is read, starting with the first unread record. The
    /// names of internal topics start with the application id. Reading a topic that the topology
    /// does not write to is an error.
    pub fn output_topic<K, V>(
        &self,
        name: &str,
        key_serde: SerdeRef<K>,
        value_serde: SerdeRef<V>,
    ) -> TestOutputTopic<K, V> {
        TestOutputTopic::new(self.log.clone(), name, key_serde, value_serde)
    }

    /// Like [`output_topic`](Self::output_topic), for a typed topic.
    ///
    /// ```
    /// use streams_core::{
    ///     Topic, config::StreamsConfig, serde, testing::TopologyTestDriver,
    ///     topology::{SinkOptions, SourceOptions, TopologyBuilder},
    /// };
    ///
    /// let words = Topic::new("words", serde::string(), serde::long());
    /// let mut builder = TopologyBuilder::new();
    /// let source = SourceOptions::new([words.name()], serde::string(), serde::long());
    /// let source = builder.add_source("source", source);
    /// let sink = SinkOptions::topic("copies", serde::string(), serde::long());
    /// builder.add_sink("sink", sink, &[source]);
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?, StreamsConfig::new("app", "unused:9092"))?;
    /// driver.input(&words).pipe_input("to".to_owned(), 2, 0)?;
    /// let copies = Topic::new("copies", serde::string(), serde::long());
    /// assert_eq!(driver.output(&copies).read_key_values_to_list()?, [("to".to_owned(), 2)]);
    /// # Ok::<(), streams_core::Error>(())
    /// ```
    pub fn output<K, V>(&self, topic: &Topic<K, V>) -> TestOutputTopic<K, V> {
        self.output_topic(topic.name(), topic.key_serde().clone(), topic.value_serde().clone())
    }

    /// Advances the wall clock, and runs the wall-clock punctuations that are due then. A record
    /// that waits for [another attempt](crate::handler::RetryThen), before which no other one is
    /// processed, gets it if its pause is over.
    ///
    /// # Errors
    /// Errors of user code on which a handler decides to fail.
    pub fn advance_wall_clock_time(&self, by: Duration) -> Result {
        self.driver()?.advance_wall_clock_time(by)
    }

    /// The wall clock, in milliseconds since the epoch.
    ///
    /// # Errors
    /// `InvalidState` while a store of the driver is held.
    pub fn current_time_ms(&self) -> Result<i64> {
        Ok(self.driver()?.now_ms)
    }

    /// A store by its name, for reading or filling, including global stores. Release it before you
    /// pipe in the next record.
    ///
    /// # Errors
    /// `InvalidState` if there is no such store, it has another type, or a store is held already.
    pub fn state_store<S: StateStore>(&self, name: &str) -> Result<RefMut<'_, S>> {
        let driver = self.driver()?;
        let Some(index) = driver.store_names.iter().position(|store| **store == *name) else {
            let known = driver.store_names.join(", ");
            let text = format!("there is no store `{name}`; there is: {known}");
            return Err(Error::new(ErrorKind::InvalidState, text));
        };
        RefMut::filter_map(driver, |driver| {
            let global = driver.global.as_mut().and_then(|global| global.store_mut(index));
            // The task has global stores too, but only for reading.
            let store: &mut dyn Any = match global {
                Some(store) => &mut **store,
                None => &mut **driver.task.store_mut(index)?,
            };
            store.downcast_mut::<S>()
        })
        .map_err(|_| {
            let text = format!("store `{name}` is not a {}", type_name::<S>());
            Error::new(ErrorKind::InvalidState, text)
        })
    }

    /// A key-value store without timestamps.
    ///
    /// # Errors
    /// The errors of [`state_store`](Self::state_store).
    pub fn key_value_store<K: 'static, V: Clone + Send + 'static>(
        &self,
        name: &str,
    ) -> Result<RefMut<'_, KeyValueStore<K, V>>> {
        self.state_store(name)
    }

    /// A key-value store with timestamps, as tables use.
    ///
    /// # Errors
    /// The errors of [`state_store`](Self::state_store).
    pub fn timestamped_key_value_store<K: 'static, V: Clone + Send + 'static>(
        &self,
        name: &str,
    ) -> Result<RefMut<'_, TimestampedKeyValueStore<K, V>>> {
        self.state_store(name)
    }

    /// A window store without timestamps.
    ///
    /// # Errors
    /// The errors of [`state_store`](Self::state_store).
    pub fn window_store<K: 'static, V: Clone + Send + 'static>(
        &self,
        name: &str,
    ) -> Result<RefMut<'_, WindowStore<K, V>>> {
        self.state_store(name)
    }

    /// A window store with timestamps, as windowed tables use.
    ///
    /// # Errors
    /// The errors of [`state_store`](Self::state_store).
    pub fn timestamped_window_store<K: 'static, V: Clone + Send + 'static>(
        &self,
        name: &str,
    ) -> Result<RefMut<'_, TimestampedWindowStore<K, V>>> {
        self.state_store(name)
    }

    /// A store of versions.
    ///
    /// # Errors
    /// The errors of [`state_store`](Self::state_store).
    pub fn versioned_key_value_store<K: 'static, V: Clone + Send + 'static>(
        &self,
        name: &str,
    ) -> Result<RefMut<'_, VersionedKeyValueStore<K, V>>> {
        self.state_store(name)
    }

    /// A session store.
    ///
    /// # Errors
    /// The errors of [`state_store`](Self::state_store).
    pub fn session_store<K: 'static, V: Clone + Send + 'static>(
        &self,
        name: &str,
    ) -> Result<RefMut<'_, SessionStore<K, V>>> {
        self.state_store(name)
    }

    /// All records that the topology has written, over all topics, including internal ones, in the
    /// order of production. Reading output topics does not remove them.
    pub fn produced(&self) -> Vec<ProducedRecord> {
        self.log.lock().produced().to_vec()
    }

    /// Number of records produced so far: the length of [`produced`](Self::produced).
    pub fn produced_len(&self) -> usize {
        self.log.lock().produced().len()
    }

    /// Records dropped so far. Java's task metric `dropped-records-total`.
    pub fn dropped_records(&self) -> u64 {
        self.log.lock().dropped
    }

    /// Closes every processor.
    ///
    /// # Errors
    /// `InvalidState` while a store of the driver is held.
    pub fn close(self) -> Result {
        let mut driver = self.driver()?;
        let closed = driver.task.close();
        let global = driver.global.as_mut().map_or(Ok(()), GlobalTask::close);
        closed.and(global)
    }

    fn driver(&self) -> Result<RefMut<'_, Driver>> {
        borrow(&self.driver)
    }
}

/// The driver, unless one of its stores is held.
pub(super) fn borrow(driver: &SharedDriver) -> Result<RefMut<'_, Driver>> {
    driver.try_borrow_mut().map_err(|_| {
        let text = "the test driver is in use; let go of its store before the next call";
        Error::new(ErrorKind::InvalidState, text)
    })
}

impl Driver {
    /// Puts a record into the queue of its topic and processes everything that follows.
    pub(super) fn pipe(
        &mut self,
        topic: &str,
        (key, value): (Option<&[u8]>, Option<&[u8]>),
        timestamp: i64,
        headers: &Headers,
    ) -> Result {
        // Direct writes of a test to a global store.
        self.complete_global()?;
        self.pattern_inputs.take_in(topic, &mut self.task)?;
        let inputs = self.task.inputs().iter().chain(self.global_inputs());
        let Some(partition) = inputs.clone().find(|partition| *partition.topic == *topic).cloned()
        else {
            let known =
                inputs.map(|partition| &*partition.topic).chain(self.pattern_inputs.texts());
            let known: Vec<&str> = known.collect();
            let text =
                format!("the topology reads no topic {topic}; it reads: {}", known.join(", "));
            return Err(Error::new(ErrorKind::InvalidState, text));
        };
        let offset = self.log.lock().take_offset(&partition);
        self.enqueue(batch(partition, offset, (key, value), timestamp, headers))?;
        self.complete()
    }

    fn global_inputs(&self) -> &[TopicPartition] {
        self.global.as_ref().map_or(&[], GlobalTask::inputs)
    }

    /// Puts a record into the queue of its topic or, if that is the topic of a global store, into
    /// the store.
    fn enqueue(&mut self, batch: RecordBatch) -> Result {
        if !self.global_inputs().contains(batch.topic_partition()) {
            self.task.add_batch(batch);
            return Ok(());
        }
        if let Some(global) = &mut self.global {
            global.add_batch(batch);
        }
        self.complete_global()
    }

    /// Processes the records queued for global stores, and commits them.
    fn complete_global(&mut self) -> Result {
        let Some(global) = &mut self.global else { return Ok(()) };
        let processed = global.process(self.now_ms, &mut self.collector);
        self.log.lock().dropped += global.take_dropped();
        // Writes before an error stay, as in the other task.
        global.commit(&mut self.collector)?;
        processed.map(drop)
    }

    fn advance_wall_clock_time(&mut self, by: Duration) -> Result {
        self.now_ms = self.now_ms.saturating_add(duration_ms(by));
        self.complete_global()?;
        let punctuated = self.task.punctuate_wall_clock(self.now_ms, &mut self.collector);
        self.count_dropped();
        punctuated?;
        self.commit()?;
        self.return_to_queues()?;
        self.complete()?;
        self.close_idle()
    }

    /// Lets nodes that wait for stream time continue if no record has come for long enough.
    fn close_idle(&mut self) -> Result {
        let is_watched = self.task.idle_due().is_some();
        if !is_watched
            || !self.task.looks_idle(self.now_ms)
            || !self.task.would_close(self.now_ms)?
        {
            return Ok(());
        }
        let closed = self.task.close_idle((self.now_ms, self.now_ms), &mut self.collector);
        self.count_dropped();
        closed?;
        self.commit()?;
        self.return_to_queues()?;
        self.complete()
    }

    /// Processes until all queues are empty.
    fn complete(&mut self) -> Result {
        // Effects of a record that failed in an earlier call.
        self.commit()?;
        self.return_to_queues()?;
        while self.task.buffered() > 0 {
            let processed = self.task.process(self.now_ms, &mut self.collector);
            self.count_dropped();
            processed?;
            if self.task.waits(self.now_ms) {
                // Its time comes with the wall clock.
                break;
            }
            self.descent.processed(&self.task.record_metadata());
            self.commit()?;
            self.return_to_queues()?;
        }
        self.descent.clear();
        Ok(())
    }

    fn commit(&mut self) -> Result {
        if !self.task.commit_needed() {
            return Ok(());
        }
        let drained = task::drain(&mut self.task, self.now_ms, &mut self.collector);
        let prepared = drained.and_then(|now_ms| {
            self.now_ms = now_ms;
            self.task.prepare_commit(&mut self.collector)
        });
        self.count_dropped();
        prepared?;
        task::finish_commit(&mut self.task, &mut self.collector)
    }

    /// Puts the records written to input topics into their queues.
    fn return_to_queues(&mut self) -> Result {
        let mut fresh = Vec::new();
        {
            let log = self.log.lock();
            let from = std::mem::replace(&mut self.returned, log.produced().len());
            for record in log.produced().get(from..).unwrap_or_default() {
                let partition = &record.topic_partition;
                self.pattern_inputs.take_in(&partition.topic, &mut self.task)?;
                if self.task.inputs().contains(partition)
                    || self.global_inputs().contains(partition)
                {
                    let data = (record.key.as_deref(), record.value.as_deref());
                    let (partition, offset) = (partition.clone(), record.offset);
                    self.descent.returned(&partition, offset)?;
                    fresh.push(batch(partition, offset, data, record.timestamp, &record.headers));
                }
            }
        }
        fresh.into_iter().try_for_each(|batch| self.enqueue(batch))
    }

    fn count_dropped(&mut self) {
        self.log.lock().dropped += self.task.take_dropped();
    }
}

fn batch(
    partition: TopicPartition,
    offset: i64,
    (key, value): (Option<&[u8]>, Option<&[u8]>),
    timestamp: i64,
    headers: &Headers,
) -> RecordBatch {
    let mut records = Records::new();
    records.push(timestamp, key, value, headers.iter());
    RecordBatch::new(partition, Arc::new(records), offset, 0..1, offset + 1)
}
