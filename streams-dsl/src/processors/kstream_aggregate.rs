//! `count`, `reduce` and `aggregate` of a grouped stream: Java's `KStreamAggregate` and
//! `KStreamReduce`.

use std::{marker::PhantomData, sync::Arc};

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
    store::{StoreRef, TimestampedKeyValueStore, ValueAndTimestamp},
};

use super::{
    Aggregation, Nullable,
    cached::{forward_pending, row},
};
use crate::change::Change;

/// Folds the records of each key into the row of `store`, and forwards the change at the greater of
/// the record's and the row's timestamp. A record without a key or a value is dropped. An aggregate
/// that ends as `None` deletes the row.
///
/// With `send_old` and an uncached store, the first change of a key has the aggregation's initial
/// value as the old one, where it has one: Java's quirk, on which results below depend. A cached
/// store gives no old value there.
pub(crate) fn kstream_aggregate<K, V, VA, A>(
    store: StoreRef<TimestampedKeyValueStore<K, VA>>,
    aggregation: Arc<A>,
    send_old: bool,
) -> impl Fn() -> KStreamAggregate<K, V, VA, A> + Send + Sync
where
    K: 'static,
    V: 'static,
    VA: 'static,
    A: Aggregation<K, V, VA>,
{
    move || KStreamAggregate {
        store,
        aggregation: aggregation.clone(),
        send_old,
        value: PhantomData,
    }
}

pub(crate) struct KStreamAggregate<K, V, VA, A> {
    store: StoreRef<TimestampedKeyValueStore<K, VA>>,
    aggregation: Arc<A>,
    send_old: bool,
    value: PhantomData<fn(V)>,
}

impl<KIn, VIn, K, V, VA, A> Processor<KIn, VIn, K, Change<VA>> for KStreamAggregate<K, V, VA, A>
where
    KIn: Nullable<K>,
    VIn: Nullable<V>,
    K: 'static,
    VA: Clone + Send + 'static,
    A: Aggregation<K, V, VA>,
{
    fn process(
        &mut self,
        record: Record<'_, KIn, VIn>,
        context: &mut Context<'_, K, Change<VA>>,
    ) -> Result<(), BoxError> {
        let (Some(key), Some(value)) = (record.key.as_value(), record.value.as_value()) else {
            context.drop_record("its key or value is null");
            return Ok(());
        };
        let (aggregation, send_old) = (&self.aggregation, self.send_old);
        let store = context.store(self.store)?;
        let forwards = !store.caching();
        let update = |stored: Option<&ValueAndTimestamp<VA>>| {
            let (aggregate, timestamp) = match stored {
                Some(stored) => {
                    (Some(stored.value.clone()), record.timestamp.max(stored.timestamp))
                }
                None => (aggregation.initial()?, record.timestamp),
            };
            let old = if forwards && send_old { aggregate.clone() } else { None };
            let new = aggregation.add(key, value, aggregate)?;
            let change = forwards.then(|| (Change::new(new.clone(), old), timestamp));
            Ok::<_, BoxError>((row(new, timestamp), change))
        };
        if let Some((change, timestamp)) = store.update(key, update)? {
            context.forward(Record::new(key, &change, timestamp, record.headers))?;
        }
        Ok(())
    }

    fn flush(&mut self, context: &mut Context<'_, K, Change<VA>>) -> Result<(), BoxError> {
        forward_pending(self.store, self.send_old, context)
    }
}
