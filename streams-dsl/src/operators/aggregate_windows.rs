//! How the records of a grouped stream are folded in time windows: Java's `KStreamWindowAggregate`.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
    store::{StoreBuilder, TimestampedWindowStore},
    time::duration_ms,
    topology::NodeRef,
};

use super::{
    Nullable,
    aggregate_stream::{Folds, Row, Windowing},
    aggregation::Aggregation,
    table_rows::row,
};
use crate::{
    change::Change,
    plan::{Connect, Lookup, Lowering, Name, Output, Role, Rows, Slot, TableGetter, TableStore},
    windows::{TimeWindows, Window, Windowed, time_windowed, windowed_partitioner},
};

impl Windowing for TimeWindows {}

impl Folds for TimeWindows {
    type Key<K: Row> = Windowed<K>;
    type Store<K: Row, VA: Row> = TimestampedWindowStore<K, VA>;

    fn role(&self) -> Role {
        Role::Windowed { grace: self.grace_period() }
    }

    fn least_retention(&self) -> Duration {
        self.size().saturating_add(self.grace_period())
    }

    fn inner_key<K: Row>(&self, _key: &Slot<Windowed<K>>) -> Slot<K> {
        Slot::unknown()
    }

    /// Made of that of the keys; partitions are those of the keys.
    fn outer_key<K: Row>(&self, key: &Slot<K>) -> Slot<Windowed<K>> {
        let size = self.size();
        let slot = key.map(move |inner| time_windowed(inner, size));
        slot.partitioned_by(key, |inner| {
            let by_key = windowed_partitioner::<K, ()>(inner);
            Arc::new(move |topic, windowed, partitions| by_key(topic, windowed, &(), partitions))
        })
    }

    fn rows<K: Row, VA: Row>(&self, store: &Name) -> Arc<dyn Rows<Windowed<K>, VA>> {
        Arc::new(WindowRows(store.clone()))
    }

    fn store<K: Row, VA: Row>(
        &self,
        store: &TableStore<K, VA>,
        retention: Duration,
        lowering: &mut Lowering<'_>,
        node: &str,
    ) -> StoreBuilder<TimestampedWindowStore<K, VA>> {
        store.window(lowering, node, retention)
    }

    fn lower<K, KIn, V, V2, VA, A>(
        &self,
        lowering: &mut Lowering<'_>,
        (node, parents): (&Name, &[NodeRef<KIn, V>]),
        store: StoreBuilder<TimestampedWindowStore<K, VA>>,
        aggregation: Arc<A>,
    ) where
        K: Row,
        KIn: Nullable<K> + 'static,
        V: Nullable<V2> + 'static,
        V2: 'static,
        VA: Row,
        A: Aggregation<K, V2, VA>,
    {
        let windows = *self;
        lowering.table(node, parents, Some(store), move |output| WindowFolder {
            windows,
            output,
            aggregation: aggregation.clone(),
            observed_stream_time: -1,
            windowed: None,
            value: PhantomData::<fn(V2)>,
        });
    }
}

/// Rows in a window store.
struct WindowRows(Name);

impl<K: Row, V: Row> Rows<Windowed<K>, V> for WindowRows {
    fn getter(&self, lowering: &mut Lowering<'_>) -> Option<Lookup<Windowed<K>, V>> {
        let store = lowering.store::<TimestampedWindowStore<K, V>>(&self.0)?;
        let connect: Connect = Box::new(move |topology, node| topology.connect(node, store));
        let getter = TableGetter::new(move |stores, windowed: &Windowed<K>, visit| {
            let row = stores.store(store)?.fetch(&windowed.key, windowed.window.start)?;
            visit(row.map(|row| (&row.value, row.timestamp)))
        });
        Some((getter, connect))
    }
}

/// Folds each record into the rows of the windows that it is in, by their starts, and forwards each
/// change at the greater of the record's and the row's timestamp.
///
/// A record without a key is dropped; null values are shown to the aggregation. Stream time is the
/// greatest timestamp that reached this processor, the record's own included, and is not kept over
/// a restart. A window whose end is not after stream time less the grace period is closed: the
/// record is dropped there, and counted for each such window. Old values are those of an aggregation without windows.
struct WindowFolder<K, V, VA, A> {
    windows: TimeWindows,
    output: Output<TimestampedWindowStore<K, VA>>,
    aggregation: Arc<A>,
    observed_stream_time: i64,
    /// The key that was forwarded last: its memory serves the next one.
    windowed: Option<Windowed<K>>,
    value: PhantomData<fn(V)>,
}

impl<K, V, VA, A> WindowFolder<K, V, VA, A>
where
    K: Clone + 'static,
    VA: Clone + Send + 'static,
    A: Aggregation<K, V, VA>,
{
    /// Folds the record into one window. The change and its timestamp, unless the store is cached.
    fn update(
        &self,
        key: &K,
        (value, timestamp): (&V, i64),
        window: Window,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<Option<(Change<VA>, i64)>, BoxError> {
        let Output { store: Some(store), send_old } = self.output else { return Ok(None) };
        let store = context.store(store)?;
        let (aggregate, timestamp) = match store.fetch(key, window.start)? {
            Some(row) => (Some(row.value.clone()), timestamp.max(row.timestamp)),
            None => (self.aggregation.initial()?, timestamp),
        };
        let forwards = !store.caching();
        let old = if forwards && send_old { aggregate.clone() } else { None };
        let new = self.aggregation.add(key, value, aggregate)?;
        let change = forwards.then(|| (Change::new(new.clone(), old), timestamp));
        store.put(key, row(new, timestamp), window.start)?;
        Ok(change)
    }

    fn windowed(&mut self, key: &K, window: Window) -> &Windowed<K> {
        match &mut self.windowed {
            Some(windowed) => {
                windowed.key.clone_from(key);
                windowed.window = window;
                windowed
            }
            none => none.insert(Windowed::new(key.clone(), window)),
        }
    }
}

impl<KIn, VIn, K, V, VA, A> Processor<KIn, VIn, Windowed<K>, Change<VA>>
    for WindowFolder<K, V, VA, A>
where
    KIn: Nullable<K>,
    VIn: Nullable<V>,
    K: Clone + Send + 'static,
    VA: Clone + Send + 'static,
    A: Aggregation<K, V, VA>,
{
    fn process(
        &mut self,
        record: Record<'_, KIn, VIn>,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        // A window takes null values, too: they are of the type of the values then.
        let (Some(key), Some(value)) = (record.key.as_value(), record.value.as_value()) else {
            context.drop_record("its key is null");
            return Ok(());
        };
        self.observed_stream_time = self.observed_stream_time.max(record.timestamp);
        let grace = duration_ms(self.windows.grace_period());
        let close_time = self.observed_stream_time.saturating_sub(grace);
        for window in self.windows.windows_for(record.timestamp) {
            if window.end <= close_time {
                drop_late(record.timestamp, window, close_time, context);
                continue;
            }
            let change = self.update(key, (value, record.timestamp), window, context)?;
            if let Some((change, timestamp)) = change {
                let windowed = self.windowed(key, window);
                context.forward(Record::new(windowed, &change, timestamp, record.headers))?;
            }
        }
        Ok(())
    }

    fn flush(
        &mut self,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let Output { store: Some(store), send_old } = self.output else { return Ok(()) };
        while let Some(pending) = context.store(store)?.next_pending(send_old)? {
            let written_at = pending.context.timestamp;
            let timestamp = pending.new.as_ref().map_or(written_at, |row| row.timestamp);
            let new = pending.new.map(|row| row.value);
            let change = Change::new(new, pending.old.map(|row| row.value));
            let end = pending.start.saturating_add(duration_ms(self.windows.size()));
            let key = Windowed::new(pending.key, Window::new(pending.start, end));
            context.with_record_context(&pending.context, |context, headers| {
                context.forward(Record::new(&key, &change, timestamp, headers))
            })?;
        }
        Ok(())
    }
}

#[cold]
fn drop_late<K, V>(
    timestamp: i64,
    window: Window,
    close_time: i64,
    context: &mut Context<'_, K, V>,
) {
    context.drop_record(&format!(
        "its timestamp {timestamp} is in the window {window}, which closed at {close_time}"
    ));
}
