//! `join` and `left_join` of a stream with a table: Java's `KStreamKTableJoin`.

use std::{marker::PhantomData, sync::Arc};

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

use super::{Nullable, TableGetter, TableKey};

/// Joins each record with the row that the table has for its key now, and forwards the result under
/// the record's key, at its timestamp. Updates of the table forward nothing.
///
/// The joiner is given the record's key and value and the row's value, and says with `None` that
/// nothing is to be forwarded: an inner join does so where there is no row. A record without a
/// value is dropped. One without a key is dropped by an inner join; with `left` it is joined with
/// nothing.
pub(crate) fn kstream_ktable_join<KT, V, VT, F>(
    table: TableGetter<KT, VT>,
    joiner: Arc<F>,
    left: bool,
) -> impl Fn() -> KStreamKTableJoin<KT, V, VT, F> + Send + Sync
where
    KT: 'static,
    V: 'static,
    VT: 'static,
    F: Send + Sync + 'static,
{
    move || KStreamKTableJoin {
        table: table.clone(),
        joiner: joiner.clone(),
        left,
        value: PhantomData,
    }
}

pub(crate) struct KStreamKTableJoin<KT, V, VT, F> {
    table: TableGetter<KT, VT>,
    joiner: Arc<F>,
    left: bool,
    value: PhantomData<fn(V)>,
}

impl<K, VIn, KT, V, VT, VR, F> Processor<K, VIn, K, VR> for KStreamKTableJoin<KT, V, VT, F>
where
    VIn: Nullable<V>,
    KT: TableKey<K> + 'static,
    VT: 'static,
    F: Fn(&K, &V, Option<&VT>) -> Result<Option<VR>, BoxError> + Send + Sync,
{
    fn process(
        &mut self,
        record: Record<'_, K, VIn>,
        context: &mut Context<'_, K, VR>,
    ) -> Result<(), BoxError> {
        let key = KT::of(record.key);
        let Some(value) = record.value.as_value().filter(|_| self.left || key.is_some()) else {
            context.drop_record("its key or value is null");
            return Ok(());
        };
        let joiner = &self.joiner;
        let joined = match key {
            Some(key) => self.table.with(&mut context.stores(), key, |row| {
                joiner(record.key, value, row.map(|(value, _)| value))
            })?,
            None => joiner(record.key, value, None)?,
        };
        if let Some(joined) = joined {
            context.forward(record.with_value(&joined))?;
        }
        Ok(())
    }
}
