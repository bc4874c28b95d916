//! Processors that can't change the key.

use std::{fmt, time::Duration};

use streams_core::{
    BoxError, Headers, Record, RecordMetadata, Result, TaskId,
    processor::{Context, Processor, Punctuation, PunctuationType, PunctuatorId},
    store::{GlobalStore, GlobalStoreRef, StateStore, StoreRef},
};

/// A node of user code that sees keys but can't change them, so that nothing below it is
/// repartitioned. Made once for each task; Java's `FixedKeyProcessor`.
///
/// ```
/// use streams_dsl::prelude::*;
///
/// /// Puts the record's time before each line.
/// struct Stamp;
///
/// impl FixedKeyProcessor<String, String, String> for Stamp {
///     fn process(
///         &mut self,
///         record: FixedKeyRecord<'_, String, String>,
///         context: &mut FixedKeyContext<'_, '_, String, String>,
///     ) -> Result<(), BoxError> {
///         let line = format!("{} {}", record.timestamp, record.value);
///         Ok(context.forward(record.with_value(&line))?)
///     }
/// }
///
/// let builder = StreamsBuilder::new();
/// builder.stream::<String, String>("lines").process_values(|| Stamp).to("stamped");
/// assert!(builder.build()?.describe().contains("Processor: KSTREAM-PROCESSVALUES-0000000001"));
/// # Ok::<(), streams_dsl::Error>(())
/// ```
pub trait FixedKeyProcessor<K, VIn, VOut>: Send {
    /// Called once, before the first record: the place to schedule punctuations.
    ///
    /// # Errors
    /// Any error; it fails the task.
    fn init(&mut self, context: &mut FixedKeyContext<'_, '_, K, VOut>) -> Result<(), BoxError> {
        let _ = context;
        Ok(())
    }

    /// Processes one record.
    ///
    /// # Errors
    /// Any error; the processing exception handler decides what follows.
    fn process(
        &mut self,
        record: FixedKeyRecord<'_, K, VIn>,
        context: &mut FixedKeyContext<'_, '_, K, VOut>,
    ) -> Result<(), BoxError>;

    /// Called when a punctuation that [`FixedKeyContext::schedule`] made is due. There is no record
    /// in it, and so nothing to forward.
    ///
    /// # Errors
    /// Any error; the processing exception handler decides what follows.
    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        context: &mut FixedKeyContext<'_, '_, K, VOut>,
    ) -> Result<(), BoxError> {
        let _ = (punctuation, context);
        Ok(())
    }

    /// Called when an attempt to process a record was undone; see [`Processor::undo`].
    fn undo(&mut self) {}

    /// Called once, when the task is closed.
    fn close(&mut self) {}
}

/// A view of a record whose key can be read but not replaced. Java's `FixedKeyRecord`.
#[derive(Debug)]
pub struct FixedKeyRecord<'a, K, V> {
    key: &'a K,
    /// The value.
    pub value: &'a V,
    /// Event time in milliseconds since the epoch.
    pub timestamp: i64,
    /// The headers.
    pub headers: &'a Headers,
}

impl<K, V> Clone for FixedKeyRecord<'_, K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for FixedKeyRecord<'_, K, V> {}

impl<'a, K, V> FixedKeyRecord<'a, K, V> {
    /// The key.
    pub const fn key(&self) -> &'a K {
        self.key
    }

    /// The same record with another value.
    pub const fn with_value<V2>(self, value: &'a V2) -> FixedKeyRecord<'a, K, V2> {
        let Self { key, timestamp, headers, .. } = self;
        FixedKeyRecord { key, value, timestamp, headers }
    }

    /// The same record at another time, in milliseconds since the epoch.
    #[must_use]
    pub const fn with_timestamp(self, timestamp: i64) -> Self {
        Self { timestamp, ..self }
    }

    /// The same record with other headers.
    #[must_use]
    pub const fn with_headers(self, headers: &'a Headers) -> Self {
        Self { headers, ..self }
    }
}

/// Access of a [`FixedKeyProcessor`] to stores, schedules and the nodes below. Java's
/// `FixedKeyProcessorContext`.
pub struct FixedKeyContext<'c, 'a, K, V>(&'c mut Context<'a, K, V>);

impl<K, V> FixedKeyContext<'_, '_, K, V> {
    /// Sends a record to all children, in the order in which they were added. It returns when all
    /// of them have processed it.
    ///
    /// # Errors
    /// An error that a handler decided to fail on; pass it on with `?`.
    pub fn forward(&mut self, record: FixedKeyRecord<'_, K, V>) -> Result {
        let FixedKeyRecord { key, value, timestamp, headers } = record;
        self.0.forward(Record::new(key, value, timestamp, headers))
    }

    /// The store behind a reference.
    ///
    /// # Errors
    /// `Topology` if the store was not connected to this node.
    pub fn store<S: StateStore>(&mut self, store: StoreRef<S>) -> Result<&mut S> {
        self.0.store(store)
    }

    /// A global store, to read. Nobody need be connected to it.
    ///
    /// # Errors
    /// `Topology` if the store is not one of this topology.
    pub fn global_store<S: StateStore>(
        &mut self,
        store: GlobalStoreRef<S>,
    ) -> Result<GlobalStore<'_, S>> {
        self.0.global_store(store)
    }

    /// Schedules calls of [`FixedKeyProcessor::punctuate`], one per `interval` of a clock.
    pub fn schedule(&mut self, interval: Duration, kind: PunctuationType) -> PunctuatorId {
        self.0.schedule(interval, kind)
    }

    /// Ends a punctuation.
    pub fn cancel(&mut self, id: PunctuatorId) {
        self.0.cancel(id);
    }

    /// Asks for a commit soon. It does not happen within this call.
    pub fn commit(&mut self) {
        self.0.commit();
    }

    /// The greatest timestamp that the task has seen, in milliseconds since the epoch; -1 before
    /// the first record.
    pub fn current_stream_time_ms(&self) -> i64 {
        self.0.current_stream_time_ms()
    }

    /// The wall clock as of this turn of the thread, in milliseconds since the epoch.
    pub fn current_system_time_ms(&self) -> i64 {
        self.0.current_system_time_ms()
    }

    /// Origin of the current record.
    pub fn record_metadata(&self) -> RecordMetadata {
        self.0.record_metadata()
    }

    /// The task.
    pub fn task_id(&self) -> TaskId {
        self.0.task_id()
    }

    /// Name of this node.
    pub fn node_name(&self) -> &str {
        self.0.node_name()
    }

    /// The application id.
    pub fn application_id(&self) -> &str {
        self.0.application_id()
    }
}

impl<K, V> fmt::Debug for FixedKeyContext<'_, '_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FixedKey{:?}", self.0)
    }
}

/// A fixed-key processor as a processor.
pub(super) struct FixedKey<P>(pub(super) P);

impl<P, K, VIn, VOut> Processor<K, VIn, K, VOut> for FixedKey<P>
where
    P: FixedKeyProcessor<K, VIn, VOut>,
{
    fn init(&mut self, context: &mut Context<'_, K, VOut>) -> Result<(), BoxError> {
        self.0.init(&mut FixedKeyContext(context))
    }

    fn process(
        &mut self,
        record: Record<'_, K, VIn>,
        context: &mut Context<'_, K, VOut>,
    ) -> Result<(), BoxError> {
        let Record { key, value, timestamp, headers } = record;
        let record = FixedKeyRecord { key, value, timestamp, headers };
        self.0.process(record, &mut FixedKeyContext(context))
    }

    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        context: &mut Context<'_, K, VOut>,
    ) -> Result<(), BoxError> {
        self.0.punctuate(punctuation, &mut FixedKeyContext(context))
    }

    fn undo(&mut self, _: &mut Context<'_, K, VOut>) {
        self.0.undo();
    }

    fn close(&mut self) {
        self.0.close();
    }
}
