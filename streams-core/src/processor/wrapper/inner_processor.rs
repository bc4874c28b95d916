//! A processor as the code around it sees it.

use std::time::Duration;

use super::AnyRecord;
use crate::{
    BoxError, RecordMetadata, Result, TaskId,
    processor::{Punctuation, PunctuationType, PunctuatorId, StoreAccess},
    store::{StateStore, StoreRef},
};

/// The wrapped processor, with the actions of its node, whatever their types.
#[derive(Debug)]
pub struct InnerProcessor<'a> {
    inner: &'a mut dyn Inner,
}

/// The object behind it: a processor and a context with their types.
pub(super) trait Inner: std::fmt::Debug {
    fn init(&mut self) -> Result<(), BoxError>;
    fn process(&mut self, record: AnyRecord<'_>) -> Result<(), BoxError>;
    fn punctuate(&mut self, punctuation: Punctuation) -> Result<(), BoxError>;
    fn stores(&mut self) -> StoreAccess<'_>;
    fn schedule(&mut self, interval: Duration, kind: PunctuationType) -> PunctuatorId;
    fn cancel(&mut self, id: PunctuatorId);
    fn commit(&mut self);
    fn drop_record(&mut self, reason: &str);
    fn record_metadata(&self) -> RecordMetadata;
    fn current_stream_time_ms(&self) -> i64;
    fn current_system_time_ms(&self) -> i64;
    fn task_id(&self) -> TaskId;
    fn node_name(&self) -> &str;
}

impl<'a> InnerProcessor<'a> {
    pub(super) fn new(inner: &'a mut dyn Inner) -> Self {
        Self { inner }
    }

    /// Calls the processor's `init`.
    ///
    /// # Errors
    /// The errors of the processor.
    pub fn init(&mut self) -> Result<(), BoxError> {
        self.inner.init()
    }

    /// Makes the processor process a record, and all nodes below it process what it forwards.
    ///
    /// # Errors
    /// The errors of the processor; `Topology` if the type of the record's value is not the node's.
    pub fn process(&mut self, record: AnyRecord<'_>) -> Result<(), BoxError> {
        self.inner.process(record)
    }

    /// Calls the processor's `punctuate`.
    ///
    /// # Errors
    /// The errors of the processor.
    pub fn punctuate(&mut self, punctuation: Punctuation) -> Result<(), BoxError> {
        self.inner.punctuate(punctuation)
    }

    /// Returns the store behind a reference: one that was added for this node when it was wrapped.
    ///
    /// # Errors
    /// `Topology` if the store is not connected to the node.
    pub fn store<S: StateStore>(&mut self, store: StoreRef<S>) -> Result<&mut S> {
        self.inner.stores().into_store(store)
    }

    /// Calls [`WrappedProcessor::punctuate`](super::WrappedProcessor::punctuate) every `interval`
    /// of a clock.
    pub fn schedule(&mut self, interval: Duration, kind: PunctuationType) -> PunctuatorId {
        self.inner.schedule(interval, kind)
    }

    /// Ends a punctuation.
    pub fn cancel(&mut self, id: PunctuatorId) {
        self.inner.cancel(id);
    }

    /// Asks for a commit soon. It does not happen within this call.
    pub fn commit(&mut self) {
        self.inner.commit();
    }

    /// Counts the current record as dropped, and logs the reason; the processor must then not be
    /// called.
    pub fn drop_record(&mut self, reason: &str) {
        self.inner.drop_record(reason);
    }

    /// Origin of the current record.
    pub fn record_metadata(&self) -> RecordMetadata {
        self.inner.record_metadata()
    }

    /// The greatest timestamp that the task has seen, in milliseconds since the epoch; -1 before
    /// the first record.
    pub fn current_stream_time_ms(&self) -> i64 {
        self.inner.current_stream_time_ms()
    }

    /// The wall clock at this turn of the thread, in milliseconds since the epoch.
    pub fn current_system_time_ms(&self) -> i64 {
        self.inner.current_system_time_ms()
    }

    /// The task.
    pub fn task_id(&self) -> TaskId {
        self.inner.task_id()
    }

    /// Name of the node.
    pub fn node_name(&self) -> &str {
        self.inner.node_name()
    }
}
