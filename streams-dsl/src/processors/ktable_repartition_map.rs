//! `group_by` of a table, before its repartition topic: Java's `KTableRepartitionMap`.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

use crate::change::Change;

/// Turns each change of a row into the changes of the groups that its old and its new value belong
/// to. The mapper gives the group's key and value, or `None` where one of them is null: then that
/// side is left out. The parent must send old values.
///
/// Where both sides are in the same group, by `==` of their keys, one record carries both values.
/// Else the old one goes first: between the two the groups are transiently wrong. With `split` two
/// records go out always, which is what applications that are being upgraded from 3.4 or older can
/// read.
pub(crate) fn ktable_repartition_map<F>(
    mapper: Arc<F>,
    split: bool,
) -> impl Fn() -> KTableRepartitionMap<F> + Send + Sync
where
    F: Send + Sync + 'static,
{
    move || KTableRepartitionMap { mapper: mapper.clone(), split }
}

pub(crate) struct KTableRepartitionMap<F> {
    mapper: Arc<F>,
    split: bool,
}

impl<K, V, K2, V2, F> Processor<K, Change<V>, K2, Change<V2>> for KTableRepartitionMap<F>
where
    K2: PartialEq,
    F: Fn(&K, &V) -> Result<Option<(K2, V2)>, BoxError> + Send + Sync,
{
    fn process(
        &mut self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K2, Change<V2>>,
    ) -> Result<(), BoxError> {
        let map = |value: &Option<V>| match value {
            Some(value) => (self.mapper)(record.key, value),
            None => Ok(None),
        };
        let (timestamp, headers) = (record.timestamp, record.headers);
        let mut forward = |key: &K2, change: Change<V2>| {
            context.forward(Record::new(key, &change, timestamp, headers))
        };
        match (map(&record.value.new)?, map(&record.value.old)?) {
            (Some((key, new)), Some((old_key, old))) if !self.split && key == old_key => {
                forward(&key, Change::new(Some(new), Some(old)))?;
            }
            (new, old) => {
                if let Some((key, old)) = old {
                    forward(&key, Change::new(None, Some(old)))?;
                }
                if let Some((key, new)) = new {
                    forward(&key, Change::new(Some(new), None))?;
                }
            }
        }
        Ok(())
    }
}
