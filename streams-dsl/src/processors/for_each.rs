//! `for_each`: Java's `KStreamPeek` without children.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

/// Shows each record to the action and ends there.
pub(crate) fn for_each<F>(action: Arc<F>) -> impl Fn() -> ForEach<F> + Send + Sync
where
    F: Send + Sync + 'static,
{
    move || ForEach(action.clone())
}

pub(crate) struct ForEach<F>(Arc<F>);

/// Nothing is forwarded; the types of what would be are units.
impl<K, V, F> Processor<K, V, (), ()> for ForEach<F>
where
    F: Fn(&K, &V) -> Result<(), BoxError> + Send + Sync,
{
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        _context: &mut Context<'_, (), ()>,
    ) -> Result<(), BoxError> {
        (self.0)(record.key, record.value)
    }
}
