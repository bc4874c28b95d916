//! `suppress`: Java's `KTableSuppressProcessorSupplier`.

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
    store::{BufferedChange, ChangeBuffer, StoreRef},
};

use crate::{
    change::Change,
    options::{BufferBounds, WhenFull},
};

/// When a change leaves the buffer.
#[derive(Debug)]
pub(crate) struct Release<K> {
    /// From when on it waits, in milliseconds, of its key and timestamp.
    pub(crate) from: fn(&K, i64) -> i64,
    /// How much later than that stream time must be, in milliseconds.
    pub(crate) wait_ms: i64,
    /// Whether deleted rows are left out: windows are final, and nobody saw the row.
    pub(crate) drop_tombstones: bool,
}

impl<K> Clone for Release<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Release<K> {}

/// Holds the changes of a table back, until the greatest timestamp that came by says that their time has come, or
/// until too many are held back. Each goes on as the record that made it.
pub(crate) fn ktable_suppress<K: 'static, V: 'static>(
    buffer: StoreRef<ChangeBuffer<K, V>>,
    release: Release<K>,
    bounds: &BufferBounds,
) -> impl Fn() -> KTableSuppress<K, V> + Send + Sync + use<K, V> {
    let BufferBounds { max_records, max_bytes, when_full, .. } = *bounds;
    move || KTableSuppress { buffer, release, max_records, max_bytes, when_full, observed_ms: -1 }
}

pub(crate) struct KTableSuppress<K, V> {
    buffer: StoreRef<ChangeBuffer<K, V>>,
    release: Release<K>,
    max_records: Option<usize>,
    max_bytes: Option<usize>,
    when_full: WhenFull,
    /// The greatest timestamp that came by.
    observed_ms: i64,
}

impl<K, V> KTableSuppress<K, V>
where
    K: 'static,
    V: Clone + Send + 'static,
{
    /// Lets go on what no longer has to wait.
    fn release_due(&self, context: &mut Context<'_, K, Change<V>>) -> Result<(), BoxError> {
        let due_ms = self.observed_ms.saturating_sub(self.release.wait_ms);
        while context.store(self.buffer)?.first_time().is_some_and(|time| time <= due_ms) {
            self.emit_first(context)?;
        }
        Ok(())
    }

    fn check_bounds(&self, context: &mut Context<'_, K, Change<V>>) -> Result<(), BoxError> {
        while let Some((held, most, what)) = self.excess(context)? {
            if self.when_full == WhenFull::ShutDown {
                let node = context.node_name();
                let text = format!(
                    "node `{node}` holds {held} {what} back, and its buffer may hold {most}: allow it more, or let it \
                     emit early when full"
                );
                return Err(text.into());
            }
            self.emit_first(context)?;
        }
        Ok(())
    }

    /// How much the buffer holds of what it has too much of, how much of that it may hold, and what that is.
    fn excess(
        &self,
        context: &mut Context<'_, K, Change<V>>,
    ) -> Result<Option<(usize, usize, &'static str)>, BoxError> {
        let buffer = context.store(self.buffer)?;
        let rows = self.max_records.map(|most| (buffer.len(), most, "rows"));
        let bytes = self.max_bytes.map(|most| (buffer.bytes().unwrap_or_default(), most, "bytes"));
        Ok(rows.into_iter().chain(bytes).find(|(held, most, _)| held > most))
    }

    fn emit_first(&self, context: &mut Context<'_, K, Change<V>>) -> Result<(), BoxError> {
        let first = context.store(self.buffer)?.pop_first()?;
        let Some(BufferedChange { key, new, old, origin }) = first else { return Ok(()) };
        if new.is_none() && self.release.drop_tombstones {
            return Ok(());
        }
        let change = Change::new(new, old);
        let record_context = context.context_of(&origin);
        context.with_record_context(&record_context, |context, headers| {
            context.forward(Record::new(&key, &change, origin.timestamp, headers))
        })?;
        Ok(())
    }
}

impl<K, V> Processor<K, Change<V>, K, Change<V>> for KTableSuppress<K, V>
where
    K: 'static,
    V: Clone + Send + 'static,
{
    fn process(
        &mut self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K, Change<V>>,
    ) -> Result<(), BoxError> {
        self.observed_ms = self.observed_ms.max(record.timestamp);
        let origin = context.origin();
        let time = (self.release.from)(record.key, origin.timestamp);
        let change = (record.value.old.clone(), record.value.new.clone());
        context.store(self.buffer)?.put(time, record.key, change, origin)?;
        self.release_due(context)?;
        self.check_bounds(context)
    }
}
