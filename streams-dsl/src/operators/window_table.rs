//! Shared parts of aggregations in windows: the serde of their keys, look-ups of rows, and
//! forwarding.

use std::ops::RangeInclusive;

use streams_core::{
    BoxError, Headers, Record, processor::Context, serde::SerdeRef, store::TimestampedWindowStore,
};

use super::aggregate_stream::Row;
use crate::{
    change::Change,
    plan::{Connect, Lookup, Lowering, Name, Output, Rows, Slot, TableGetter},
    windows::{Window, Windowed, windowed_partitioner},
};

/// The serde of windowed keys, made of that of the keys; partitions are those of the keys.
pub(super) fn by_inner_key<K: Row>(
    key: &Slot<K>,
    windowed: impl Fn(SerdeRef<K>) -> SerdeRef<Windowed<K>> + Send + Sync + 'static,
) -> Slot<Windowed<K>> {
    key.map(windowed).partitioned_by(key, windowed_partitioner)
}

/// Rows in a window store.
pub(super) struct WindowRows(pub(super) Name);

impl<K: Row, V: Row> Rows<Windowed<K>, V> for WindowRows {
    fn getter(&self, lowering: &mut Lowering<'_>) -> Option<Lookup<Windowed<K>, V>> {
        let store = lowering.store::<TimestampedWindowStore<K, V>>(&self.0)?;
        let connect: Connect = Box::new(move |topology, node| topology.connect(node, store));
        let getter = TableGetter::new(move |stores, windowed: &Windowed<K>, visit| {
            let row = stores.store(store)?.fetch(&windowed.key, windowed.window.start)?;
            visit(row.map(|row| (&row.value, row.timestamp)))
        });
        Some((getter, connect))
    }
}

/// The table of a processor that folds in windows of one size.
pub(super) struct WindowTable<K, VA> {
    pub(super) output: Output<TimestampedWindowStore<K, VA>>,
    size_ms: i64,
    /// True if changes wait until their windows close.
    on_close: bool,
    key: WindowedKey<K>,
}

/// The windowed key that was forwarded last: its memory serves the next one.
pub(super) struct WindowedKey<K>(Option<Windowed<K>>);

impl<K: Clone> WindowedKey<K> {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    /// A key in a window.
    pub(super) fn of(&mut self, key: &K, window: Window) -> &Windowed<K> {
        match &mut self.0 {
            Some(windowed) => {
                windowed.key.clone_from(key);
                windowed.window = window;
                windowed
            }
            none => none.insert(Windowed::new(key.clone(), window)),
        }
    }
}

impl<K: Row, VA: Row> WindowTable<K, VA> {
    pub(super) const fn new(
        output: Output<TimestampedWindowStore<K, VA>>,
        size_ms: i64,
        on_close: bool,
    ) -> Self {
        Self { output, size_ms, on_close, key: WindowedKey::new() }
    }

    /// Returns whether changes are forwarded when they are made.
    pub(super) fn forwards(&self, store: &TimestampedWindowStore<K, VA>) -> bool {
        !self.on_close && !store.caching()
    }

    /// Forwards the rows of windows that have closed, by their starts, with the headers of the
    /// record that closed them.
    pub(super) fn emit(
        &mut self,
        starts: RangeInclusive<i64>,
        headers: &Headers,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let Some(store) = self.output.store else { return Ok(()) };
        for (key, start, row) in context.store(store)?.fetch_closed(starts)? {
            let change = (&Change::new(Some(row.value), None), row.timestamp);
            self.forward((&key, start), change, headers, context)?;
        }
        Ok(())
    }

    /// Returns whether there are rows of windows that start then.
    pub(super) fn has_any(
        &self,
        starts: RangeInclusive<i64>,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<bool, BoxError> {
        let Some(store) = self.output.store else { return Ok(false) };
        Ok(!context.store(store)?.fetch_closed(starts)?.is_empty())
    }

    /// The window that starts at a time.
    pub(super) const fn window(&self, start: i64) -> Window {
        Window::new(start, start.saturating_add(self.size_ms))
    }

    /// Forwards the change of a window, which has a timestamp.
    pub(super) fn forward(
        &mut self,
        (key, start): (&K, i64),
        (change, timestamp): (&Change<VA>, i64),
        headers: &Headers,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let window = self.window(start);
        let windowed = self.key.of(key, window);
        context.forward(Record::new(windowed, change, timestamp, headers))?;
        Ok(())
    }

    /// Forwards what a cached store held back, each as the record that wrote last, at the timestamp
    /// of its row; a tombstone at that of its record. Where changes wait until windows close,
    /// nothing is forwarded.
    pub(super) fn flush(
        &self,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let Output { store: Some(store), send_old } = self.output else { return Ok(()) };
        while let Some(pending) = context.store(store)?.next_pending(send_old)? {
            if self.on_close {
                continue;
            }
            let written_at = pending.context.timestamp;
            let timestamp = pending.new.as_ref().map_or(written_at, |row| row.timestamp);
            let new = pending.new.map(|row| row.value);
            let change = Change::new(new, pending.old.map(|row| row.value));
            let key = Windowed::new(pending.key, self.window(pending.start));
            context.with_record_context(&pending.context, |context, headers| {
                context.forward(Record::new(&key, &change, timestamp, headers))
            })?;
        }
        Ok(())
    }
}

/// Drops a record that is too late for a window, and counts it.
#[cold]
pub(super) fn drop_late<K, V>(
    timestamp: i64,
    window: Window,
    close_time: i64,
    context: &mut Context<'_, K, V>,
) {
    context.drop_record(&format!(
        "its timestamp {timestamp} is in the window {window}, which closed at {close_time}"
    ));
}
