//! One side of the inner join of two tables: Java's `KTableKTableInnerJoin`.

use std::{marker::PhantomData, sync::Arc};

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

use super::TableGetter;
use crate::change::Change;

/// Joins each change of one table with the row that the other has for its key now, at the later of
/// the two timestamps. A change without a row on the other side ends here: what the join forwarded
/// of the key, if anything, was deleted when that row went.
///
/// With `send_old` the old value of the change is joined too; the parent must send it.
pub(crate) fn ktable_ktable_inner_join<K, V, VO, F>(
    other: TableGetter<K, VO>,
    joiner: Arc<F>,
    send_old: bool,
) -> impl Fn() -> KTableKTableInnerJoin<K, V, VO, F> + Send + Sync
where
    K: 'static,
    V: 'static,
    VO: 'static,
    F: Send + Sync + 'static,
{
    move || KTableKTableInnerJoin {
        other: other.clone(),
        joiner: joiner.clone(),
        send_old,
        value: PhantomData,
    }
}

pub(crate) struct KTableKTableInnerJoin<K, V, VO, F> {
    other: TableGetter<K, VO>,
    joiner: Arc<F>,
    send_old: bool,
    value: PhantomData<fn(V)>,
}

impl<K, V, VO, VR, F> Processor<K, Change<V>, K, Change<VR>> for KTableKTableInnerJoin<K, V, VO, F>
where
    K: 'static,
    V: 'static,
    VO: 'static,
    F: Fn(&K, &V, &VO) -> Result<VR, BoxError> + Send + Sync,
{
    fn process(
        &mut self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K, Change<VR>>,
    ) -> Result<(), BoxError> {
        let (joiner, send_old) = (&self.joiner, self.send_old);
        let joined = self.other.with(&mut context.stores(), record.key, |row| {
            let Some((other, timestamp)) = row else { return Ok(None) };
            let join = |value: &Option<V>| {
                value.as_ref().map(|value| joiner(record.key, value, other)).transpose()
            };
            let old = if send_old { join(&record.value.old)? } else { None };
            Ok(Some((Change::new(join(&record.value.new)?, old), timestamp)))
        })?;
        if let Some((change, timestamp)) = joined {
            let timestamp = record.timestamp.max(timestamp);
            context.forward(Record::new(record.key, &change, timestamp, record.headers))?;
        }
        Ok(())
    }
}
