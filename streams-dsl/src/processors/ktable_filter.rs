//! `filter` and `filter_not` of a table: Java's `KTableFilter`.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
    store::{StoreRef, TimestampedKeyValueStore},
};

use super::cached::{forward_pending, put_and_forward};
use crate::change::Change;

/// Keeps the rows for which the predicate holds or, with `not`, does not hold: a row that ceases to
/// fulfil it is deleted. Deleted rows are not shown to the predicate.
///
/// With `send_old` a change from nothing to nothing ends here; without it, nobody knows, and each
/// row that does not fulfil the predicate is forwarded as a tombstone. Old values come from the
/// store, else from the changes of the parent, which must send them.
pub(crate) fn ktable_filter<K, V, F>(
    predicate: Arc<F>,
    not: bool,
    store: Option<StoreRef<TimestampedKeyValueStore<K, V>>>,
    send_old: bool,
) -> impl Fn() -> KTableFilter<K, V, F> + Send + Sync
where
    K: 'static,
    V: 'static,
    F: Send + Sync + 'static,
{
    move || KTableFilter { predicate: predicate.clone(), not, store, send_old }
}

pub(crate) struct KTableFilter<K, V, F> {
    predicate: Arc<F>,
    not: bool,
    store: Option<StoreRef<TimestampedKeyValueStore<K, V>>>,
    send_old: bool,
}

impl<K, V, F> KTableFilter<K, V, F>
where
    K: 'static,
    V: Clone + Send + 'static,
    F: Fn(&K, &V) -> Result<bool, BoxError>,
{
    fn kept(&self, key: &K, value: Option<&V>) -> Result<Option<V>, BoxError> {
        match value {
            Some(value) if (self.predicate)(key, value)? != self.not => Ok(Some(value.clone())),
            _ => Ok(None),
        }
    }

    fn old(
        &self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K, Change<V>>,
    ) -> Result<Option<V>, BoxError> {
        if !self.send_old {
            return Ok(None);
        }
        match self.store {
            Some(store) => Ok(context.store(store)?.get(record.key)?.map(|row| row.value.clone())),
            None => self.kept(record.key, record.value.old.as_ref()),
        }
    }
}

impl<K, V, F> Processor<K, Change<V>, K, Change<V>> for KTableFilter<K, V, F>
where
    K: 'static,
    V: Clone + Send + 'static,
    F: Fn(&K, &V) -> Result<bool, BoxError> + Send + Sync,
{
    fn process(
        &mut self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K, Change<V>>,
    ) -> Result<(), BoxError> {
        let new = self.kept(record.key, record.value.new.as_ref())?;
        let change = Change::new(new, self.old(record, context)?);
        if self.send_old && change.new.is_none() && change.old.is_none() {
            return Ok(());
        }
        match self.store {
            Some(store) => {
                let place = (record.key, record.timestamp, record.headers);
                put_and_forward(store, place, change, context)
            }
            None => Ok(context.forward(record.with_value(&change))?),
        }
    }

    fn flush(&mut self, context: &mut Context<'_, K, Change<V>>) -> Result<(), BoxError> {
        match self.store {
            Some(store) => forward_pending(store, self.send_old, context),
            None => Ok(()),
        }
    }
}
