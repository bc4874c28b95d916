//! `map`: Java's `KStreamMap`.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

/// Forwards each record under the key and with the value that the mapper makes of it; timestamp and
/// headers stay.
pub(crate) fn map<F>(mapper: Arc<F>) -> impl Fn() -> Map<F> + Send + Sync
where
    F: Send + Sync + 'static,
{
    move || Map(mapper.clone())
}

pub(crate) struct Map<F>(Arc<F>);

impl<K, V, K2, V2, F> Processor<K, V, K2, V2> for Map<F>
where
    F: Fn(&K, &V) -> Result<(K2, V2), BoxError> + Send + Sync,
{
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K2, V2>,
    ) -> Result<(), BoxError> {
        let (key, value) = (self.0)(record.key, record.value)?;
        context.forward(Record::new(&key, &value, record.timestamp, record.headers))?;
        Ok(())
    }
}
