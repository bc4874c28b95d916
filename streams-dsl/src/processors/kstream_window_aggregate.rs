//! `count`, `reduce` and `aggregate` of a stream in time windows: Java's `KStreamWindowAggregate`.

use std::{marker::PhantomData, sync::Arc};

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
    store::{StoreRef, TimestampedWindowStore},
    time::duration_ms,
};

use super::{Aggregation, Nullable, cached::row};
use crate::{
    change::Change,
    windows::{TimeWindows, Window, Windowed},
};

/// Folds each record into the rows of the windows that it is in, by their starts, and forwards each
/// change at the greater of the record's and the row's timestamp.
///
/// A record without a key is dropped; null values are shown to the aggregation. Stream time is the
/// greatest timestamp that reached this processor, the record's own included, and is not kept over
/// a restart. A window whose end is not after stream time less the grace period is closed: the
/// record is dropped there, and counted for each such window. Old values are those of
/// [`kstream_aggregate`](super::kstream_aggregate).
pub(crate) fn kstream_window_aggregate<K, V, VA, A>(
    windows: TimeWindows,
    store: StoreRef<TimestampedWindowStore<K, VA>>,
    aggregation: Arc<A>,
    send_old: bool,
) -> impl Fn() -> KStreamWindowAggregate<K, V, VA, A> + Send + Sync
where
    K: 'static,
    V: 'static,
    VA: 'static,
    A: Aggregation<K, V, VA>,
{
    move || KStreamWindowAggregate {
        windows,
        store,
        aggregation: aggregation.clone(),
        send_old,
        observed_stream_time: -1,
        windowed: None,
        value: PhantomData,
    }
}

pub(crate) struct KStreamWindowAggregate<K, V, VA, A> {
    windows: TimeWindows,
    store: StoreRef<TimestampedWindowStore<K, VA>>,
    aggregation: Arc<A>,
    send_old: bool,
    observed_stream_time: i64,
    /// The key that was forwarded last: its memory serves the next one.
    windowed: Option<Windowed<K>>,
    value: PhantomData<fn(V)>,
}

impl<K, V, VA, A> KStreamWindowAggregate<K, V, VA, A>
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
        let store = context.store(self.store)?;
        let (aggregate, timestamp) = match store.fetch(key, window.start)? {
            Some(row) => (Some(row.value.clone()), timestamp.max(row.timestamp)),
            None => (self.aggregation.initial()?, timestamp),
        };
        let forwards = !store.caching();
        let old = if forwards && self.send_old { aggregate.clone() } else { None };
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

impl<KIn, K, V, VA, A> Processor<KIn, V, Windowed<K>, Change<VA>>
    for KStreamWindowAggregate<K, V, VA, A>
where
    KIn: Nullable<K>,
    K: Clone + Send + 'static,
    VA: Clone + Send + 'static,
    A: Aggregation<K, V, VA>,
{
    fn process(
        &mut self,
        record: Record<'_, KIn, V>,
        context: &mut Context<'_, Windowed<K>, Change<VA>>,
    ) -> Result<(), BoxError> {
        let Some(key) = record.key.as_value() else {
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
            let change = self.update(key, (record.value, record.timestamp), window, context)?;
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
        while let Some(pending) = context.store(self.store)?.next_pending(self.send_old)? {
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
