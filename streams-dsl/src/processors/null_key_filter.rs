//! The node before a repartition topic: a record without a key has no place there.

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

use crate::processors::Nullable;

/// Forwards the records that have a key, with the key in its plain type. The others end there
/// silently: as in Java they are not counted as dropped.
pub(crate) fn null_key_filter() -> impl Fn() -> NullKeyFilter + Send + Sync {
    || NullKeyFilter
}

pub(crate) struct NullKeyFilter;

impl<K: Nullable<K2>, K2, V> Processor<K, V, K2, V> for NullKeyFilter {
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K2, V>,
    ) -> Result<(), BoxError> {
        if let Some(key) = record.key.as_value() {
            context.forward(record.with_key(key))?;
        }
        Ok(())
    }
}
