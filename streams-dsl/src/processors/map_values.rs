//! `map_values`: Java's `KStreamMapValues`.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

/// Forwards each record with the value that the mapper makes of its key and value.
pub(crate) fn map_values<F>(mapper: Arc<F>) -> impl Fn() -> MapValues<F> + Send + Sync
where
    F: Send + Sync + 'static,
{
    move || MapValues(mapper.clone())
}

pub(crate) struct MapValues<F>(Arc<F>);

impl<K, V, V2, F> Processor<K, V, K, V2> for MapValues<F>
where
    F: Fn(&K, &V) -> Result<V2, BoxError> + Send + Sync,
{
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K, V2>,
    ) -> Result<(), BoxError> {
        let value = (self.0)(record.key, record.value)?;
        context.forward(record.with_value(&value))?;
        Ok(())
    }
}
