//! `reduce` of a grouped table: Java's `KTableReduce`.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
    store::{StoreRef, TimestampedKeyValueStore, ValueAndTimestamp},
};

use super::cached::{forward_pending, row};
use crate::change::Change;

/// The user's two functions: `adder(aggregate, value)` and `subtractor(aggregate, value)`.
pub(crate) struct TableReduction<A, S> {
    pub(crate) adder: A,
    pub(crate) subtractor: S,
}

/// Takes the old value of each change out of its group's aggregate, then combines it with the new
/// one; the first value of a group is its aggregate. Nothing is taken out of a group that has no
/// aggregate. The timestamp is the greater of the record's and the row's where a function has run
/// on the row.
pub(crate) fn ktable_reduce<K, V, A, S>(
    store: StoreRef<TimestampedKeyValueStore<K, V>>,
    reduction: Arc<TableReduction<A, S>>,
    send_old: bool,
) -> impl Fn() -> KTableReduce<K, V, A, S> + Send + Sync
where
    K: 'static,
    V: 'static,
    A: Send + Sync + 'static,
    S: Send + Sync + 'static,
{
    move || KTableReduce { store, reduction: reduction.clone(), send_old }
}

pub(crate) struct KTableReduce<K, V, A, S> {
    store: StoreRef<TimestampedKeyValueStore<K, V>>,
    reduction: Arc<TableReduction<A, S>>,
    send_old: bool,
}

impl<A, S> TableReduction<A, S> {
    /// The aggregate after the change, and its timestamp.
    fn apply<V>(
        &self,
        change: &Change<V>,
        timestamp: i64,
        stored: Option<&ValueAndTimestamp<V>>,
    ) -> Result<(Option<V>, i64), BoxError>
    where
        V: Clone,
        A: Fn(V, &V) -> Result<Option<V>, BoxError>,
        S: Fn(V, &V) -> Result<Option<V>, BoxError>,
    {
        let mut aggregate = stored.map(|row| row.value.clone());
        let latest = stored.map_or(timestamp, |row| timestamp.max(row.timestamp));
        let mut timestamp = timestamp;
        if let Some(old) = &change.old
            && let Some(current) = aggregate.take()
        {
            aggregate = (self.subtractor)(current, old)?;
            timestamp = latest;
        }
        if let Some(new) = &change.new {
            aggregate = match aggregate.take() {
                Some(current) => {
                    timestamp = latest;
                    (self.adder)(current, new)?
                }
                None => Some(new.clone()),
            };
        }
        Ok((aggregate, timestamp))
    }
}

impl<K, V, A, S> Processor<K, Change<V>, K, Change<V>> for KTableReduce<K, V, A, S>
where
    K: 'static,
    V: Clone + Send + 'static,
    A: Fn(V, &V) -> Result<Option<V>, BoxError> + Send + Sync,
    S: Fn(V, &V) -> Result<Option<V>, BoxError> + Send + Sync,
{
    fn process(
        &mut self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K, Change<V>>,
    ) -> Result<(), BoxError> {
        let (reduction, send_old) = (&self.reduction, self.send_old);
        let store = context.store(self.store)?;
        let forwards = !store.caching();
        let update = |stored: Option<&ValueAndTimestamp<V>>| {
            let (new, timestamp) = reduction.apply(record.value, record.timestamp, stored)?;
            let old = stored.filter(|_| forwards && send_old).map(|row| row.value.clone());
            let change = forwards.then(|| (Change::new(new.clone(), old), timestamp));
            Ok::<_, BoxError>((row(new, timestamp), change))
        };
        if let Some((change, timestamp)) = store.update(record.key, update)? {
            context.forward(record.with_value(&change).with_timestamp(timestamp))?;
        }
        Ok(())
    }

    fn flush(&mut self, context: &mut Context<'_, K, Change<V>>) -> Result<(), BoxError> {
        forward_pending(self.store, self.send_old, context)
    }
}
