//! `global_table`: a topic's records as the rows of a global store. Java's `KTableSource`, as a global table has it.

use std::convert::Infallible;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
    store::{StoreRef, TimestampedKeyValueStore},
};

use super::cached::row;

/// Takes each record as the new value of its key's row, a null as its deletion. A record without a key is dropped. A
/// record that is older than the row overwrites it all the same.
///
/// Nothing is forwarded: nobody is told of a change of a global table.
pub(crate) const fn global_ktable_source<K, V>(
    store: StoreRef<TimestampedKeyValueStore<K, V>>,
) -> GlobalKTableSource<K, V> {
    GlobalKTableSource { store }
}

pub(crate) struct GlobalKTableSource<K, V> {
    store: StoreRef<TimestampedKeyValueStore<K, V>>,
}

impl<K, V> Processor<Option<K>, Option<V>, Infallible, Infallible> for GlobalKTableSource<K, V>
where
    K: 'static,
    V: Clone + Send + 'static,
{
    fn process(
        &mut self,
        record: Record<'_, Option<K>, Option<V>>,
        context: &mut Context<'_, Infallible, Infallible>,
    ) -> Result<(), BoxError> {
        let Some(key) = record.key else {
            context.drop_record("its key is null");
            return Ok(());
        };
        context.store(self.store)?.put(key, row(record.value.clone(), record.timestamp))?;
        Ok(())
    }
}
