//! `select_key`, and the re-keying half of `group_by`: Java's `KStreamMap` that keeps the value.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

/// Forwards each record under the key that the selector makes of its key and value; the value is
/// not copied.
pub(crate) fn select_key<F>(selector: Arc<F>) -> impl Fn() -> SelectKey<F> + Send + Sync
where
    F: Send + Sync + 'static,
{
    move || SelectKey(selector.clone())
}

pub(crate) struct SelectKey<F>(Arc<F>);

impl<K, V, K2, F> Processor<K, V, K2, V> for SelectKey<F>
where
    F: Fn(&K, &V) -> Result<K2, BoxError> + Send + Sync,
{
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K2, V>,
    ) -> Result<(), BoxError> {
        let key = (self.0)(record.key, record.value)?;
        context.forward(record.with_key(&key))?;
        Ok(())
    }
}
