//! `flat_map_values`: Java's `KStreamFlatMapValues`.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

/// Forwards a record under the same key for each value that the mapper makes of a record's key and
/// value, in the order in which they come.
pub(crate) fn flat_map_values<F>(mapper: Arc<F>) -> impl Fn() -> FlatMapValues<F> + Send + Sync
where
    F: Send + Sync + 'static,
{
    move || FlatMapValues(mapper.clone())
}

pub(crate) struct FlatMapValues<F>(Arc<F>);

impl<K, V, V2, I, F> Processor<K, V, K, V2> for FlatMapValues<F>
where
    F: Fn(&K, &V) -> Result<I, BoxError> + Send + Sync,
    I: IntoIterator<Item = V2>,
{
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K, V2>,
    ) -> Result<(), BoxError> {
        for value in (self.0)(record.key, record.value)? {
            context.forward(record.with_value(&value))?;
        }
        Ok(())
    }
}
