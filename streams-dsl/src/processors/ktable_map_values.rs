//! `map_values` of a table: Java's `KTableMapValues`.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
    store::{StoreRef, TimestampedKeyValueStore},
};

use super::cached::{forward_pending, put_and_forward};
use crate::change::Change;

/// Maps the value of each row; `None` from the mapper deletes the row, and deletions are not shown
/// to it. Every change is forwarded, also one from nothing to nothing.
///
/// Old values come from the store, else from mapping those of the parent, which must send them.
pub(crate) fn ktable_map_values<K, V2, F>(
    mapper: Arc<F>,
    store: Option<StoreRef<TimestampedKeyValueStore<K, V2>>>,
    send_old: bool,
) -> impl Fn() -> KTableMapValues<K, V2, F> + Send + Sync
where
    K: 'static,
    V2: 'static,
    F: Send + Sync + 'static,
{
    move || KTableMapValues { mapper: mapper.clone(), store, send_old }
}

pub(crate) struct KTableMapValues<K, V2, F> {
    mapper: Arc<F>,
    store: Option<StoreRef<TimestampedKeyValueStore<K, V2>>>,
    send_old: bool,
}

impl<K, V2, F> KTableMapValues<K, V2, F>
where
    K: 'static,
    V2: Clone + Send + 'static,
{
    fn map<V>(&self, key: &K, value: Option<&V>) -> Result<Option<V2>, BoxError>
    where
        F: Fn(&K, &V) -> Result<Option<V2>, BoxError>,
    {
        value.map_or(Ok(None), |value| (self.mapper)(key, value))
    }

    fn old<V>(
        &self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K, Change<V2>>,
    ) -> Result<Option<V2>, BoxError>
    where
        F: Fn(&K, &V) -> Result<Option<V2>, BoxError>,
    {
        if !self.send_old {
            return Ok(None);
        }
        match self.store {
            Some(store) => {
                let store = context.store(store)?;
                // A cached store finds the old values itself when it is flushed.
                if store.caching() {
                    return Ok(None);
                }
                Ok(store.get(record.key)?.map(|row| row.value.clone()))
            }
            None => self.map(record.key, record.value.old.as_ref()),
        }
    }
}

impl<K, V, V2, F> Processor<K, Change<V>, K, Change<V2>> for KTableMapValues<K, V2, F>
where
    K: 'static,
    V2: Clone + Send + 'static,
    F: Fn(&K, &V) -> Result<Option<V2>, BoxError> + Send + Sync,
{
    fn process(
        &mut self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K, Change<V2>>,
    ) -> Result<(), BoxError> {
        let new = self.map(record.key, record.value.new.as_ref())?;
        let change = Change::new(new, self.old(record, context)?);
        match self.store {
            Some(store) => {
                let place = (record.key, record.timestamp, record.headers);
                put_and_forward(store, place, change, context)
            }
            None => Ok(context.forward(record.with_value(&change))?),
        }
    }

    fn flush(&mut self, context: &mut Context<'_, K, Change<V2>>) -> Result<(), BoxError> {
        match self.store {
            Some(store) => forward_pending(store, self.send_old, context),
            None => Ok(()),
        }
    }
}
