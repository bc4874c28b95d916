//! `table` and `to_table`: a stream's records as updates of a table. Java's `KTableSource`.

use streams_core::{
    BoxError, Error, Record,
    processor::{Context, Processor},
    store::{StoreRef, TimestampedKeyValueStore},
};

use super::{
    Nullable,
    cached::{forward_pending, row},
};
use crate::change::Change;

/// Takes each record as the new value of its key's row, a null as its deletion, and forwards the
/// change at the record's timestamp. A record without a key is dropped. A record that is older than
/// the row overwrites it all the same.
///
/// Without a store nothing is kept, and old values can't be sent. The old row is read only for
/// them: loading a big table costs no lookups.
pub(crate) fn ktable_source<K: 'static, V: 'static>(
    store: Option<StoreRef<TimestampedKeyValueStore<K, V>>>,
    send_old: bool,
) -> impl Fn() -> KTableSource<K, V> + Send + Sync {
    move || KTableSource { store, send_old }
}

pub(crate) struct KTableSource<K, V> {
    store: Option<StoreRef<TimestampedKeyValueStore<K, V>>>,
    send_old: bool,
}

impl<K: 'static, V: Clone + Send + 'static> KTableSource<K, V> {
    /// Writes the row. The change that must be forwarded now, if any.
    fn put(
        &self,
        store: &mut TimestampedKeyValueStore<K, V>,
        key: &K,
        new: Option<V>,
        timestamp: i64,
    ) -> Result<Option<Change<V>>, BoxError> {
        if store.caching() {
            store.put(key, row(new, timestamp))?;
            return Ok(None);
        }
        let old = if self.send_old {
            store.update(key, |old| {
                let old = old.map(|old| old.value.clone());
                Ok::<_, Error>((row(new.clone(), timestamp), old))
            })?
        } else {
            store.put(key, row(new.clone(), timestamp))?;
            None
        };
        Ok(Some(Change::new(new, old)))
    }
}

impl<KIn, VIn, K, V> Processor<KIn, VIn, K, Change<V>> for KTableSource<K, V>
where
    KIn: Nullable<K>,
    VIn: Nullable<V>,
    K: 'static,
    V: Clone + Send + 'static,
{
    fn process(
        &mut self,
        record: Record<'_, KIn, VIn>,
        context: &mut Context<'_, K, Change<V>>,
    ) -> Result<(), BoxError> {
        let Some(key) = record.key.as_value() else {
            context.drop_record("its key is null");
            return Ok(());
        };
        let new = record.value.as_value().cloned();
        let change = match self.store {
            Some(store) => self.put(context.store(store)?, key, new, record.timestamp)?,
            None => Some(Change::new(new, None)),
        };
        if let Some(change) = change {
            context.forward(Record::new(key, &change, record.timestamp, record.headers))?;
        }
        Ok(())
    }

    fn flush(&mut self, context: &mut Context<'_, K, Change<V>>) -> Result<(), BoxError> {
        match self.store {
            Some(store) => forward_pending(store, self.send_old, context),
            None => Ok(()),
        }
    }
}
