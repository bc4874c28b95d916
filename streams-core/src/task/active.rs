//! The active task: it processes records.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    TaskDatabases,
    commit::CommitState,
    commit_metadata::CommitMetadata,
    figures::Totals,
    retry::{Next, Waiting},
};
use crate::{
    Error, ErrorKind, Headers, Record, RecordMetadata, Result, TopicPartition,
    client::{Collector, OffsetAndMetadata, RecordBatch},
    processor::{
        Children, Event, Head, Loaded, PunctuationType, Readiness, Reading, Source, TaskState,
        TaskWatch, push_all,
    },
    store::{RecordContext, StateStore},
};

static NO_HEADERS: Headers = Headers::new();

/// One partition's share of a sub-topology, restored and running.
pub(crate) struct ActiveTask {
    pub(super) state: TaskState,
    pub(super) sources: Vec<Box<dyn Source>>,
    /// Index of the source that reads each input.
    pub(super) input_sources: Vec<usize>,
    pub(super) commit: CommitState,
    /// The record that waits for another attempt, before all others.
    pub(super) waiting: Option<Waiting>,
    pub(super) totals: Totals,
}

/// Result of a run of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Number of records.
    pub(crate) processed: usize,
    /// Why the run ended; `Ready` if it reached the limit.
    pub(crate) readiness: Readiness,
}

impl std::fmt::Debug for ActiveTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ActiveTask({})", self.state.id)
    }
}

/// Lends the thread's collector to the task while `body` runs.
pub(super) fn lend<R>(
    task: &mut ActiveTask,
    collector: &mut Option<Box<Collector>>,
    body: impl FnOnce(&mut ActiveTask) -> R,
) -> R {
    std::mem::swap(&mut task.state.collector, collector);
    let done = body(task);
    std::mem::swap(&mut task.state.collector, collector);
    done
}

impl ActiveTask {
    pub(crate) fn new(
        state: TaskState,
        sources: Vec<Box<dyn Source>>,
        input_sources: Vec<usize>,
        commit: CommitState,
    ) -> Self {
        Self { state, sources, input_sources, commit, waiting: None, totals: Totals::default() }
    }

    /// The partitions that it reads.
    pub(crate) fn inputs(&self) -> &[TopicPartition] {
        &self.state.inputs
    }

    /// Adds an input partition, read by the source with this number among its sources.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn add_input(&mut self, partition: TopicPartition, source: usize) {
        self.state.inputs.push(partition);
        self.state.group.add_input();
        self.input_sources.push(source);
    }

    /// One of its stores, by number in the topology.
    pub(crate) fn store_mut(&mut self, store: usize) -> Option<&mut Box<dyn StateStore>> {
        self.state.stores.get_mut(store)?.as_mut()
    }

    pub(crate) fn databases(&self) -> &TaskDatabases {
        &self.commit.databases
    }

    /// Starts it: sets the positions of the last commit, then calls each node's `init`.
    pub(crate) fn init(
        &mut self,
        committed: &BTreeMap<TopicPartition, OffsetAndMetadata>,
        now_ms: i64,
        collector: &mut Option<Box<Collector>>,
    ) -> Result {
        self.state.now_ms = now_ms;
        self.state.idle.took(now_ms);
        for (input, partition) in self.state.inputs.iter().enumerate() {
            if let Some(offset) = committed.get(partition) {
                let CommitMetadata { partition_time: time, processors } =
                    CommitMetadata::decode(&offset.metadata);
                for (store, until) in processors {
                    let known = self.state.emitted_until.entry(store).or_insert(until);
                    *known = until.max(*known);
                }
                self.state.group.set_partition_time(input, time);
                self.state.stream_time = self.state.stream_time.max(time);
            }
        }
        lend(self, collector, |task| task.control_all(Event::Init))
    }

    pub(super) fn control_all(&mut self, event: Event) -> Result {
        for source in &mut self.sources {
            source.control(event, &mut self.state)?;
        }
        for slot in 0..self.state.shared.slots.len() {
            let Some(mut shared) = self.state.shared.take(slot) else { continue };
            let done = (shared.control)(&mut *shared.node, event, &mut self.state);
            self.state.shared.put(slot, shared);
            done?;
        }
        Ok(())
    }

    /// Queues a polled batch.
    pub(crate) fn add_batch(&mut self, batch: RecordBatch) {
        let input =
            self.state.inputs.iter().position(|partition| partition == batch.topic_partition());
        if let Some(input) = input {
            self.state.group.add(input, batch);
        }
    }

    /// Number of queued records.
    pub(crate) fn buffered(&self) -> usize {
        self.state.group.buffered()
    }

    /// Origin of the current record.
    pub(crate) fn record_metadata(&self) -> RecordMetadata {
        self.state.record_metadata()
    }

    /// A handle by which any thread can see where it is.
    pub(crate) fn watch(&self) -> TaskWatch {
        self.state.watch()
    }

    /// Its node and record at a panic of user code, and the collector that was lent to it then:
    /// `None` if it was not working.
    pub(crate) fn interrupted(&mut self) -> Option<(String, Box<Collector>)> {
        let collector = self.state.collector.take()?;
        let whereabouts = self.watch().whereabouts().map(|at| at.to_string());
        Some((whereabouts.unwrap_or_else(|| format!("task {}", self.state.id)), collector))
    }

    /// Position of the current record, for messages.
    pub(crate) fn record_position(&self) -> String {
        self.state.record_position()
    }

    /// Number of queued records per input partition.
    pub(crate) fn buffered_by_input(&self) -> impl Iterator<Item = (&TopicPartition, usize)> {
        self.state.inputs.iter().zip(self.state.group.buffered_by_input())
    }

    /// Returns whether a record may be processed now: not while a node holds as many as it may, or
    /// one waits for another attempt. The lender of the collector knows whether there is room for
    /// the output.
    pub(crate) fn readiness(
        &mut self,
        now_ms: i64,
        mut lag: impl FnMut(&TopicPartition) -> Option<i64>,
    ) -> Readiness {
        if self.state.in_flight.is_full() || self.waits(now_ms) {
            return Readiness::Wait;
        }
        if self.waiting.is_some() {
            return Readiness::Ready;
        }
        let inputs = &self.state.inputs;
        self.state.group.readiness(now_ms, |input| inputs.get(input).and_then(&mut lag))
    }

    /// Processes records, each depth first to the end of every branch, with the stream-time
    /// punctuations that it makes due: up to `max_records`, while the task is ready, its output is
    /// accepted, and uncommitted writes may take more memory. Between runs the caller checks its
    /// clock, and whether a commit is due.
    pub(crate) fn process_run(
        &mut self,
        now_ms: i64,
        max_records: usize,
        mut lag: impl FnMut(&TopicPartition) -> Option<i64>,
        collector: &mut Option<Box<Collector>>,
    ) -> Result<Run> {
        let mut readiness = self.readiness(now_ms, &mut lag);
        if readiness != Readiness::Ready || max_records == 0 {
            return Ok(Run { processed: 0, readiness });
        }
        lend(self, collector, |task| {
            task.state.now_ms = now_ms;
            let mut processed = 0;
            while readiness == Readiness::Ready && processed < max_records {
                match task.process_next()? {
                    Next::Done => processed += 1,
                    Next::Waits => {
                        readiness = Readiness::Wait;
                        break;
                    }
                    Next::None => {
                        // The remaining ones could not be read, and a handler dropped them.
                        readiness = Readiness::Empty;
                        break;
                    }
                }
                if task.state.in_flight.is_full() || task.state.awaits_room() {
                    readiness = Readiness::Wait;
                    break;
                }
                if task.state.shared_settings.budget.overlay_exceeded() {
                    break;
                }
                // Nothing is queued meanwhile: a task that is ready stays so until a queue runs
                // empty.
                if task.state.group.has_emptied() {
                    readiness = task.readiness(now_ms, &mut lag);
                }
            }
            task.state.idle.took(now_ms);
            Ok(Run { processed, readiness })
        })
    }

    /// Processes the next record, whether or not another partition may still have an earlier one.
    /// Returns whether one was processed.
    pub(crate) fn process(
        &mut self,
        now_ms: i64,
        collector: &mut Option<Box<Collector>>,
    ) -> Result<bool> {
        lend(self, collector, |task| {
            task.state.now_ms = now_ms;
            task.state.idle.took(now_ms);
            Ok(!task.waits(now_ms) && task.process_next()? == Next::Done)
        })
    }

    fn process_next(&mut self) -> Result<Next> {
        let Some((head, attempt)) = self.next_head()? else { return Ok(Next::None) };
        self.state.begin_attempt(attempt);
        let processed = self.process_head(&head);
        if self.state.attempt.is_given_up() {
            return self.wait_to_retry(head, attempt);
        }
        let processed = self.state.end_attempt(processed);
        // After an error too, since the record can't be decoded again: it is skipped.
        self.state.group.done(head);
        processed?;
        if !self.state.schedule.is_empty() {
            self.punctuate_due(PunctuationType::StreamTime)?;
        }
        Ok(Next::Done)
    }

    /// Decodes the first record of each queue that lacks a head; records that a handler drops are
    /// skipped.
    pub(super) fn decode_heads(&mut self) -> Result {
        let latest = self.state.latest_timestamp();
        while let Some(undecoded) = self.state.group.undecoded() {
            let input = undecoded.input();
            let at = self.input_sources.get(input);
            let source = at.and_then(|at| self.sources.get_mut(*at));
            let (Some(source), Some(topic_partition)) = (source, self.state.inputs.get(input))
            else {
                return Err(Error::new(ErrorKind::Fatal, "an input has no source node"));
            };
            let Some(record) = undecoded.record() else {
                return Err(Error::new(ErrorKind::Fatal, "a queue's first batch is used up"));
            };
            let at_work = &self.state.at_work;
            at_work.record(input, record.offset);
            let above = at_work.enter(source.info().id);
            let reading = Reading {
                settings: &self.state.shared_settings,
                topic_partition,
                partition_time: undecoded.partition_time(),
                now_ms: self.state.now_ms,
            };
            let loaded = source.load(input, &record, &reading)?;
            at_work.leave(above);
            match loaded {
                Loaded::Ready(timestamp) => {
                    if timestamp <= latest {
                        undecoded.decoded(timestamp);
                        continue;
                    }
                    let (node, batch) = (source.info().name.clone(), undecoded.batch());
                    let let_in = match &batch {
                        Some((batch, index)) => {
                            self.state.too_far_ahead(&node, (batch, *index), timestamp)?
                        }
                        None => None,
                    };
                    let Some(undecoded) = self.state.group.undecoded() else { continue };
                    if let Some(timestamp) = let_in {
                        undecoded.decoded(timestamp);
                        continue;
                    }
                    undecoded.dropped();
                }
                Loaded::WithoutTime(timestamp) => {
                    let (node, offset) = (source.info().name.clone(), record.offset);
                    undecoded.dropped();
                    self.state.without_time(&node, input, offset, timestamp);
                }
                Loaded::Unreadable(part, cause) => {
                    let (node, batch) = (source.info().name.clone(), undecoded.batch());
                    if let Some((batch, index)) = &batch {
                        self.state.unreadable(&node, (batch, *index), part, cause)?;
                    }
                    if let Some(undecoded) = self.state.group.undecoded() {
                        undecoded.dropped();
                    }
                }
            }
            self.commit.progress = true;
        }
        Ok(())
    }

    fn process_head(&mut self, head: &Head) -> Result {
        let Head { input, timestamp, offset, has_headers, .. } = *head;
        self.commit.progress = true;
        let headers = if has_headers { self.read_headers(input) } else { None };
        let context = RecordContext { timestamp, offset, input: Some(input), headers };
        let headers = context.headers.clone();
        self.state.enter(context);
        let source = self.input_sources.get(input).and_then(|at| self.sources.get_mut(*at));
        let Some(source) = source else { return Ok(()) };
        let headers = headers.as_deref().unwrap_or(&NO_HEADERS);
        source.push(input, timestamp, headers, &mut self.state)
    }

    fn read_headers(&self, input: usize) -> Option<Arc<Headers>> {
        let record = self.state.group.current(input)?;
        let mut headers = Headers::new();
        record.read_headers(&mut headers);
        Some(Arc::new(headers))
    }

    /// Pushes records that come from no queue through the nodes below the source of `input`.
    /// Returns their number.
    pub(crate) fn push_decoded<'r, K: 'static, V: 'static>(
        &mut self,
        input: usize,
        records: impl IntoIterator<Item = Record<'r, K, V>>,
        collector: &mut Option<Box<Collector>>,
    ) -> Result<u64> {
        lend(self, collector, |task| {
            let source = task.input_sources.get(input).and_then(|at| task.sources.get_mut(*at));
            let children = source.and_then(|source| source.children().downcast_mut());
            let Some(children): Option<&mut Children<K, V>> = children else {
                return Err(Error::new(ErrorKind::Topology, "the source reads other types"));
            };
            let mut pushed = 0;
            for record in records {
                let headers =
                    (!record.headers.is_empty()).then(|| Arc::new(record.headers.clone()));
                let record = record.with_headers(headers.as_deref().unwrap_or(&NO_HEADERS));
                task.commit.progress = true;
                task.state.enter(RecordContext {
                    timestamp: record.timestamp,
                    offset: -1,
                    input: Some(input),
                    headers: headers.clone(),
                });
                push_all(children, record, &mut task.state)?;
                pushed += 1;
            }
            Ok(pushed)
        })
    }

    /// Runs the wall-clock punctuations that are due. Returns whether there was one.
    pub(crate) fn punctuate_wall_clock(
        &mut self,
        now_ms: i64,
        collector: &mut Option<Box<Collector>>,
    ) -> Result<bool> {
        lend(self, collector, |task| {
            task.state.now_ms = now_ms;
            task.punctuate_due(PunctuationType::WallClockTime)
        })
    }

    /// Time of the next wall-clock punctuation.
    pub(crate) fn next_punctuation(&self) -> Option<i64> {
        self.state.schedule.next_wall_clock()
    }

    fn punctuate_due(&mut self, kind: PunctuationType) -> Result<bool> {
        let mut any = false;
        loop {
            let time = match kind {
                PunctuationType::StreamTime => self.state.stream_time,
                PunctuationType::WallClockTime => self.state.now_ms,
            };
            if time < 0 {
                return Ok(any);
            }
            let due = self.state.schedule.next_due(kind, time);
            let Some((node, punctuation)) = due else { return Ok(any) };
            any = true;
            self.state.tally.punctuations += 1;
            self.commit.progress = true;
            self.control_all(Event::Punctuate { node, punctuation })?;
        }
    }

    /// Number of records dropped since the last call.
    pub(crate) fn take_dropped(&mut self) -> u64 {
        let TaskState { stores, drops, now_ms, .. } = &mut self.state;
        for store in stores.iter_mut().flatten() {
            let dropped = store.take_dropped();
            if dropped > 0 {
                drops.note(store.name(), dropped, *now_ms, || {
                    "dropped rows of expired windows".into()
                });
            }
        }
        drops.take()
    }

    /// Calls each processor's `close`.
    pub(crate) fn close(&mut self) -> Result {
        self.control_all(Event::Close)
    }

    /// First step of a commit: forwards the changes that caches hold back, in the order of the
    /// stores. A forwarded change may be written to a store that has had its turn, so this
    /// continues until nothing is held back.
    pub(crate) fn flush_caches(&mut self, collector: &mut Option<Box<Collector>>) -> Result {
        let flushes = self.commit.flushes.clone();
        lend(self, collector, |task| {
            let flush =
                |task: &mut Self, node: &usize| task.control_all(Event::Flush { node: *node });
            // Each pass drains at least one store for good, because the graph has no cycle.
            for _ in 0..=flushes.len() {
                flushes.iter().try_for_each(|node| flush(task, node))?;
                if !task.state.stores.iter().flatten().any(|store| store.has_pending()) {
                    return Ok(());
                }
            }
            let text = "a processor that was to forward what its cached store holds back did not";
            Err(Error::new(ErrorKind::Topology, text))
        })
    }
}
