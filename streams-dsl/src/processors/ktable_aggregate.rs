//! `count` and `aggregate` of a grouped table: Java's `KTableAggregate`.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
    store::{StoreRef, TimestampedKeyValueStore, ValueAndTimestamp},
};

use super::cached::{forward_pending, row};
use crate::change::Change;

/// The user's three functions: `initializer()`, `adder(key, value, aggregate)`, `subtractor(key,
/// value, aggregate)`.
pub(crate) struct TableAggregation<I, A, S> {
    pub(crate) initializer: I,
    pub(crate) adder: A,
    pub(crate) subtractor: S,
}

/// Takes the old value of each change out of its group's aggregate, then puts the new one in.
/// Nothing is taken out of a group that has no aggregate; an adder that finds none begins with the
/// initial value. `None` from either function is no aggregate. The change that only takes out
/// forwards what is left, which is a tombstone only if that is `None`. The timestamp is the greater
/// of the record's and the row's where a function has run on the row.
pub(crate) fn ktable_aggregate<K, VA, I, A, S>(
    store: StoreRef<TimestampedKeyValueStore<K, VA>>,
    aggregation: Arc<TableAggregation<I, A, S>>,
    send_old: bool,
) -> impl Fn() -> KTableAggregate<K, VA, I, A, S> + Send + Sync
where
    K: 'static,
    VA: 'static,
    I: Send + Sync + 'static,
    A: Send + Sync + 'static,
    S: Send + Sync + 'static,
{
    move || KTableAggregate { store, aggregation: aggregation.clone(), send_old }
}

pub(crate) struct KTableAggregate<K, VA, I, A, S> {
    store: StoreRef<TimestampedKeyValueStore<K, VA>>,
    aggregation: Arc<TableAggregation<I, A, S>>,
    send_old: bool,
}

impl<I, A, S> TableAggregation<I, A, S> {
    /// The aggregate after the change, and its timestamp.
    fn apply<K, V, VA>(
        &self,
        record: Record<'_, K, Change<V>>,
        stored: Option<&ValueAndTimestamp<VA>>,
    ) -> Result<(Option<VA>, i64), BoxError>
    where
        VA: Clone,
        I: Fn() -> Result<VA, BoxError>,
        A: Fn(&K, &V, VA) -> Result<Option<VA>, BoxError>,
        S: Fn(&K, &V, VA) -> Result<Option<VA>, BoxError>,
    {
        let mut aggregate = stored.map(|row| row.value.clone());
        let mut timestamp = record.timestamp;
        let stored_timestamp = stored.map_or(timestamp, |row| row.timestamp);
        if let Some(old) = &record.value.old
            && let Some(current) = aggregate.take()
        {
            aggregate = (self.subtractor)(record.key, old, current)?;
            timestamp = timestamp.max(stored_timestamp);
        }
        if let Some(new) = &record.value.new {
            let current = match aggregate.take() {
                Some(current) => current,
                None => (self.initializer)()?,
            };
            aggregate = (self.adder)(record.key, new, current)?;
            timestamp = timestamp.max(stored_timestamp);
        }
        Ok((aggregate, timestamp))
    }
}

impl<K, V, VA, I, A, S> Processor<K, Change<V>, K, Change<VA>> for KTableAggregate<K, VA, I, A, S>
where
    K: 'static,
    VA: Clone + Send + 'static,
    I: Fn() -> Result<VA, BoxError> + Send + Sync,
    A: Fn(&K, &V, VA) -> Result<Option<VA>, BoxError> + Send + Sync,
    S: Fn(&K, &V, VA) -> Result<Option<VA>, BoxError> + Send + Sync,
{
    fn process(
        &mut self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K, Change<VA>>,
    ) -> Result<(), BoxError> {
        let (aggregation, send_old) = (&self.aggregation, self.send_old);
        let store = context.store(self.store)?;
        let forwards = !store.caching();
        let update = |stored: Option<&ValueAndTimestamp<VA>>| {
            let (new, timestamp) = aggregation.apply(record, stored)?;
            let old = stored.filter(|_| forwards && send_old).map(|row| row.value.clone());
            let change = forwards.then(|| (Change::new(new.clone(), old), timestamp));
            Ok::<_, BoxError>((row(new, timestamp), change))
        };
        if let Some((change, timestamp)) = store.update(record.key, update)? {
            context.forward(record.with_value(&change).with_timestamp(timestamp))?;
        }
        Ok(())
    }

    fn flush(&mut self, context: &mut Context<'_, K, Change<VA>>) -> Result<(), BoxError> {
        forward_pending(self.store, self.send_old, context)
    }
}
