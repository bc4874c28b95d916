//! `peek`: Java's `KStreamPeek` with children.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

/// Shows each record to the action, then forwards it as it is.
pub(crate) fn peek<F>(action: Arc<F>) -> impl Fn() -> Peek<F> + Send + Sync
where
    F: Send + Sync + 'static,
{
    move || Peek(action.clone())
}

pub(crate) struct Peek<F>(Arc<F>);

impl<K, V, F> Processor<K, V, K, V> for Peek<F>
where
    F: Fn(&K, &V) -> Result<(), BoxError> + Send + Sync,
{
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K, V>,
    ) -> Result<(), BoxError> {
        (self.0)(record.key, record.value)?;
        context.forward(record)?;
        Ok(())
    }
}
