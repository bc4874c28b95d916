//! What a processor may do.

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
    /// The store behind a reference.
    ///
    /// # Errors
    /// `Topology` if the store was not connected to this node.
    #[inline]
    pub fn store<S: StateStore>(&mut self, store: StoreRef<S>) -> Result<&mut S> {
        StoreAccess { node: self.node, task: self.task }.into_store(store)
    }

    /// A global store, to read. Nobody need be connected to it.
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

/// What a processor may do while it holds a record or runs a punctuation: forward, read and write the
/// stores that it is connected to, schedule, and ask for a commit. Java's `ProcessorContext`.
pub struct Context<'a, K, V> {
    pub(crate) node: &'a NodeInfo,
    pub(crate) children: &'a mut Children<K, V>,
    pub(crate) task: &'a mut TaskState,
}

impl<K, V> Context<'_, K, V> {
    /// Sends a record to all children, in the order in which they were added. It returns when all of
    /// them have processed it.
    ///
    /// # Errors
    /// An error that a handler decided to fail on; pass it on with `?`.
    #[inline]
    pub fn forward(&mut self, record: Record<'_, K, V>) -> Result {
        if !self.is_as_current(&record) {
            return self.forward_changed(None, record);
        }
        push_all(self.children, record, self.task)
    }

    /// Whether a record has the timestamp and headers of the current one.
    #[inline]
    fn is_as_current(&self, record: &Record<'_, K, V>) -> bool {
        self.task.has_headers(record.headers) && record.timestamp == self.task.record.timestamp
    }

    /// Replaces the headers of the current record for what sees it after this node: its siblings that come behind it, and
    /// the stores and caches that they write to. A record that this node forwards has the headers that it is given.
    ///
    /// Elsewhere a record never changes, so that siblings can't disturb each other. In Java all of them hold one list of
    /// headers, and a processor that adds to `record.headers()` changes what its siblings see; this is for processors that
    /// are handed over with topologies that rely on it.
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

    /// Forwards a record whose timestamp or headers differ from those of the current one. While it is
    /// below, it is the current one: stores and caches below take time and headers from there.
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

    /// Sends a record to the child of this name alone.
    ///
    /// # Errors
    /// `Topology` if there is no such child, else as [`forward`](Self::forward).
    pub fn forward_to(&mut self, child: &str, record: Record<'_, K, V>) -> Result {
        let place = self.children.iter().position(|candidate| &*candidate.name == child);
        if let Some(place) = place {
            return self.forward_changed(Some(place), record);
        }
        let names: Vec<&str> = self.children.iter().map(|child| &*child.name).collect();
        let (node, names) = (&self.node.name, names.join(", "));
        let text = format!("node `{node}` has no child `{child}`; it has: {names}");
        Err(Error::new(ErrorKind::Topology, text))
    }

    /// The store behind a reference. Read all you need, write, then forward.
    ///
    /// # Errors
    /// `Topology` if the store was not connected to this node.
    #[inline]
    pub fn store<S: StateStore>(&mut self, store: StoreRef<S>) -> Result<&mut S> {
        StoreAccess { node: self.node, task: self.task }.into_store(store)
    }

    /// A global store, to read: every instance has all of it, and any node may read it without being connected to it.
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

    /// Has [`Processor::punctuate`](super::Processor::punctuate) called every `interval` of a clock.
    pub fn schedule(&mut self, interval: Duration, kind: PunctuationType) -> PunctuatorId {
        self.task.schedule.add(self.node.id, interval, kind, self.task.now_ms)
    }

    /// Ends a punctuation.
    pub fn cancel(&mut self, id: PunctuatorId) {
        self.task.schedule.cancel(id);
    }

    /// Has [`Processor::would_close`](super::Processor::would_close) and [`Processor::idle`](super::Processor::idle) called while
    /// no record has come to the task for `idle` of the wall clock, and none is waiting on the cluster: for operators that
    /// are to let go of something although stream time stands still. Said in `init`.
    pub fn watch_idle(&mut self, idle: Duration) {
        self.task.idle.watch(self.node.id, idle);
    }

    /// Asks for a commit soon. It does not happen within this call.
    pub fn commit(&mut self) {
        self.task.commit_requested = true;
    }

    /// The greatest timestamp that the task has seen, in milliseconds since the epoch; -1 before the
    /// first record.
    pub fn current_stream_time_ms(&self) -> i64 {
        self.task.stream_time
    }

    /// The wall clock as of this turn of the thread, in milliseconds since the epoch.
    pub fn current_system_time_ms(&self) -> i64 {
        self.task.now_ms
    }

    /// The time up to which the windows of a store that closed have been emitted, as it was committed or said last; `None`
    /// before the first time. Java's `processorMetadataForKey`.
    pub fn emitted_until(&self, store: &str) -> Option<i64> {
        self.task.emitted_until.get(store).copied()
    }

    /// Says up to which time the windows of a store that closed have been emitted: it goes with the offsets of the next
    /// commit, and is there when the task starts anew. Java's `addProcessorMetadataKeyValue`.
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

    /// The least time of the wall clock between two looks for windows that have closed.
    pub fn windowed_emit_interval(&self) -> Duration {
        let interval_ms = self.task.shared_settings.windowed_emit_interval_ms;
        Duration::from_millis(interval_ms.unsigned_abs())
    }

    /// The least time of the wall clock between two looks for records that a join of streams has not joined.
    pub fn outer_join_emit_interval(&self) -> Duration {
        let interval_ms = self.task.shared_settings.outer_join_emit_interval_ms;
        Duration::from_millis(interval_ms.unsigned_abs())
    }

    /// Where the current record came from.
    pub fn record_metadata(&self) -> RecordMetadata {
        self.task.record_metadata()
    }

    /// Timestamp of the current record or punctuation, in milliseconds since the epoch.
    pub fn timestamp(&self) -> i64 {
        self.task.record.timestamp
    }

    /// Runs `body` as if the record of `context` were the current one: for what a cached store held back.
    ///
    /// # Errors
    /// What `body` returns.
    pub fn with_record_context<R>(
        &mut self,
        context: &RecordContext,
        body: impl FnOnce(&mut Self, &Headers) -> R,
    ) -> R {
        static NONE: Headers = Headers::new();
        let headers: Option<Arc<Headers>> = context.headers.clone();
        let current = self.task.switch(context.clone());
        let done = body(self, headers.as_deref().unwrap_or(&NONE));
        self.task.switch(current);
        done
    }

    /// Keeps the current record beyond its turn, for [`with_held`](Self::with_held). Whoever holds records says so with
    /// [`set_in_flight`](Self::set_in_flight).
    pub fn hold(&self) -> HeldRecord {
        HeldRecord { context: self.task.record.clone(), raw: self.task.raw() }
    }

    /// Runs `body` with a record that was held as the current one: what it forwards has the place of that record, and a
    /// failure is asked about with its bytes. Stream time stays where it is.
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

    /// Whether a record that is held is the current one, or was made of it.
    pub fn is_current(&self, held: &HeldRecord) -> bool {
        let current = &self.task.record;
        (held.context.input, held.context.offset) == (current.input, current.offset)
    }

    /// Says which records this node holds. As long as there are some, [`Processor::resume`](super::Processor::resume) is
    /// called in each turn, and a commit waits until there are none: offsets are committed of what is complete. A node that
    /// may hold records says so in its `init`, with none. Not for processors of global stores.
    pub fn set_in_flight(&mut self, in_flight: InFlight) {
        self.task.in_flight.set(self.node.id, in_flight);
    }

    /// Wakes the thread of this task, which then calls [`Processor::resume`](super::Processor::resume).
    pub fn waker(&mut self) -> Waker {
        self.task.in_flight.waker().clone()
    }

    /// Polls a future, within a tokio runtime that drives what it waits for.
    ///
    /// # Errors
    /// `Fatal` if the system starts no thread for that.
    pub fn poll<F: Future + ?Sized>(
        &self,
        future: Pin<&mut F>,
        waker: &Waker,
    ) -> Result<Poll<F::Output>> {
        let mut polling = std::task::Context::from_waker(waker);
        self.task.shared_settings.reactor.poll(|| future.poll(&mut polling))
    }

    /// Has the processing exception handler decide on the current record, which failed here.
    ///
    /// # Errors
    /// That the handler decided to fail; pass it on with `?`.
    pub fn fail(&mut self, error: BoxError) -> Result {
        match error.downcast::<Error>() {
            Ok(error) => Err(*error),
            Err(error) => self.task.processing_failed(&self.node.name, error),
        }
    }

    /// The longest time for which a record may be in flight, in milliseconds, so that a transaction can still be committed;
    /// `None` without transactions.
    pub fn in_flight_ms_max(&self) -> Option<i64> {
        self.task.shared_settings.in_flight_ms_max
    }

    /// The record context of a change that was held back.
    pub fn context_of(&self, origin: &Origin) -> RecordContext {
        let place = origin.metadata.topic_partition.as_ref();
        RecordContext {
            timestamp: origin.timestamp,
            offset: origin.metadata.offset,
            input: place.and_then(|place| self.task.inputs.iter().position(|input| input == place)),
            headers: origin.headers.clone(),
        }
    }

    /// Where the current record comes from, for a change that is to be held back.
    pub fn origin(&self) -> Origin {
        let RecordContext { timestamp, headers, .. } = &self.task.record;
        let metadata = self.task.record_metadata();
        Origin { timestamp: *timestamp, metadata, headers: headers.clone() }
    }

    /// Drops the current record and counts it. Says why in the log, with its place, for the first record
    /// that this node drops; of those after it one per 30 seconds, with their number.
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
