//! A join of a stream with a table that waits for late updates of the table (KIP-923).

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
    store::{
        StoreRef, Stores,
        operator::{BufferedRecord, RecordBuffer},
    },
    time::duration_ms,
};

use super::{
    Nullable,
    join_table::{Join, TableKey},
};
use crate::plan::{DrawnStream, Lowering, Name, Rows, Sketch, Slot, Step};

/// Settings of a join that waits.
pub(super) struct Waiting<K, V> {
    buffer: Name,
    grace_ms: i64,
    key_serde: Slot<K>,
    value_serde: Slot<V>,
}

impl<K: 'static, V: 'static> Waiting<K, V> {
    /// Reads the option of the join; notes a mistake if rows of the table can't be looked up by
    /// time.
    pub(super) fn of<KT, VT>(
        step: &Step,
        (name, stream): (&Name, &DrawnStream<K, V>),
        rows: &Arc<dyn Rows<KT, VT>>,
        sketch: &mut Sketch<'_>,
    ) -> Option<Self> {
        let grace = step.options.grace()?;
        match rows.history() {
            None => sketch.problem(
                step.caller,
                "a join with a grace period needs a versioned table: `Materialized::versioned`",
            ),
            Some(history) if history < grace => {
                let text = format!(
                    "the history of the table, {history:?}, is shorter than the grace period of the join, {grace:?}"
                );
                sketch.problem(step.caller, text);
            }
            Some(_) => {}
        }
        Some(Self {
            buffer: format!("{name}-Buffer").into(),
            grace_ms: duration_ms(grace),
            key_serde: stream.key_serde.clone(),
            value_serde: stream.value_serde.clone(),
        })
    }

    /// Adds the buffer.
    pub(super) fn lower(
        &self,
        lowering: &mut Lowering<'_>,
        node: &Name,
    ) -> (StoreRef<RecordBuffer<K, V>>, i64) {
        let key = lowering.serde(&self.key_serde, node, "key");
        let value = lowering.serde(&self.value_serde, node, "value");
        let buffer = Stores::record_buffer(self.buffer.clone(), key, value);
        let in_memory = lowering.settings().in_memory_stores;
        let buffer = if in_memory { buffer.in_memory() } else { buffer };
        (lowering.add_store(buffer), self.grace_ms)
    }
}

/// Joins records when stream time, which is that of this node and begins anew with each task, is
/// the grace period later than they are.
pub(super) struct WaitingJoin<K, VIn, KT, V, VT, F> {
    join: Join<KT, V, VT, F>,
    buffer: StoreRef<RecordBuffer<K, VIn>>,
    grace_ms: i64,
    stream_time: i64,
}

impl<K, VIn, KT, V, VT, F> WaitingJoin<K, VIn, KT, V, VT, F> {
    pub(super) const fn new(
        join: Join<KT, V, VT, F>,
        (buffer, grace_ms): (StoreRef<RecordBuffer<K, VIn>>, i64),
    ) -> Self {
        Self { join, buffer, grace_ms, stream_time: -1 }
    }
}

impl<K, VIn, KT, V, VT, VR, F> Processor<K, VIn, K, VR> for WaitingJoin<K, VIn, KT, V, VT, F>
where
    K: 'static,
    VIn: Nullable<V> + 'static,
    KT: TableKey<K> + 'static,
    VT: 'static,
    F: Fn(&K, &V, Option<&VT>) -> Result<Option<VR>, BoxError> + Send + Sync,
{
    fn process(
        &mut self,
        record: Record<'_, K, VIn>,
        context: &mut Context<'_, K, VR>,
    ) -> Result<(), BoxError> {
        self.stream_time = self.stream_time.max(record.timestamp);
        let Some(value) = self.join.value_of(record, context) else { return Ok(()) };
        let due = self.stream_time.saturating_sub(self.grace_ms);
        if record.timestamp < due || KT::of(record.key).is_none() {
            self.join.join(record.with_value(value), context)?;
        } else {
            let origin = context.origin();
            context.store(self.buffer)?.put(record, origin)?;
        }
        while let Some(BufferedRecord { key, value, origin }) =
            context.store(self.buffer)?.pop_until(due)?
        {
            let Some(value) = value.as_value() else { continue };
            let record_context = context.context_of(&origin);
            context.with_record_context(&record_context, |context, headers| {
                let record = Record::new(&key, value, origin.timestamp, headers);
                self.join.join(record, context)
            })?;
        }
        Ok(())
    }
}
