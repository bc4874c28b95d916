//! `filter` and `filter_not`: Java's `KStreamFilter`.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

/// Forwards the records for which the predicate holds or, with `not`, does not hold. Nulls are
/// shown to the predicate as they are.
pub(crate) fn filter<F>(predicate: Arc<F>, not: bool) -> impl Fn() -> Filter<F> + Send + Sync
where
    F: Send + Sync + 'static,
{
    move || Filter { predicate: predicate.clone(), not }
}

pub(crate) struct Filter<F> {
    predicate: Arc<F>,
    not: bool,
}

impl<K, V, F> Processor<K, V, K, V> for Filter<F>
where
    F: Fn(&K, &V) -> Result<bool, BoxError> + Send + Sync,
{
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K, V>,
    ) -> Result<(), BoxError> {
        if (self.predicate)(record.key, record.value)? != self.not {
            context.forward(record)?;
        }
        Ok(())
    }
}
