//! Folds the records of a grouped stream in windows of fixed times: Java's
//! `KStreamWindowAggregate`.

use std::{marker::PhantomData, ops::RangeInclusive, sync::Arc, time::Duration};

use streams_core::{
    BoxError, Headers, Record,
    processor::{Context, Processor},
    store::{StoreRef, TimestampedWindowStore},
    time::duration_ms,
    topology::NodeRef,
};

use super::{
    Nullable,
    aggregate_stream::{Folds, Row, Windowing, WindowingByTime, WindowingNulls},
    aggregation::Aggregation,
    emit_strategy::Emission,
    table_rows::row,
    window_table::{WindowRows, WindowTable, by_inner_key, drop_late},
};
use crate::{
    change::Change,
    options::EmitStrategy,
    plan::{Lowering, Name, Output, Role, Rows, Slot, TableStore},
    windows::{TimeWindows, UnlimitedWindows, Window, Windowed, time_windowed},
};

/// Windows that a record's timestamp alone says: those of time, and the one without an end.
pub(crate) trait Spans: Copy + Send + Sync + 'static {
    /// Length of a window.
    fn size(&self) -> Duration;

    /// For how long after its end a window takes records.
    fn grace_period(&self) -> Duration;

    /// The strategy by which results are emitted.
    fn emit(&self) -> EmitStrategy;

    /// The windows that a timestamp is in, by their starts.
    fn windows_for(&self, timestamp: i64) -> impl Iterator<Item = Window> + use<Self>;
}

impl Spans for TimeWindows {
    fn size(&self) -> Duration {
        Self::size(self)
    }

    fn grace_period(&self) -> Duration {
        Self::grace_period(self)
    }

    fn emit(&self) -> EmitStrategy {
        Self::emit(self)
    }

    fn windows_for(&self, timestamp: i64) -> impl Iterator<Item = Window> + use<> {
        Self::windows_for(self, timestamp)
    }
}

impl Spans for UnlimitedWindows {
    fn size(&self) -> Duration {
        Duration::from_millis(i64::MAX.unsigned_abs())
    }

    fn grace_period(&self) -> Duration {
        Duration::ZERO
    }

    fn emit(&self) -> EmitStrategy {
        EmitStrategy::on_window_update()
    }

    fn windows_for(&self, timestamp: i64) -> impl Iterator<Item = Window> + use<> {
        let start = duration_ms(self.start());
        (timestamp >= start).then_some(Window::new(start, i64::MAX)).into_iter()
    }
}

impl Windowing for TimeWindows {
    fn check(&self) -> streams_core::Result {
        Self::check(self)
    }
}

impl WindowingNulls for TimeWindows {}

impl WindowingByTime for TimeWindows {}

impl Windowing for UnlimitedWindows {
    fn check(&self) -> streams_core::Result {
        Self::check(self)
    }
}

impl WindowingNulls for UnlimitedWindows {}

impl WindowingByTime for UnlimitedWindows {}

impl<W: Spans> Folds for W {
    type Key<K: Row> = Windowed<K>;
    type Store<K: Row, VA: Row> = StoreRef<TimestampedWindowStore<K, VA>>;

    fn role(&self) -> Role {
        Role::Windowed { grace: self.grace_period() }
    }

    fn least_retention(&self) -> Duration {
        self.size().saturating_add(self.grace_period())
    }

    fn outer_key<K: Row>(&self, key: &Slot<K>) -> Slot<Windowed<K>> {
        let size = self.size();
        by_inner_key(key, move |inner| time_windowed(inner, size))
    }

    fn rows<K: Row, VA: Row>(&self, store: &TableStore<K, VA>) -> Arc<dyn Rows<Windowed<K>, VA>> {
        Arc::new(WindowRows(store.name.clone()))
    }

    fn add_store<K: Row, VA: Row>(
        &self,
        store: &TableStore<K, VA>,
        retention: Duration,
        lowering: &mut Lowering<'_>,
        node: &str,
    ) -> StoreRef<TimestampedWindowStore<K, VA>> {
        let store = store.window(lowering, node, retention);
        let store = if self.emit().is_on_close() { store.in_order_of_time() } else { store };
        lowering.add_store(store)
    }

    fn lower<K, KIn, V, V2, VA, A>(
        &self,
        lowering: &mut Lowering<'_>,
        (node, parents): (&Name, &[NodeRef<KIn, V>]),
        (name, store): (&Name, StoreRef<TimestampedWindowStore<K, VA>>),
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
        let (emit, name) = (windows.emit(), name.clone());
        lowering.table_of(node, parents, Some(store), move |output| WindowFolder {
            windows,
            table: WindowTable::new(output, duration_ms(windows.size()), emit.is_on_close()),
            emission: Emission::of(&name, emit),
            aggregation: aggregation.clone(),
            observed_stream_time: -1,
            value: PhantomData::<fn(V2)>,
        });
    }
}

/// Folds each record into the rows of the windows that it is in, by their starts, and forwards each
/// change at the greater of the record's and the row's timestamp.
///
/// A record without a key is dropped; null values are shown to the aggregation. Stream time is the
/// greatest timestamp that reached this processor, the record's own included, and is not kept over
/// a restart. A window whose end is not after stream time less the grace period is closed: the
/// record is dropped there, and counted for each such window. Old values are those of an
/// aggregation without windows.
struct WindowFolder<W, K, V, VA, A> {
    windows: W,
    table: WindowTable<K, VA>,
    emission: Option<Emission>,
    aggregation: Arc<A>,
    observed_stream_time: i64,
    value: PhantomData<fn(V)>,
}

impl<W, K, V, VA, A> WindowFolder<W, K, V, VA, A>
where
    W: Spans,
    K: Row,
    VA: Row,
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
        let Output { store: Some(store), send_old } = self.table.output else { return Ok(None) };
        let store = context.store(store)?;
        let (aggregate, timestamp) = match store.fetch(key, window.start)? {
            Some(row) => (Some(row.value.clone()), timestamp.max(row.timestamp)),
            None => (self.aggregation.initial()?, timestamp),
        };
        let forwards = self.table.forwards(store);
        let old = if forwards && send_old { aggregate.clone() } else { None };
        let new = self.aggregation.add(key, value, aggregate)?;
        let change = forwards.then(|| (Change::new(new.clone(), old), timestamp));
        store.put(key, row(new, timestamp), window.start)?;
        Ok(change)
    }

    /// Reads the rows of the open windows of a key together, if a timestamp is in several.
    fn prefetch(
        &self,
        key: &K,
        timestamp: i64,
        close_time: i64,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let Some(store) = self.table.output.store else { return Ok(()) };
        let windows = self.windows.windows_for(timestamp);
        let mut open = windows.filter(|window| window.end > close_time).map(|window| window.start);
        let Some((first, second)) = open.next().zip(open.next()) else { return Ok(()) };
        Ok(context.store(store)?.prefetch(key, [first, second].into_iter().chain(open))?)
    }

    /// The starts of the windows that close between two times.
    fn closed(&self, until: i64, close_time: i64) -> Option<RangeInclusive<i64>> {
        let size = duration_ms(self.windows.size());
        let last = close_time.saturating_sub(size);
        let first = if until == -1 { 0 } else { until.saturating_sub(size).max(0) + 1 };
        let is_new = || !self.windows.windows_for(last).eq(self.windows.windows_for(first - 1));
        (last >= 0 && (until == -1 || is_new())).then_some(first..=last)
    }

    /// Emits the windows that have closed since the last time, if it is time to look.
    fn emit(
        &mut self,
        close_time: i64,
        headers: &Headers,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let due = self.emission.as_mut().and_then(|emission| emission.due(close_time, context));
        let Some(until) = due else { return Ok(()) };
        self.emit_since(until, close_time, headers, context)
    }

    fn emit_since(
        &mut self,
        until: i64,
        close_time: i64,
        headers: &Headers,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let Some(closed) = self.closed(until, close_time) else { return Ok(()) };
        self.table.emit(closed, headers, context)?;
        if let Some(emission) = &mut self.emission {
            emission.done(close_time, context);
        }
        Ok(())
    }

    fn grace_ms(&self) -> i64 {
        duration_ms(self.windows.grace_period())
    }

    /// The last look and the close time, if stream time were `time` and windows had closed since.
    fn closes_at(&self, time: i64) -> Option<(i64, i64)> {
        let close_time = time.max(self.observed_stream_time).saturating_sub(self.grace_ms());
        Some((self.emission.as_ref()?.since(close_time)?, close_time))
    }
}

impl<W, KIn, VIn, K, V, VA, A> Processor<KIn, VIn, Windowed<K>, Change<VA>>
    for WindowFolder<W, K, V, VA, A>
where
    W: Spans,
    KIn: Nullable<K>,
    VIn: Nullable<V>,
    K: Row,
    VA: Row,
    A: Aggregation<K, V, VA>,
{
    fn init(&mut self, context: &mut Context<'_, Windowed<K>, Change<VA>>) -> Result<(), BoxError> {
        let grace_ms = self.grace_ms();
        if let Some(emission) = &mut self.emission {
            self.observed_stream_time = emission.init(grace_ms, context);
        }
        Ok(())
    }

    fn undo(&mut self, context: &mut Context<'_, Windowed<K>, Change<VA>>) {
        if let Some(emission) = &mut self.emission {
            emission.undo(context);
        }
    }

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
        let close_time = self.observed_stream_time.saturating_sub(self.grace_ms());
        self.prefetch(key, record.timestamp, close_time, context)?;
        for window in self.windows.windows_for(record.timestamp) {
            if window.end <= close_time {
                drop_late(record.timestamp, window, close_time, context);
                continue;
            }
            let change = self.update(key, (value, record.timestamp), window, context)?;
            if let Some((change, timestamp)) = change {
                let row = (key, window.start);
                self.table.forward(row, (&change, timestamp), record.headers, context)?;
            }
        }
        self.emit(close_time, record.headers, context)
    }

    fn would_close(
        &mut self,
        time: i64,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<bool, BoxError> {
        let Some((until, close_time)) = self.closes_at(time) else { return Ok(false) };
        match self.closed(until, close_time) {
            Some(closed) => self.table.has_any(closed, context),
            None => Ok(false),
        }
    }

    fn idle(
        &mut self,
        time: i64,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let Some((until, close_time)) = self.closes_at(time) else { return Ok(()) };
        self.observed_stream_time = self.observed_stream_time.max(time);
        self.emit_since(until, close_time, &Headers::new(), context)
    }

    fn flush(
        &mut self,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        self.table.flush(context)
    }
}
