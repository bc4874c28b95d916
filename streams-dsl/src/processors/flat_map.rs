//! `flat_map`: Java's `KStreamFlatMap`.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

/// Forwards a record for each pair that the mapper makes of a record, in the order in which they
/// come, all at its timestamp and with its headers.
pub(crate) fn flat_map<F>(mapper: Arc<F>) -> impl Fn() -> FlatMap<F> + Send + Sync
where
    F: Send + Sync + 'static,
{
    move || FlatMap(mapper.clone())
}

pub(crate) struct FlatMap<F>(Arc<F>);

impl<K, V, K2, V2, I, F> Processor<K, V, K2, V2> for FlatMap<F>
where
    F: Fn(&K, &V) -> Result<I, BoxError> + Send + Sync,
    I: IntoIterator<Item = (K2, V2)>,
{
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K2, V2>,
    ) -> Result<(), BoxError> {
        for (key, value) in (self.0)(record.key, record.value)? {
            context.forward(Record::new(&key, &value, record.timestamp, record.headers))?;
        }
        Ok(())
    }
}
