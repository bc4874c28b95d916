//! `join_global` and `left_join_global`: Java's `KStreamGlobalKTableJoin`.

use std::{marker::PhantomData, sync::Arc};

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
    store::{GlobalStoreRef, TimestampedKeyValueStore},
};

use super::Nullable;

/// The store of a global table.
type Table<KG, VG> = GlobalStoreRef<TimestampedKeyValueStore<KG, VG>>;

/// Joins each record with the row that the global table has now for the key that the mapper makes of the record, and
/// forwards the result under the record's own key, at its timestamp.
///
/// The joiner is given the record's key and value and the row's value, and says with `None` that nothing is to be
/// forwarded: an inner join does so where there is no row. A record without a value is dropped. One that the mapper
/// has no key for is dropped by an inner join; with `left` it is joined with nothing. The record's own key does not
/// matter.
pub(crate) fn kstream_global_ktable_join<KG, V, VG, M, F>(
    table: Table<KG, VG>,
    mapper: Arc<M>,
    joiner: Arc<F>,
    left: bool,
) -> impl Fn() -> KStreamGlobalKTableJoin<KG, V, VG, M, F> + Send + Sync
where
    KG: 'static,
    V: 'static,
    VG: 'static,
    M: Send + Sync + 'static,
    F: Send + Sync + 'static,
{
    move || KStreamGlobalKTableJoin {
        table,
        mapper: mapper.clone(),
        joiner: joiner.clone(),
        left,
        value: PhantomData,
    }
}

pub(crate) struct KStreamGlobalKTableJoin<KG, V, VG, M, F> {
    table: Table<KG, VG>,
    mapper: Arc<M>,
    joiner: Arc<F>,
    left: bool,
    value: PhantomData<fn(V)>,
}

impl<K, VIn, KG, V, VG, VR, M, F> Processor<K, VIn, K, VR>
    for KStreamGlobalKTableJoin<KG, V, VG, M, F>
where
    VIn: Nullable<V>,
    KG: 'static,
    VG: Clone + Send + 'static,
    M: Fn(&K, &V) -> Result<Option<KG>, BoxError> + Send + Sync,
    F: Fn(&K, &V, Option<&VG>) -> Result<Option<VR>, BoxError> + Send + Sync,
{
    fn process(
        &mut self,
        record: Record<'_, K, VIn>,
        context: &mut Context<'_, K, VR>,
    ) -> Result<(), BoxError> {
        let Some(value) = record.value.as_value() else {
            context.drop_record("its value is null");
            return Ok(());
        };
        let row = match (self.mapper)(record.key, value)? {
            Some(key) => context.global_store(self.table)?.get(&key)?,
            None if self.left => None,
            None => {
                context.drop_record("its key for the global table is null");
                return Ok(());
            }
        };
        let joined = (self.joiner)(record.key, value, row.as_ref().map(|row| &row.value))?;
        if let Some(joined) = joined {
            context.forward(record.with_value(&joined))?;
        }
        Ok(())
    }
}
