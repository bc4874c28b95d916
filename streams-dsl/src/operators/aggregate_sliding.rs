//! Folds the records of a grouped stream in sliding windows: Java's
//! `KStreamSlidingWindowAggregate`.

use std::{
    marker::PhantomData,
    ops::{ControlFlow, RangeInclusive},
    sync::Arc,
    time::Duration,
};

use streams_core::{
    BoxError, Direction, Headers, Record,
    processor::{Context, Processor},
    store::{StoreRef, TimestampedWindowStore, ValueAndTimestamp},
    time::duration_ms,
    topology::NodeRef,
};

use super::{
    Nullable,
    aggregate_stream::{Folds, Row, Windowing},
    aggregation::Aggregation,
    emit_strategy::Emission,
    table_rows::row,
    window_table::{WindowRows, WindowTable, by_inner_key, drop_late},
};
use crate::{
    change::Change,
    plan::{Lowering, Name, Output, Role, Rows, Slot, TableStore},
    windows::{SlidingWindows, Windowed, time_windowed},
};

impl Windowing for SlidingWindows {
    fn check(&self) -> streams_core::Result {
        Self::check(self)
    }
}

impl Folds for SlidingWindows {
    type Key<K: Row> = Windowed<K>;
    type Store<K: Row, VA: Row> = StoreRef<TimestampedWindowStore<K, VA>>;

    fn role(&self) -> Role {
        Role::Windowed { grace: self.grace_period() }
    }

    /// A record is told where its windows are by those that begin up to twice the difference before
    /// it.
    fn least_retention(&self) -> Duration {
        self.time_difference().saturating_mul(2).saturating_add(self.grace_period())
    }

    fn outer_key<K: Row>(&self, key: &Slot<K>) -> Slot<Windowed<K>> {
        let difference = self.time_difference();
        by_inner_key(key, move |inner| time_windowed(inner, difference))
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
        let store = if self.emits_on_close() {
            store.in_order_of_time().with_caching_disabled()
        } else {
            store
        };
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
        let difference_ms = duration_ms(self.time_difference());
        let grace_ms = duration_ms(self.grace_period());
        let (emit, name) = (self.emit(), name.clone());
        lowering.table_of(node, parents, Some(store), move |output| SlidingFolder {
            difference_ms,
            grace_ms,
            table: WindowTable::new(output, difference_ms, emit.is_on_close()),
            emission: Emission::of(&name, emit),
            aggregation: aggregation.clone(),
            observed_stream_time: -1,
            found: Vec::new(),
            starts: Vec::new(),
            value: PhantomData::<fn(V2)>,
        });
    }
}

/// Folds each record into the windows that are there and cover it, then makes those that are
/// missing: the one that begins behind the record before it, the one that it ends, and the one that
/// begins behind it.
///
/// The timestamp of a row is that of the last record in its window, and tells where the record
/// before lies. A record without a key or value is dropped. Stream time is as in windows of time. A
/// window that ends before stream time less the grace period is closed, and a record for which no
/// window can be open is dropped at once. Records earlier than the difference share the window from
/// 0, for no window begins before the epoch.
struct SlidingFolder<K, V, VA, A> {
    difference_ms: i64,
    grace_ms: i64,
    table: WindowTable<K, VA>,
    emission: Option<Emission>,
    aggregation: Arc<A>,
    observed_stream_time: i64,
    /// The windows that were found last, and their starts: buffers.
    found: Vec<Found<VA>>,
    starts: Vec<i64>,
    value: PhantomData<fn(V)>,
}

/// The start of a window and its row.
type Found<VA> = (i64, ValueAndTimestamp<VA>);

/// A record, and the time before whose end windows are closed.
struct Incoming<'r, K, V> {
    key: &'r K,
    value: &'r V,
    timestamp: i64,
    headers: &'r Headers,
    close_time: i64,
}

/// The windows around a record, as far as they are known.
struct Around<VA> {
    /// Timestamp of the record before.
    previous: Option<i64>,
    /// The row of the window that ends last before the record.
    left: Option<ValueAndTimestamp<VA>>,
    /// The row, before the record, of the window that begins last and covers it.
    right: Option<ValueAndTimestamp<VA>>,
    has_left: bool,
    has_right: bool,
}

impl<VA> Around<VA> {
    fn nothing() -> Self {
        Self { previous: None, left: None, right: None, has_left: false, has_right: false }
    }

    /// The row of the window that begins behind the record, if records are in it and it is not
    /// there.
    fn missing_right(self, timestamp: i64) -> Option<ValueAndTimestamp<VA>> {
        self.right.filter(|right| !self.has_right && right.timestamp > timestamp)
    }
}

impl<K, V, VA, A> SlidingFolder<K, V, VA, A>
where
    K: Row,
    VA: Row,
    A: Aggregation<K, V, VA>,
{
    /// The windows of a key that begin from `first` to behind `timestamp`, the last one first, to
    /// the first that ends before `timestamp`.
    fn find(
        &mut self,
        key: &K,
        first: i64,
        timestamp: i64,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<Vec<Found<VA>>, BoxError> {
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        self.starts.clear();
        let Some(store) = self.table.output.store else { return Ok(found) };
        let difference_ms = self.difference_ms;
        let times = first..=timestamp.saturating_add(1);
        context.store(store)?.visit_range(key, times, Direction::Backward, |start, row| {
            found.push((start, row.clone()));
            if start.saturating_add(difference_ms) < timestamp {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        Ok(found)
    }

    /// Folds a record into the windows around it.
    fn fold(
        &mut self,
        record: &Incoming<'_, K, V>,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let timestamp = record.timestamp;
        let first = timestamp.saturating_sub(self.difference_ms.saturating_mul(2)).max(0);
        let mut found = self.find(record.key, first, timestamp, context)?;
        let mut around = Around::nothing();
        let mut is_last = false;
        for (start, row) in found.drain(..) {
            self.starts.push(start);
            let end = start.saturating_add(self.difference_ms);
            if start > timestamp {
                around.has_right = true;
            } else if end > timestamp {
                self.update(record, start, Some(&row), context)?;
                around.right = around.right.or(Some(row));
            } else if end == timestamp {
                around.has_left = true;
                self.update(record, start, Some(&row), context)?;
                // With another record of this time, all windows are there already.
                is_last = row.timestamp >= timestamp;
                around.previous = Some(row.timestamp);
            } else {
                around.previous = Some(row.timestamp);
                around.left = Some(row);
            }
            if is_last {
                break;
            }
        }
        self.found = found;
        if is_last { Ok(()) } else { self.create(record, around, context) }
    }

    /// Makes the windows that are missing.
    fn create(
        &mut self,
        record: &Incoming<'_, K, V>,
        around: Around<VA>,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let timestamp = record.timestamp;
        if let Some(previous) = around.previous {
            let start = previous.saturating_add(1);
            let reaches = start.saturating_add(self.difference_ms) >= timestamp;
            if reaches && !self.starts.contains(&start) {
                self.begin(record, start, context)?;
            }
        }
        if !around.has_left {
            let start = timestamp.saturating_sub(self.difference_ms);
            match &around.left {
                Some(left) if around.previous.is_some_and(|previous| previous >= start) => {
                    let row = ValueAndTimestamp { value: left.value.clone(), timestamp };
                    self.update(record, start, Some(&row), context)?;
                }
                _ => self.begin(record, start, context)?,
            }
        }
        match around.missing_right(timestamp) {
            Some(right) => self.copy_right(record, right, context),
            None => Ok(()),
        }
    }

    /// Folds a record that is earlier than the difference, whose window would begin before the
    /// epoch: it is in the one from 0 with all records up to the difference.
    fn fold_early(
        &mut self,
        record: &Incoming<'_, K, V>,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let timestamp = record.timestamp;
        let mut found = self.find(record.key, 0, timestamp, context)?;
        let mut around = Around::nothing();
        let mut combined = None;
        for (start, row) in found.drain(..).rev() {
            self.starts.push(start);
            if start == 0 {
                around.previous = Some(row.timestamp).filter(|previous| *previous < timestamp);
                combined = Some(row);
            } else if start <= timestamp {
                self.update(record, start, Some(&row), context)?;
                around.right = Some(row);
            } else {
                around.has_right = true;
            }
        }
        self.found = found;
        let later = || combined.clone().filter(|row| row.timestamp > timestamp);
        around.right = around.right.take().or_else(later);
        let behind = around.previous.map(|previous| previous.saturating_add(1));
        let behind = behind.filter(|start| !self.starts.contains(start));
        if let Some(right) = around.missing_right(timestamp) {
            self.copy_right(record, right, context)?;
        }
        if let Some(start) = behind {
            self.begin(record, start, context)?;
        }
        match combined {
            Some(combined) => self.update(record, 0, Some(&combined), context),
            None => self.begin(record, 0, context),
        }
    }

    /// Makes a window in which the record is the first.
    fn begin(
        &mut self,
        record: &Incoming<'_, K, V>,
        start: i64,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let initial = row(self.aggregation.initial()?, record.timestamp);
        self.update(record, start, initial.as_ref(), context)
    }

    /// Folds a record into one window, of which the row was `stored`.
    fn update(
        &mut self,
        record: &Incoming<'_, K, V>,
        start: i64,
        stored: Option<&ValueAndTimestamp<VA>>,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let window = self.table.window(start);
        if window.end < record.close_time {
            drop_late(record.timestamp, window, record.close_time, context);
            return Ok(());
        }
        let aggregate = stored.map(|row| row.value.clone());
        let timestamp = stored.map_or(record.timestamp, |row| row.timestamp.max(record.timestamp));
        let old = if self.table.output.send_old { aggregate.clone() } else { None };
        let new = self.aggregation.add(record.key, record.value, aggregate)?;
        self.set(record, start, (new, old, timestamp), context)
    }

    /// Makes the window that begins behind the record: what the window that covers both had before
    /// the record.
    fn copy_right(
        &mut self,
        record: &Incoming<'_, K, V>,
        right: ValueAndTimestamp<VA>,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let start = record.timestamp.saturating_add(1);
        self.set(record, start, (Some(right.value), None, right.timestamp), context)
    }

    /// The starts of the windows that close between two times. The end of a window is in it: one
    /// that ends at the close time is open.
    fn closed(&self, until: i64, close_time: i64) -> Option<RangeInclusive<i64>> {
        let last = close_time.saturating_sub(self.difference_ms).saturating_sub(1);
        let first = until.saturating_sub(self.difference_ms).max(0);
        (last >= 0).then_some(first..=last)
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

    /// The last look and the close time, if stream time were `time` and windows had closed since.
    fn closes_at(&self, time: i64) -> Option<(i64, i64)> {
        let close_time = time.max(self.observed_stream_time).saturating_sub(self.grace_ms);
        Some((self.emission.as_ref()?.since(close_time)?, close_time))
    }

    /// Sets the row of a window, and forwards its change unless the store is cached.
    fn set(
        &mut self,
        record: &Incoming<'_, K, V>,
        start: i64,
        (new, old, timestamp): (Option<VA>, Option<VA>, i64),
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let Output { store: Some(store), .. } = self.table.output else { return Ok(()) };
        let store = context.store(store)?;
        if !self.table.forwards(store) {
            store.put(record.key, row(new, timestamp), start)?;
            return Ok(());
        }
        store.put(record.key, row(new.clone(), timestamp), start)?;
        let change = Change::new(new, old);
        self.table.forward((record.key, start), (&change, timestamp), record.headers, context)
    }
}

impl<KIn, VIn, K, V, VA, A> Processor<KIn, VIn, Windowed<K>, Change<VA>>
    for SlidingFolder<K, V, VA, A>
where
    KIn: Nullable<K>,
    VIn: Nullable<V>,
    K: Row,
    VA: Row,
    A: Aggregation<K, V, VA>,
{
    fn init(&mut self, context: &mut Context<'_, Windowed<K>, Change<VA>>) -> Result<(), BoxError> {
        if let Some(emission) = &mut self.emission {
            self.observed_stream_time = emission.init(self.grace_ms, context);
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
        let (Some(key), Some(value)) = (record.key.as_value(), record.value.as_value()) else {
            context.drop_record("its key or value is null");
            return Ok(());
        };
        let Record { timestamp, headers, .. } = record;
        self.observed_stream_time = self.observed_stream_time.max(timestamp);
        let close_time = self.observed_stream_time.saturating_sub(self.grace_ms);
        if timestamp.saturating_add(self.difference_ms) < close_time {
            drop_late(timestamp, self.table.window(timestamp), close_time, context);
            return Ok(());
        }
        let record = &Incoming { key, value, timestamp, headers, close_time };
        if timestamp < self.difference_ms {
            return self.fold_early(record, context);
        }
        self.fold(record, context)?;
        self.emit(close_time, headers, context)
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use streams_core::{
        serde::{option, string},
        testing::TopologyTestDriver,
    };

    use crate::{SlidingWindows, StreamsBuilder, StreamsConfig};

    /// Contents of each window, by its times, after records with these times have come in this
    /// order: the times themselves, in order.
    fn windows(difference_ms: u64, times: &[i64]) -> BTreeMap<String, String> {
        let builder = StreamsBuilder::new();
        let (difference, grace) = (Duration::from_millis(difference_ms), Duration::from_secs(9));
        let sliding = SlidingWindows::of_time_difference_and_grace(difference, grace);
        let seen = builder.stream::<String, String>("times").group_by_key().windowed_by(sliding);
        let add = |_: &String, time: &String, seen: String| {
            let mut times: Vec<i64> = seen.split_whitespace().flat_map(str::parse).collect();
            times.extend(time.parse::<i64>());
            times.sort_unstable();
            times.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        let table = seen.aggregate(String::new, add);
        table.to_stream_with_key(|w, _| w.window.to_string()).to("windows");
        let config =
            StreamsConfig::new("sliding", "localhost:9092").set("statestore.cache.max.bytes", 0);
        let driver = TopologyTestDriver::new(&builder.build().unwrap(), config).unwrap();
        let mut input = driver.input_topic("times", string(), string());
        for time in times {
            input.pipe_input("k".to_owned(), time.to_string(), *time).unwrap();
        }
        let output = driver.output_topic("windows", string(), option(string()));
        let changes = output.read_key_values_to_list().unwrap().into_iter();
        changes.filter_map(|(window, seen)| Some((window, seen?))).collect()
    }

    /// The windows that there must be: one that ends at each record, and one that begins behind
    /// each record which is not the last within the difference; each with all records in it.
    fn expected(difference_ms: i64, times: &[i64]) -> BTreeMap<String, String> {
        let mut times = times.to_vec();
        times.sort_unstable();
        let starts = times.iter().flat_map(|time| [(time - difference_ms).max(0), time + 1]);
        let within = |start: i64| {
            let end = start + difference_ms;
            let inside = times.iter().filter(|time| (start..=end).contains(*time));
            let seen = inside.map(ToString::to_string).collect::<Vec<_>>().join(" ");
            (format!("{start}/{end}"), seen)
        };
        starts.map(within).filter(|(_, seen)| !seen.is_empty()).collect()
    }

    #[test]
    fn each_record_ends_a_window_and_begins_one_if_another_follows() {
        let seen = windows(10, &[20, 25]);
        let expected = [("10/20", "20"), ("15/25", "20 25"), ("21/31", "25")];
        let expected = expected.map(|(window, times)| (window.to_owned(), times.to_owned()));
        assert_eq!(seen, expected.into());
    }

    /// In whatever order records come, within the grace period, the windows are those of the set of
    /// records.
    #[test]
    fn windows_do_not_depend_on_the_order_of_records() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        for _ in 0..300 {
            let count = 1 + next(12);
            let times: Vec<i64> = (0..count).map(|_| next(60).cast_signed()).collect();
            let difference = 1 + next(20);
            let expected = expected(difference.cast_signed(), &times);
            assert_eq!(windows(difference, &times), expected, "{difference} ms of {times:?}");
        }
    }
}
