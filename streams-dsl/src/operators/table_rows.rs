//! Shared parts of the processors of tables: writing a row, and forwarding the changes that a
//! cached store held back.

use streams_core::{
    BoxError, Headers, Record,
    processor::Context,
    store::{StoreRef, TimestampedKeyValueStore, ValueAndTimestamp},
};

use crate::{change::Change, plan::Output};

/// The output of a table whose rows are in a key-value store.
pub(super) type RowOutput<K, V> = Output<TimestampedKeyValueStore<K, V>>;

/// Forwards the updates that a cached store has held back since the last commit, each as the record
/// that wrote last, at the timestamp of the row; a tombstone at that of its record. Java's
/// `TimestampedCacheFlushListener`.
pub(super) fn forward_pending<K: 'static, V: Clone + Send + 'static>(
    output: RowOutput<K, V>,
    context: &mut Context<'_, K, Change<V>>,
) -> Result<(), BoxError> {
    let Output { store: Some(store), send_old } = output else { return Ok(()) };
    while let Some(pending) = context.store(store)?.next_pending(send_old)? {
        let written_at = pending.context.timestamp;
        let timestamp = pending.new.as_ref().map_or(written_at, |row| row.timestamp);
        let new = pending.new.map(|row| row.value);
        let change = Change::new(new, pending.old.map(|row| row.value));
        context.with_record_context(&pending.context, |context, headers| {
            context.forward(Record::new(&pending.key, &change, timestamp, headers))
        })?;
    }
    Ok(())
}

/// Why joins of tables drop an update of a versioned table that is not the latest of its row.
pub(super) const OUT_OF_ORDER: &str = "it is older than the latest version of its row";

/// The row of a value at a time; no value, no row.
pub(super) fn row<V>(value: Option<V>, timestamp: i64) -> Option<ValueAndTimestamp<V>> {
    value.map(|value| ValueAndTimestamp { value, timestamp })
}

/// Sets the row of a derived table that has a store, and forwards the change unless the store is
/// cached.
pub(super) fn put_and_forward<K: 'static, V: Clone + Send + 'static>(
    store: StoreRef<TimestampedKeyValueStore<K, V>>,
    (key, timestamp, headers): (&K, i64, &Headers),
    change: Change<V>,
    context: &mut Context<'_, K, Change<V>>,
) -> Result<(), BoxError> {
    let state = context.store(store)?;
    if state.caching() {
        state.put(key, row(change.new, timestamp))?;
        return Ok(());
    }
    state.put(key, row(change.new.clone(), timestamp))?;
    context.forward(Record::new(key, &change, timestamp, headers))?;
    Ok(())
}
