//! The part of a task that its nodes reach while they run: stores, input queues, the current
//! record, the collector.

mod ahead;
mod attempt;
mod drops;
mod failure;
mod heads;
mod partition_counts;
mod partition_group;
mod refusals;
mod settings;
mod tally;

use std::{collections::BTreeMap, sync::Arc};

pub(crate) use self::{
    attempt::Attempt,
    drops::Drops,
    partition_counts::PartitionCounts,
    partition_group::{Head, HeldHead, PartitionGroup, Readiness},
    refusals::Refusals,
    settings::TaskSettings,
    tally::{Spread, Tally},
};
use super::{AtWork, IdleNodes, NodesInFlight, RawRecord, Schedule, SharedNodes, TaskWatch};
use crate::{
    Error, ErrorKind, Headers, RecordMetadata, Result, TaskId, TopicPartition,
    client::Collector,
    store::{RecordContext, StateStore},
    time::Date,
};

/// The state of a task that its nodes read and write.
pub(crate) struct TaskState {
    pub(crate) id: TaskId,
    pub(crate) shared_settings: Arc<TaskSettings>,
    /// Stores by their number in the topology; `None` for those of other sub-topologies.
    pub(crate) stores: Vec<Option<Box<dyn StateStore>>>,
    pub(crate) shared: SharedNodes,
    /// Input partitions, by number.
    pub(crate) inputs: Vec<TopicPartition>,
    pub(crate) group: PartitionGroup,
    pub(crate) schedule: Schedule,
    pub(crate) record: RecordContext,
    /// The current record as it was read, if it was held and its batch may have left the queues.
    pub(crate) held: Option<RawRecord>,
    /// Records that nodes hold.
    pub(crate) in_flight: NodesInFlight,
    /// Greatest timestamp of the records chosen so far; -1 before the first.
    pub(crate) stream_time: i64,
    pub(crate) now_ms: i64,
    pub(crate) commit_requested: bool,
    /// Times up to which window stores have emitted their closed windows, by store name; committed
    /// with the offsets.
    pub(crate) emitted_until: BTreeMap<String, i64>,
    /// True if they have changed since the last commit.
    pub(crate) emitted_changed: bool,
    /// Nodes that follow the time while no record comes.
    pub(crate) idle: IdleNodes,
    pub(crate) drops: Drops,
    pub(crate) tally: Tally,
    pub(crate) attempt: Attempt,
    /// The collector of the thread's tasks, lent while this one runs.
    pub(crate) collector: Option<Box<Collector>>,
    pub(crate) at_work: Arc<AtWork>,
}

/// The time for which another record is the current one.
pub(crate) struct Visit {
    before: RecordContext,
    headers: Option<Arc<Headers>>,
}

impl Visit {
    /// Headers of the visited record.
    pub(crate) fn headers(&self) -> &Headers {
        static NONE: Headers = Headers::new();
        self.headers.as_deref().unwrap_or(&NONE)
    }
}

impl TaskState {
    pub(crate) fn new(
        id: TaskId,
        shared_settings: Arc<TaskSettings>,
        stores: Vec<Option<Box<dyn StateStore>>>,
        inputs: Vec<TopicPartition>,
    ) -> Self {
        let group = PartitionGroup::new(inputs.len(), shared_settings.max_task_idle_ms);
        Self {
            id,
            shared_settings,
            stores,
            shared: SharedNodes::default(),
            inputs,
            group,
            schedule: Schedule::default(),
            record: RecordContext { offset: -1, ..RecordContext::default() },
            held: None,
            in_flight: NodesInFlight::default(),
            stream_time: -1,
            now_ms: 0,
            commit_requested: false,
            emitted_until: BTreeMap::new(),
            emitted_changed: false,
            idle: IdleNodes::default(),
            drops: Drops::new(id),
            tally: Tally::default(),
            attempt: Attempt::default(),
            collector: None,
            at_work: Arc::default(),
        }
    }

    /// Makes the chosen record the current one, and advances stream time to it.
    #[inline]
    pub(crate) fn enter(&mut self, record: RecordContext) {
        self.tally.chosen(record.timestamp, self.stream_time);
        self.stream_time = self.stream_time.max(record.timestamp);
        self.at_work.context(&record);
        self.record = record;
    }

    /// Makes another record the current one. Returns the previous one, to switch back to.
    pub(crate) fn switch(&mut self, record: RecordContext) -> RecordContext {
        self.at_work.context(&record);
        std::mem::replace(&mut self.record, record)
    }

    /// Makes another record the current one, until it is [left](Self::leave).
    pub(crate) fn visit(&mut self, record: &RecordContext) -> Visit {
        Visit { headers: record.headers.clone(), before: self.switch(record.clone()) }
    }

    /// Makes the record before a visit the current one again.
    pub(crate) fn leave(&mut self, visit: Visit) {
        self.switch(visit.before);
    }

    /// Returns whether these are the headers of the current record itself.
    #[inline]
    pub(crate) fn has_headers(&self, headers: &Headers) -> bool {
        match &self.record.headers {
            Some(current) => std::ptr::eq(headers, Arc::as_ptr(current)),
            None => headers.is_empty(),
        }
    }

    /// A handle by which any thread can see where the task is.
    pub(crate) fn watch(&self) -> TaskWatch {
        TaskWatch {
            task: self.id,
            inputs: self.inputs.clone(),
            names: self.shared.names.clone(),
            at_work: self.at_work.clone(),
        }
    }

    /// Returns whether written records wait for room, so that the next input record has to wait,
    /// too.
    pub(crate) fn awaits_room(&self) -> bool {
        self.collector.as_ref().is_some_and(|collector| collector.is_full())
    }

    /// The collector that the task writes with.
    pub(crate) fn collector(&mut self) -> Result<&mut Collector> {
        match &mut self.collector {
            Some(collector) => Ok(&mut **collector),
            None => Err(Error::new(
                ErrorKind::InvalidState,
                "records can be forwarded to a topic only while the task runs",
            )),
        }
    }

    /// Returns whether a topic has the name of a repartition topic of this application.
    pub(crate) fn is_repartition(&self, topic: &str) -> bool {
        let rest = topic.strip_prefix(&*self.shared_settings.application_id);
        rest.is_some_and(|rest| rest.starts_with('-') && rest.ends_with("-repartition"))
    }

    /// The current record as it was read. If a cache or a buffer held back its change, its bytes
    /// are gone.
    pub(crate) fn raw(&self) -> Option<RawRecord> {
        let queued = || self.group.current_batch(self.record.input?);
        let (batch, index) = self.held.clone().or_else(queued)?;
        (batch.get(index)?.offset == self.record.offset).then_some((batch, index))
    }

    /// Origin of the current record.
    pub(crate) fn record_metadata(&self) -> RecordMetadata {
        let partition = self.record.input.and_then(|input| self.inputs.get(input));
        RecordMetadata { topic_partition: partition.cloned(), offset: self.record.offset }
    }

    /// Position of the current record, for messages.
    pub(crate) fn record_position(&self) -> String {
        match self.record_metadata().topic_partition {
            Some(partition) => format!("{partition}@{}", self.record.offset),
            None => format!("a punctuation at {}", Date(self.record.timestamp)),
        }
    }
}
