//! `to_stream`: a table's changes as a stream. Java's `KStreamMapValues` of the new value.

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

use crate::change::Change;

/// Forwards the new value of each change, a deletion as `None`; nothing is copied.
pub(crate) fn ktable_to_stream() -> impl Fn() -> KTableToStream + Send + Sync {
    || KTableToStream
}

pub(crate) struct KTableToStream;

impl<K, V> Processor<K, Change<V>, K, Option<V>> for KTableToStream {
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K, Option<V>>,
    ) -> Result<(), BoxError> {
        context.forward(record.with_value(&record.value.new))?;
        Ok(())
    }
}
