//! The actions open to a processor.

use std::task::{Poll, Waker};
use std::{any::Any, pin::Pin, sync::Arc, time::Duration};

use super::{
    Children, HeldRecord, InFlight, Names, NodeInfo, PunctuationType, PunctuatorId, TaskState,
    push_all,
};
use crate::{
    BoxError, Error, ErrorKind, Headers, Record, RecordMetadata, Result, TaskId,
    store::{GlobalStore, GlobalStoreRef, Origin, RecordContext, StateStore, StoreRef},
    time::Date,
};

/// Access to the stores that a node is connected to.
pub struct StoreAccess<'a> {
    node: &'a NodeInfo,
    task: &'a mut TaskState,
}

impl std::fmt::Debug for StoreAccess<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoreAccess({})", self.node.name)
    }
}

impl<'a> StoreAccess<'a> {
    /// Returns the store behind a reference.
    ///
    /// # Errors
    /// `Topology` if the store was not connected to this node.
    #[inline]
    pub fn store<S: StateStore>(&mut self, store: StoreRef<S>) -> Result<&mut S> {
        StoreAccess { node: self.node, task: self.task }.into_store(store)
    }

    /// Read access to a global store; no connection is required.
    ///
    /// # Errors
    /// `Topology` if the store is not one of this topology.
    pub fn global_store<S: StateStore>(
        &mut self,
        store: GlobalStoreRef<S>,
    ) -> Result<GlobalStore<'_, S>> {
        StoreAccess { node: self.node, task: self.task }.into_global_store(store)
    }

    fn into_global_store<S: StateStore>(
        self,
        store: GlobalStoreRef<S>,
    ) -> Result<GlobalStore<'a, S>> {
        let state = self.task.stores.get_mut(store.index).and_then(Option::as_mut);
        let state = state.and_then(|state| (&mut **state as &mut dyn Any).downcast_mut());
        state.map(GlobalStore::new).ok_or_else(|| {
            let node = &self.node.name;
            let text =
                format!("node `{node}` used a reference to a global store of another topology");
            Error::new(ErrorKind::Topology, text)
        })
    }

    #[inline]
    pub(super) fn into_store<S: StateStore>(self, store: StoreRef<S>) -> Result<&'a mut S> {
        if !self.node.stores.contains(&store.index) {
            return Err(not_connected(self.node, store.index, &self.task.shared.names));
        }
        let task = self.task;
        let Some(state) = task.stores.get_mut(store.index).and_then(Option::as_mut) else {
            return Err(not_connected(self.node, store.index, &task.shared.names));
        };
        state.set_record_context(&task.record);
        let state: &mut dyn Any = &mut **state;
        state.downcast_mut().ok_or_else(|| {
            Error::new(ErrorKind::Topology, "a store reference of another topology was used")
        })
    }
}

#[cold]
fn not_connected(node: &NodeInfo, store: usize, names: &Names) -> Error {
    let node = &node.name;
    let text = match names.stores.get(store) {
        Some(store) => format!(
            "node `{node}` is not connected to store `{store}`; connect it where the node is added"
        ),
        None => format!("node `{node}` used a reference to a store of another topology"),
    };
    Error::new(ErrorKind::Topology, text)
}

/// The interface of a processor to its task while it processes a record or runs a punctuation: it
/// forwards, reads and writes the connected stores, schedules, and asks for a commit. Java's
/// `ProcessorContext`.
pub struct Context<'a, K, V> {
    pub(crate) node: &'a NodeInfo,
    pub(crate) children: &'a mut Children<K, V>,
    pub(crate) task: &'a mut TaskState,
}

impl<K, V> Context<'_, K, V> {
    /// Sends a record to all children, in the order in which they were added. Returns when all of
    /// them have processed it.
    ///
    /// # Errors
    /// An error on which a handler decided to fail; pass it on with `?`.
    #[inline]
    pub fn forward(&mut self, record: Record<'_, K, V>) -> Result {
        if !self.is_as_current(&record) {
            return self.forward_changed(None, record);
        }
        push_all(self.children, record, self.task)
    }

    /// Returns whether a record has the timestamp and headers of the current one.
    #[inline]
    fn is_as_current(&self, record: &Record<'_, K, V>) -> bool {
        self.task.has_headers(record.headers) && record.timestamp == self.task.record.timestamp
    }

    /// Replaces the headers of the current record for everything that sees it after this node: the
    /// siblings after this one, and the stores and caches that they write to. A record that this
    /// node forwards keeps the headers it is given.
    ///
    /// Elsewhere a record never changes, so that siblings can't disturb each other. In Java all of
    /// them share one list of headers, and a processor that adds to `record.headers()` changes what
    /// its siblings see; this method is for processors of topologies that rely on it.
    ///
    /// ```
    /// use streams_core::{BoxError, Record, processor::{Context, Processor}};
    ///
    /// struct Mark;
    ///
    /// impl Processor<String, i64, String, i64> for Mark {
    ///     fn process(
    ///         &mut self,
    ///         record: Record<'_, String, i64>,
    ///         context: &mut Context<'_, String, i64>,
    ///     ) -> Result<(), BoxError> {
    ///         let mut headers = record.headers.clone();
    ///         headers.add("seen", Some(b"1"));
    ///         context.share_headers(&headers);
    ///         Ok(context.forward(record.with_headers(&headers))?)
    ///     }
    /// }
    /// ```
    pub fn share_headers(&mut self, headers: &Headers) {
        self.task.record.headers = (!headers.is_empty()).then(|| Arc::new(headers.clone()));
    }

    /// Forwards a record whose timestamp or headers differ from those of the current one. Below
    /// this node it is the current record: stores and caches there take their time and headers from
    /// it.
    fn forward_changed(&mut self, to: Option<usize>, record: Record<'_, K, V>) -> Result {
        static NONE: Headers = Headers::new();
        let headers = (!record.headers.is_empty()).then(|| Arc::new(record.headers.clone()));
        let record = record.with_headers(headers.as_deref().unwrap_or(&NONE));
        let mut changed = self.task.record.clone();
        changed.timestamp = record.timestamp;
        changed.headers.clone_from(&headers);
        let current = std::mem::replace(&mut self.task.record, changed);
        let done = match to {
            None => push_all(self.children, record, self.task),
            Some(only) => match self.children.get_mut(only) {
                Some(child) => child.push(record, self.task),
                None => Ok(()),
            },
        };
        self.task.record = current;
        done
    }

    /// Sends a record to the child with this name only.
    ///
    /// # Errors
    /// `Topology` if there is no such child, and the errors of [`forward`](Self::forward).
    pub fn forward_to(&mut self, child: &str, record: Record<'_, K, V>) -> Result {
        let index = self.children.iter().position(|candidate| &*candidate.name == child);
        if let Some(index) = index {
            return self.forward_changed(Some(index), record);
        }
        let names: Vec<&str> = self.children.iter().map(|child| &*child.name).collect();
        let (node, names) = (&self.node.name, names.join(", "));
        let text = format!("node `{node}` has no child `{child}`; it has: {names}");
        Err(Error::new(ErrorKind::Topology, text))
    }

    /// Returns the store behind a reference. Read all you need, write, then forward.
    ///
    /// # Errors
    /// `Topology` if the store was not connected to this node.
    #[inline]
    pub fn store<S: StateStore>(&mut self, store: StoreRef<S>) -> Result<&mut S> {
        StoreAccess { node: self.node, task: self.task }.into_store(store)
    }

    /// Read access to a global store: every instance has all of it, and any node may read it
    /// without a connection.
    ///
    /// # Errors
    /// `Topology` if the store is not one of this topology.
    pub fn global_store<S: StateStore>(
        &mut self,
        store: GlobalStoreRef<S>,
    ) -> Result<GlobalStore<'_, S>> {
        StoreAccess { node: self.node, task: self.task }.into_global_store(store)
    }

    /// Access to the stores of this node, without the types that it forwards: for code that serves
    /// nodes of several types, such as the lookup of a table's value.
    #[inline]
    pub fn stores(&mut self) -> StoreAccess<'_> {
        StoreAccess { node: self.node, task: self.task }
    }

    /// Calls [`Processor::punctuate`](super::Processor::punctuate) every `interval` of a clock.
    pub fn schedule(&mut self, interval: Duration, kind: PunctuationType) -> PunctuatorId {
        self.task.schedule.add(self.node.id, interval, kind, self.task.now_ms)
    }

    /// Ends a punctuation.
    pub fn cancel(&mut self, id: PunctuatorId) {
        self.task.schedule.cancel(id);
    }

    /// Calls [`Processor::would_close`](super::Processor::would_close) and
    /// [`Processor::idle`](super::Processor::idle) while no record has reached the task for `idle`
    /// of the wall clock, and none is waiting on the cluster: for operators that must release
    /// records although stream time stands still. To be called in `init`.
    pub fn watch_idle(&mut self, idle: Duration) {
        self.task.idle.watch(self.node.id, idle);
    }

    /// Asks for a commit soon. It does not happen within this call.
    pub fn commit(&mut self) {
        self.task.commit_requested = true;
    }

    /// The greatest timestamp that the task has seen, in milliseconds since the epoch; -1 before
    /// the first record.
    pub fn current_stream_time_ms(&self) -> i64 {
        self.task.stream_time
    }

    /// The wall clock at this turn of the thread, in milliseconds since the epoch.
    pub fn current_system_time_ms(&self) -> i64 {
        self.task.now_ms
    }

    /// The time up to which the closed windows of a store have been emitted, as last committed or
    /// set; `None` before the first time. Java's `processorMetadataForKey`.
    pub fn emitted_until(&self, store: &str) -> Option<i64> {
        self.task.emitted_until.get(store).copied()
    }

    /// Sets the time up to which the closed windows of a store have been emitted: it is committed
    /// with the next offsets, and available when the task starts again. Java's
    /// `addProcessorMetadataKeyValue`.
    pub fn set_emitted_until(&mut self, store: &str, time: i64) {
        self.task.note_emitted(store);
        self.task.emitted_changed = true;
        match self.task.emitted_until.get_mut(store) {
            Some(known) => *known = time,
            None => {
                self.task.emitted_until.insert(store.to_owned(), time);
            }
        }
    }

    /// The least time of the wall clock between two searches for closed windows.
    pub fn windowed_emit_interval(&self) -> Duration {
        let interval_ms = self.task.shared_settings.windowed_emit_interval_ms;
        Duration::from_millis(interval_ms.unsigned_abs())
    }

    /// The least time of the wall clock between two searches for records that a stream join left
    /// unmatched.
    pub fn outer_join_emit_interval(&self) -> Duration {
        let interval_ms = self.task.shared_settings.outer_join_emit_interval_ms;
        Duration::from_millis(interval_ms.unsigned_abs())
    }

    /// Origin of the current record.
    pub fn record_metadata(&self) -> RecordMetadata {
        self.task.record_metadata()
    }

    /// Timestamp of the current record or punctuation, in milliseconds since the epoch.
    pub fn timestamp(&self) -> i64 {
        self.task.record.timestamp
    }

    /// Runs `body` with the record of `context` as the current one: for changes that a cached store
    /// held back.
    ///
    /// # Errors
    /// The error of `body`.
    pub fn with_record_context<R>(
        &mut self,
        context: &RecordContext,
        body: impl FnOnce(&mut Self, &Headers) -> R,
    ) -> R {
        let visit = self.task.visit(context);
        let done = body(self, visit.headers());
        self.task.leave(visit);
        done
    }

    /// Keeps the current record beyond its turn, for [`with_held`](Self::with_held). A node that
    /// holds records reports them with [`set_in_flight`](Self::set_in_flight).
    pub fn hold(&self) -> HeldRecord {
        HeldRecord { context: self.task.record.clone(), raw: self.task.raw() }
    }

    /// Runs `body` with a held record as the current one: records that it forwards have the
    /// position of that record, and a handler that is asked about a failure gets its bytes. Stream
    /// time does not move.
    pub fn with_held<R>(
        &mut self,
        held: &HeldRecord,
        body: impl FnOnce(&mut Self, &Headers) -> R,
    ) -> R {
        let before = std::mem::replace(&mut self.task.held, held.raw.clone());
        let done = self.with_record_context(&held.context, body);
        self.task.held = before;
        done
    }

    /// Returns whether a held record is the current one, or was made from it.
    pub fn is_current(&self, held: &HeldRecord) -> bool {
        let current = &self.task.record;
        (held.context.input, held.context.offset) == (current.input, current.offset)
    }

    /// Reports the records that this node holds. While there are any,
    /// [`Processor::resume`](super::Processor::resume) is called in each turn, and a commit waits
    /// until there are none: only offsets of completed records are committed. A node that may hold
    /// records calls this in its `init`, with none. Not for processors of global stores.
    pub fn set_in_flight(&mut self, in_flight: InFlight) {
        self.task.in_flight.set(self.node.id, in_flight);
    }

    /// Wakes the thread of this task, which then calls
    /// [`Processor::resume`](super::Processor::resume).
    pub fn waker(&mut self) -> Waker {
        self.task.in_flight.waker().clone()
    }

    /// Polls a future, within a tokio runtime that drives its sockets and timers.
    ///
    /// # Errors
    /// `Fatal` if the system can't start the thread of the runtime.
    pub fn poll<F: Future + ?Sized>(
        &self,
        future: Pin<&mut F>,
        waker: &Waker,
    ) -> Result<Poll<F::Output>> {
        let mut polling = std::task::Context::from_waker(waker);
        self.task.shared_settings.reactor.poll(|| future.poll(&mut polling))
    }

    /// Asks the processing exception handler about the current record, which failed here.
    ///
    /// # Errors
    /// The error, if the handler decided to fail; pass it on with `?`.
    pub fn fail(&mut self, error: BoxError) -> Result {
        match error.downcast::<Error>() {
            Ok(error) => Err(*error),
            Err(error) => self.task.processing_failed(&self.node.name, error),
        }
    }

    /// The longest time for which a record may be in flight, in milliseconds, so that a transaction
    /// can still be committed; `None` without transactions.
    pub fn in_flight_ms_max(&self) -> Option<i64> {
        self.task.shared_settings.in_flight_ms_max
    }

    /// The record context of a change that was held back.
    pub fn context_of(&self, origin: &Origin) -> RecordContext {
        let partition = origin.metadata.topic_partition.as_ref();
        RecordContext {
            timestamp: origin.timestamp,
            offset: origin.metadata.offset,
            input: partition
                .and_then(|partition| self.task.inputs.iter().position(|input| input == partition)),
            headers: origin.headers.clone(),
        }
    }

    /// Origin of the current record, for a change that is going to be held back.
    pub fn origin(&self) -> Origin {
        let RecordContext { timestamp, headers, .. } = &self.task.record;
        let metadata = self.task.record_metadata();
        Origin { timestamp: *timestamp, metadata, headers: headers.clone() }
    }

    /// Drops the current record and counts it. Logs the reason and the record's position for the
    /// first record that this node drops; after that one line per 30 seconds, with the number of
    /// records.
    #[cold]
    pub fn drop_record(&mut self, reason: &str) {
        let (input, offset) = (self.task.record.input, self.task.record.offset);
        let timestamp = self.task.record.timestamp;
        let TaskState { drops, inputs, now_ms, .. } = &mut *self.task;
        drops.note(&self.node.name, 1, *now_ms, || {
            match input.and_then(|input| inputs.get(input)) {
                Some(partition) => format!("dropped {partition}@{offset}: {reason}"),
                None => format!("dropped what a punctuation at {} sent: {reason}", Date(timestamp)),
            }
        });
    }

    /// The task.
    pub fn task_id(&self) -> TaskId {
        self.task.id
    }

    /// Name of this node.
    pub fn node_name(&self) -> &str {
        &self.node.name
    }

    /// The application id.
    pub fn application_id(&self) -> &str {
        &self.task.shared_settings.application_id
    }
}

impl<K, V> std::fmt::Debug for Context<'_, K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Context({} of task {})", self.node.name, self.task.id)
    }
}
