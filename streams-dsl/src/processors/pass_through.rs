//! A node that only joins others: `merge`, and each branch of a `split`. Java's `PassThrough`.

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

/// Forwards each record as it is. Below several parents it merges them, in the order in which
/// records come.
pub(crate) fn pass_through() -> impl Fn() -> PassThrough + Send + Sync {
    || PassThrough
}

pub(crate) struct PassThrough;

impl<K, V> Processor<K, V, K, V> for PassThrough {
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K, V>,
    ) -> Result<(), BoxError> {
        context.forward(record)?;
        Ok(())
    }
}
