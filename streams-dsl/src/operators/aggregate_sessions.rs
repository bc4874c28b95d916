//! Folds the records of a grouped stream in sessions: Java's `KStreamSessionWindowAggregate`.

use std::{marker::PhantomData, ops::RangeInclusive, sync::Arc, time::Duration};

use streams_core::{
    BoxError, Direction, Headers, Record,
    processor::{Context, Processor},
    store::{SessionStore, SessionWindow, StoreRef},
    time::duration_ms,
    topology::NodeRef,
};

use super::{
    Nullable,
    aggregate_stream::{Folds, Row, Windowing, WindowingNulls},
    aggregation::Aggregation,
    emit_strategy::Emission,
    window_table::{WindowedKey, by_inner_key, drop_late},
};
use crate::{
    change::Change,
    plan::{Connect, Lookup, Lowering, Name, Output, Role, Rows, Slot, TableGetter, TableStore},
    windows::{SessionWindows, Window, Windowed, session_windowed},
};

impl Windowing for SessionWindows {
    fn check(&self) -> streams_core::Result {
        Self::check(self)
    }
}

impl WindowingNulls for SessionWindows {}

impl Folds for SessionWindows {
    type Key<K: Row> = Windowed<K>;
    type Store<K: Row, VA: Row> = StoreRef<SessionStore<K, VA>>;

    fn role(&self) -> Role {
        Role::Windowed { grace: self.least_retention() }
    }

    fn least_retention(&self) -> Duration {
        self.inactivity_gap().saturating_add(self.grace_period())
    }

    fn outer_key<K: Row>(&self, key: &Slot<K>) -> Slot<Windowed<K>> {
        by_inner_key(key, session_windowed)
    }

    fn rows<K: Row, VA: Row>(&self, store: &TableStore<K, VA>) -> Arc<dyn Rows<Windowed<K>, VA>> {
        Arc::new(SessionRows(store.name.clone()))
    }

    fn add_store<K: Row, VA: Row>(
        &self,
        store: &TableStore<K, VA>,
        retention: Duration,
        lowering: &mut Lowering<'_>,
        node: &str,
    ) -> StoreRef<SessionStore<K, VA>> {
        let store = store.session(lowering, node, retention);
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
        (name, store): (&Name, StoreRef<SessionStore<K, VA>>),
        aggregation: Arc<A>,
    ) where
        K: Row,
        KIn: Nullable<K> + 'static,
        V: Nullable<V2> + 'static,
        V2: 'static,
        VA: Row,
        A: Aggregation<K, V2, VA>,
    {
        let (gap_ms, least) = (duration_ms(self.inactivity_gap()), self.least_retention());
        let (emit, name) = (self.emit(), name.clone());
        lowering.table_of(node, parents, Some(store), move |output| SessionFolder {
            gap_ms,
            close_ms: duration_ms(least),
            output,
            emission: Emission::of(&name, emit),
            aggregation: aggregation.clone(),
            observed_stream_time: -1,
            key: WindowedKey::new(),
            value: PhantomData::<fn(V2)>,
        });
    }
}

/// Rows in a session store.
struct SessionRows(Name);

impl<K: Row, V: Row> Rows<Windowed<K>, V> for SessionRows {
    fn getter(&self, lowering: &mut Lowering<'_>) -> Option<Lookup<Windowed<K>, V>> {
        let store = lowering.store::<SessionStore<K, V>>(&self.0)?;
        let connect: Connect = Box::new(move |topology, node| topology.connect(node, store));
        let getter = TableGetter::new(move |stores, windowed: &Windowed<K>, visit| {
            let Window { start, end } = windowed.window;
            let session = SessionWindow::new(start, end);
            let row = stores.store(store)?.fetch_session(&windowed.key, session)?;
            visit(row.map(|row| (row, end)))
        });
        Some((getter, connect))
    }
}

/// Folds each record into the session that it makes with those within the gap of it: they become
/// one, and its change is forwarded at its end, behind tombstones of those that it was made of.
///
/// A record without a key is dropped; null values are shown to the aggregation. Stream time is the
/// greatest timestamp that reached this processor, the record's own included, and is not kept over
/// a restart. A session that ends before stream time less gap and grace period is closed: a record
/// that would only be part of such a one is dropped and counted.
struct SessionFolder<K, V, VA, A> {
    gap_ms: i64,
    /// The gap and the grace period.
    close_ms: i64,
    output: Output<SessionStore<K, VA>>,
    emission: Option<Emission>,
    aggregation: Arc<A>,
    observed_stream_time: i64,
    key: WindowedKey<K>,
    value: PhantomData<fn(V)>,
}

/// The session that a record and the sessions within its gap make together.
struct Merged<VA> {
    window: SessionWindow,
    /// Each with its value, if old values are sent.
    sessions: Vec<(SessionWindow, Option<VA>)>,
    aggregate: Option<VA>,
}

impl<K, V, VA, A> SessionFolder<K, V, VA, A>
where
    K: Row,
    VA: Row,
    A: Aggregation<K, V, VA>,
{
    fn merge(
        &self,
        key: &K,
        timestamp: i64,
        (store, send_old): (&mut SessionStore<K, VA>, bool),
    ) -> Result<Merged<VA>, BoxError> {
        let (earliest, latest) =
            (timestamp.saturating_sub(self.gap_ms), timestamp.saturating_add(self.gap_ms));
        let mut window = SessionWindow::new(timestamp, timestamp);
        let mut aggregate = self.aggregation.initial()?;
        let found = store.find_sessions(key, earliest, latest, Direction::Forward)?;
        let mut sessions = Vec::with_capacity(found.len());
        for (session, value) in found {
            sessions.push((session, send_old.then(|| value.clone())));
            aggregate = self.aggregation.merge(key, aggregate, value)?;
            window.start = window.start.min(session.start);
            window.end = window.end.max(session.end);
        }
        Ok(Merged { window, sessions, aggregate })
    }

    /// Folds a record into the session that it makes.
    fn update(
        &mut self,
        key: &K,
        (value, timestamp): (&V, i64),
        store_ref: StoreRef<SessionStore<K, VA>>,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let store = context.store(store_ref)?;
        let forwards = !store.caching() && self.emission.is_none();
        let send_old = forwards && self.output.send_old;
        let Merged { window, sessions, aggregate } =
            self.merge(key, timestamp, (&mut *store, send_old))?;
        let close_time = self.observed_stream_time.saturating_sub(self.close_ms);
        if window.end < close_time {
            drop_late(timestamp, Window::new(window.start, window.end), close_time, context);
            return Ok(());
        }
        let new = self.aggregation.add(key, value, aggregate)?;
        let is_grown = window != SessionWindow::new(timestamp, timestamp);
        if is_grown {
            for (session, _) in &sessions {
                store.remove(key, *session)?;
            }
        }
        if !forwards {
            store.put(key, window, new)?;
            return Ok(());
        }
        store.put(key, window, new.clone())?;
        // An update has no headers, as in Java.
        let headers = Headers::new();
        for (session, old) in sessions.into_iter().filter(|_| is_grown) {
            self.forward((key, session), &Change::new(None, old), &headers, context)?;
        }
        self.forward((key, window), &Change::new(new, None), &headers, context)
    }

    /// Forwards the change of a session at its end.
    fn forward(
        &mut self,
        (key, window): (&K, SessionWindow),
        change: &Change<VA>,
        headers: &Headers,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let windowed = self.key.of(key, Window::new(window.start, window.end));
        context.forward(Record::new(windowed, change, window.end, headers))?;
        Ok(())
    }

    /// The ends of the sessions that close between two times. The end of a session is in it: one
    /// that ends at the close time is open.
    fn closed(until: i64, close_time: i64) -> Option<RangeInclusive<i64>> {
        let last = close_time.saturating_sub(1);
        (last >= 0).then_some(until.max(0)..=last)
    }

    /// Emits the sessions that have closed since the last time, with the headers of the record that
    /// closed them, if it is time to look.
    fn emit(
        &mut self,
        store: StoreRef<SessionStore<K, VA>>,
        headers: &Headers,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let close_time = self.observed_stream_time.saturating_sub(self.close_ms);
        let due = self.emission.as_mut().and_then(|emission| emission.due(close_time, context));
        let Some(until) = due else { return Ok(()) };
        self.emit_since((until, close_time), store, headers, context)
    }

    fn emit_since(
        &mut self,
        (until, close_time): (i64, i64),
        store: StoreRef<SessionStore<K, VA>>,
        headers: &Headers,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let Some(closed) = Self::closed(until, close_time) else { return Ok(()) };
        for (key, window, value) in context.store(store)?.find_closed(closed)? {
            let change = Change::new(Some(value), None);
            self.forward((&key, window), &change, headers, context)?;
        }
        if let Some(emission) = &mut self.emission {
            emission.done(close_time, context);
        }
        Ok(())
    }

    /// The last look and the close time, if stream time were `time` and sessions had closed since.
    fn closes_at(&self, time: i64) -> Option<(i64, i64)> {
        let close_time = time.max(self.observed_stream_time).saturating_sub(self.close_ms);
        Some((self.emission.as_ref()?.since(close_time)?, close_time))
    }
}

impl<KIn, VIn, K, V, VA, A> Processor<KIn, VIn, Windowed<K>, Change<VA>>
    for SessionFolder<K, V, VA, A>
where
    KIn: Nullable<K>,
    VIn: Nullable<V>,
    K: Row,
    VA: Row,
    A: Aggregation<K, V, VA>,
{
    fn init(&mut self, context: &mut Context<'_, Windowed<K>, Change<VA>>) -> Result<(), BoxError> {
        if let Some(emission) = &mut self.emission {
            self.observed_stream_time = emission.init(self.close_ms, context);
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
        // A session takes null values, too: they are of the type of the values then.
        let (Some(key), Some(value)) = (record.key.as_value(), record.value.as_value()) else {
            context.drop_record("its key is null");
            return Ok(());
        };
        self.observed_stream_time = self.observed_stream_time.max(record.timestamp);
        let Some(store) = self.output.store else { return Ok(()) };
        self.update(key, (value, record.timestamp), store, context)?;
        self.emit(store, record.headers, context)
    }

    fn would_close(
        &mut self,
        time: i64,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<bool, BoxError> {
        let Some(store) = self.output.store else { return Ok(false) };
        let times = self.closes_at(time);
        let closed = times.and_then(|(until, close_time)| Self::closed(until, close_time));
        let Some(closed) = closed else { return Ok(false) };
        Ok(!context.store(store)?.find_closed(closed)?.is_empty())
    }

    fn idle(
        &mut self,
        time: i64,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let Some((times, store)) = self.closes_at(time).zip(self.output.store) else {
            return Ok(());
        };
        self.observed_stream_time = self.observed_stream_time.max(time);
        self.emit_since(times, store, &Headers::new(), context)
    }

    fn flush(
        &mut self,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let Output { store: Some(store), send_old } = self.output else { return Ok(()) };
        while let Some(pending) = context.store(store)?.next_pending(send_old)? {
            let change = Change::new(pending.new, pending.old);
            let SessionWindow { start, end } = pending.window;
            let key = Windowed::new(pending.key, Window::new(start, end));
            context.with_record_context(&pending.context, |context, headers| {
                context.forward(Record::new(&key, &change, end, headers))
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use streams_core::{
        serde::{long, string},
        testing::TopologyTestDriver,
    };

    use crate::{SessionWindows, StreamsBuilder, StreamsConfig};

    fn driver() -> TopologyTestDriver {
        let builder = StreamsBuilder::new();
        let second = Duration::from_secs(1);
        let sessions = SessionWindows::of_inactivity_gap_and_grace(second, 2 * second);
        let clicks = builder.stream::<String, String>("clicks").group_by_key();
        clicks.windowed_by(sessions).count().to_stream_with_key(|w, _| w.to_string()).to("counts");
        let config = StreamsConfig::new("sessions", "localhost:9092");
        let config = config.set("statestore.cache.max.bytes", 0);
        TopologyTestDriver::new(&builder.build().unwrap(), config).unwrap()
    }

    /// The counts that come of clicks of one user at these times; `None` for a deleted session.
    fn counts(times: &[i64]) -> Vec<(String, Option<i64>)> {
        let driver = driver();
        let mut clicks = driver.input_topic("clicks", string(), string());
        for time in times {
            clicks.pipe_input("ann".to_owned(), "click".to_owned(), *time).unwrap();
        }
        let option = streams_core::serde::option(long());
        let counts = driver.output_topic("counts", string(), option);
        counts.read_key_values_to_list().unwrap()
    }

    #[test]
    fn a_record_that_comes_between_two_sessions_makes_them_one() {
        let key = |start: i64, end: i64| format!("[ann@{start}/{end}]");
        let expected = [
            (key(0, 0), Some(1)),
            (key(2_000, 2_000), Some(1)),
            (key(0, 0), None),
            (key(2_000, 2_000), None),
            (key(0, 2_000), Some(3)),
        ];
        assert_eq!(counts(&[0, 2_000, 1_000]), expected);
    }

    #[test]
    fn a_session_is_closed_when_stream_time_has_passed_gap_and_grace() {
        assert_eq!(counts(&[0, 3_000, 0]).len(), 3, "at the very time it still takes records");
        assert_eq!(counts(&[0, 3_001, 0]).len(), 2);
    }
}
