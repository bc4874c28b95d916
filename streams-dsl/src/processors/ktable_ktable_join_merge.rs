//! Where both sides of a join of tables meet: Java's `KTableKTableJoinMerger`.

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
    store::{StoreRef, TimestampedKeyValueStore},
};

use super::cached::{forward_pending, put_and_forward};
use crate::change::Change;

/// Keeps the joined rows, if there is a store for them, and forwards their changes. Without
/// `send_old` they go on without the old values.
pub(crate) fn ktable_ktable_join_merge<K: 'static, V: 'static>(
    store: Option<StoreRef<TimestampedKeyValueStore<K, V>>>,
    send_old: bool,
) -> impl Fn() -> KTableKTableJoinMerge<K, V> + Send + Sync {
    move || KTableKTableJoinMerge { store, send_old }
}

pub(crate) struct KTableKTableJoinMerge<K, V> {
    store: Option<StoreRef<TimestampedKeyValueStore<K, V>>>,
    send_old: bool,
}

impl<K, V> Processor<K, Change<V>, K, Change<V>> for KTableKTableJoinMerge<K, V>
where
    K: 'static,
    V: Clone + Send + 'static,
{
    fn process(
        &mut self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K, Change<V>>,
    ) -> Result<(), BoxError> {
        // The sides join old values exactly where somebody below asked this node for them.
        debug_assert!(self.send_old || record.value.old.is_none(), "an old value nobody asked for");
        match self.store {
            Some(store) => {
                let place = (record.key, record.timestamp, record.headers);
                put_and_forward(store, place, record.value.clone(), context)
            }
            None => Ok(context.forward(record)?),
        }
    }

    fn flush(&mut self, context: &mut Context<'_, K, Change<V>>) -> Result<(), BoxError> {
        match self.store {
            Some(store) => forward_pending(store, self.send_old, context),
            None => Ok(()),
        }
    }
}
