//! The join of a stream with itself, in one store: Java's `KStreamKStreamSelfJoin`.

use std::{any::Any, marker::PhantomData, ops::ControlFlow, sync::Arc};

use streams_core::{
    BoxError, Direction, Record,
    processor::{Context, Processor},
    store::{StoreRef, WindowStore},
};

use super::{
    Nullable,
    join_sides::{Joiner, Spans},
};

/// Joins each record with those that were put before it, as either side, and with itself: what
/// comes out is what two stores would give, in the same order.
///
/// A record without a key or a value is dropped, once.
pub(super) struct SelfJoin<F, K2, L, R, VR> {
    records: StoreRef<WindowStore<K2, L>>,
    joiner: Arc<F>,
    spans: Spans,
    retention: i64,
    stream_time: i64,
    /// Results and their timestamps; its memory serves the next record.
    joined: Vec<(i64, Option<VR>)>,
    /// The type of the values as the other side's.
    other: PhantomData<fn(R)>,
}

impl<F, K2, L, R, VR> SelfJoin<F, K2, L, R, VR>
where
    K2: 'static,
    L: Clone + Send + 'static,
    R: 'static,
{
    pub(super) const fn new(
        records: StoreRef<WindowStore<K2, L>>,
        joiner: Arc<F>,
        spans: Spans,
        retention: i64,
    ) -> Self {
        Self {
            records,
            joiner,
            spans,
            retention,
            stream_time: -1,
            joined: Vec::new(),
            other: PhantomData,
        }
    }

    /// Adds the results of a record to `joined`.
    fn join<K>(
        &self,
        (key, record): (&K2, Record<'_, K, L>),
        store: &mut WindowStore<K2, L>,
        joined: &mut Vec<(i64, Option<VR>)>,
    ) -> Result<(), BoxError>
    where
        F: Joiner<K, L, R, VR>,
    {
        let (timestamp, value) = (record.timestamp, record.value);
        let join = |left: &L, right: &L| (self.joiner)(record.key, Some(left), same(right));
        let with_itself = join(value, value)?;
        // One that is too late does not find itself in two stores; here it is so a millisecond
        // earlier, as in Java.
        let expires = self.stream_time.saturating_sub(self.retention).saturating_add(1);
        let mut with_itself = (timestamp > expires).then_some(with_itself);
        let mut done = Ok(());
        let times = |before: i64, after: i64| {
            let from = timestamp.saturating_sub(before).max(0);
            from..=timestamp.saturating_add(after).max(0)
        };
        let Spans { before, after, .. } = self.spans;
        store.visit_range(key, times(before, after), Direction::Forward, |other_time, other| {
            keep(join(value, other), timestamp.max(other_time), joined, &mut done)
        })?;
        done?;
        let mut done = Ok(());
        store.visit_range(key, times(after, before), Direction::Forward, |other_time, other| {
            if other_time > timestamp
                && let Some(result) = with_itself.take()
            {
                joined.push((timestamp, result));
            }
            keep(join(other, value), timestamp.max(other_time), joined, &mut done)
        })?;
        done?;
        joined.extend(with_itself.map(|result| (timestamp, result)));
        Ok(())
    }
}

/// Adds a result, or ends with its error.
fn keep<VR>(
    result: Result<Option<VR>, BoxError>,
    timestamp: i64,
    joined: &mut Vec<(i64, Option<VR>)>,
    done: &mut Result<(), BoxError>,
) -> ControlFlow<()> {
    match result {
        Ok(result) => joined.push((timestamp, result)),
        Err(error) => {
            *done = Err(error);
            return ControlFlow::Break(());
        }
    }
    ControlFlow::Continue(())
}

/// A value as one of the type that the other side has, which is the same.
fn same<L: 'static, R: 'static>(value: &L) -> Option<&R> {
    let value: &dyn Any = value;
    value.downcast_ref()
}

impl<F, K, V, K2, L, R, VR> Processor<K, V, K, VR> for SelfJoin<F, K2, L, R, VR>
where
    F: Joiner<K, L, R, VR>,
    K: Nullable<K2>,
    V: Nullable<L>,
    K2: 'static,
    L: Clone + Send + 'static,
    R: 'static,
    VR: Send,
{
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K, VR>,
    ) -> Result<(), BoxError> {
        let (Some(key), Some(value)) = (record.key.as_value(), record.value.as_value()) else {
            context.drop_record("its key or value is null");
            return Ok(());
        };
        self.stream_time = self.stream_time.max(record.timestamp);
        let mut joined = std::mem::take(&mut self.joined);
        let store = context.store(self.records)?;
        let done = self.join((key, record.with_value(value)), store, &mut joined);
        for (timestamp, result) in joined.drain(..) {
            if let Some(result) = &result {
                context.forward(record.with_value(result).with_timestamp(timestamp))?;
            }
        }
        self.joined = joined;
        done
    }
}
