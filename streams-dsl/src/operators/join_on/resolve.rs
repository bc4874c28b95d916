//! The left table's side again: answers become rows. Java's `ResponseJoinProcessorSupplier`.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

use super::subscribe::Hasher;
use crate::{
    foreign_key::Response,
    plan::{Asked, TableGetter},
};

/// Joins each answer with the row that asked, if it still is as it was.
pub(super) struct Resolver<F, K, V> {
    pub(super) rows: TableGetter<K, V>,
    pub(super) hasher: Hasher<V>,
    pub(super) joiner: Arc<F>,
    pub(super) left: bool,
}

impl<F, K, V, VO, VR> Processor<K, Response<VO>, K, Option<VR>> for Resolver<F, K, V>
where
    F: Fn(&V, Option<&VO>) -> Result<Option<VR>, BoxError> + Send + Sync,
    K: 'static,
    V: 'static,
{
    fn init(&mut self, context: &mut Context<'_, K, Option<VR>>) -> Result<(), BoxError> {
        self.hasher.values.init(context.application_id());
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<'_, K, Response<VO>>,
        context: &mut Context<'_, K, Option<VR>>,
    ) -> Result<(), BoxError> {
        let Self { rows, hasher, joiner, left } = self;
        let Response { hash, foreign, .. } = record.value;
        let joined = rows.with(&mut context.stores(), record.key, Asked::Latest, |row| {
            let value = row.map(|(value, _)| value);
            if value.map(|value| hasher.hash(value)).transpose()? != *hash {
                return Ok(None);
            }
            let joined = match value {
                Some(value) if *left || foreign.is_some() => joiner(value, foreign.as_ref())?,
                _ => None,
            };
            Ok(Some(joined))
        })?;
        match joined {
            Some(joined) => context.forward(record.with_value(&joined))?,
            None => context.drop_record("the row that it answers has changed since"),
        }
        Ok(())
    }
}
