//! The two sides of a join of streams: Java's `KStreamKStreamJoin`.
//!
//! A record of one side is shown to the join first, which looks for records of the other side, and
//! is then put where the other side looks. So of two records that join, the one that is processed
//! later finds the other.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use streams_core::{
    BoxError, Direction, Headers, Record,
    processor::{Context, Processor},
    store::{
        StoreRef, WindowStore,
        operator::{JoinSide, LeftOrRight, OuterJoinStore, SideOfJoin},
    },
    time::duration_ms,
};

use super::Nullable;
use crate::plan::Name;

/// Joins the values of both sides; `None` if nothing comes of them.
pub(super) trait Joiner<K, L, R, VR>:
    Fn(&K, Option<&L>, Option<&R>) -> Result<Option<VR>, BoxError> + Send + Sync + 'static
{
}

impl<F, K, L, R, VR> Joiner<K, L, R, VR> for F where
    F: Fn(&K, Option<&L>, Option<&R>) -> Result<Option<VR>, BoxError> + Send + Sync + 'static
{
}

/// A side of a join, with the types of its values and of the other side's.
pub(super) trait Side<L, R>: Send + 'static {
    type This: Clone + Send + 'static;
    type Other: Clone + Send + 'static;

    const THIS: JoinSide;
    const OTHER: JoinSide;

    /// Both values in the order of the join.
    fn both<'a>(
        this: &'a Self::This,
        other: Option<&'a Self::Other>,
    ) -> (Option<&'a L>, Option<&'a R>);

    /// A value to keep until it is known whether it joins.
    fn kept(this: Self::This) -> LeftOrRight<L, R>;
}

/// The stream on which the join was called.
pub(super) struct LeftSide;

/// The other stream.
pub(super) struct RightSide;

impl<L: Clone + Send + 'static, R: Clone + Send + 'static> Side<L, R> for LeftSide {
    type This = L;
    type Other = R;

    const THIS: JoinSide = JoinSide::Left;
    const OTHER: JoinSide = JoinSide::Right;

    fn both<'a>(this: &'a L, other: Option<&'a R>) -> (Option<&'a L>, Option<&'a R>) {
        (Some(this), other)
    }

    fn kept(this: L) -> LeftOrRight<L, R> {
        LeftOrRight::Left(this)
    }
}

impl<L: Clone + Send + 'static, R: Clone + Send + 'static> Side<L, R> for RightSide {
    type This = R;
    type Other = L;

    const THIS: JoinSide = JoinSide::Right;
    const OTHER: JoinSide = JoinSide::Left;

    fn both<'a>(this: &'a R, other: Option<&'a L>) -> (Option<&'a L>, Option<&'a R>) {
        (other, Some(this))
    }

    fn kept(this: R) -> LeftOrRight<L, R> {
        LeftOrRight::Right(this)
    }
}

/// Shows each record to the join, then puts it into the store of its side. A record without a value
/// takes a place there and no row. Java's `KStreamJoinWindow`.
///
/// A record is dropped that could join one that came out when windows closed while no record came.
pub(super) struct PutInWindow<K2, V2> {
    pub(super) store: StoreRef<WindowStore<K2, V2>>,
    pub(super) closing: Option<Closing>,
}

/// Closing of a join's windows while no record comes.
#[derive(Clone)]
pub(super) struct Closing {
    /// The store of what was not joined, by whose name it is committed up to which time that has
    /// come out.
    pub(super) store: Name,
    pub(super) grace_ms: i64,
    pub(super) idle: Duration,
}

impl Closing {
    fn is_late<K, V>(&self, timestamp: i64, context: &Context<'_, K, V>) -> bool {
        let closed = context.emitted_until(&self.store);
        closed.is_some_and(|closed| timestamp.saturating_add(self.grace_ms) < closed)
    }
}

impl<K, V, K2, V2> Processor<K, V, K, V> for PutInWindow<K2, V2>
where
    K: Nullable<K2>,
    V: Nullable<V2>,
    K2: 'static,
    V2: Clone + Send + 'static,
{
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K, V>,
    ) -> Result<(), BoxError> {
        if self.closing.as_ref().is_some_and(|closing| closing.is_late(record.timestamp, context)) {
            context.drop_record("it could join what has come out while no record came");
            return Ok(());
        }
        context.forward(record)?;
        if let Some(key) = record.key.as_value() {
            let value = record.value.as_value().cloned();
            context.store(self.store)?.put(key, value, record.timestamp)?;
        }
        Ok(())
    }
}

/// The windows of a join in milliseconds.
#[derive(Clone, Copy)]
pub(super) struct Spans {
    /// Span by which the window of a left record begins before it.
    pub(super) before: i64,
    /// Span by which it ends after the record.
    pub(super) after: i64,
    pub(super) grace: i64,
}

impl Spans {
    /// Spans by which a side's windows begin before a record and end after it.
    const fn around(self, side: JoinSide) -> (i64, i64) {
        match side {
            JoinSide::Left => (self.before, self.after),
            JoinSide::Right => (self.after, self.before),
        }
    }

    /// Returns whether a record of a side may still be joined at a stream time.
    const fn are_open(self, side: JoinSide, timestamp: i64, stream_time: i64) -> bool {
        let (_, after) = self.around(side);
        timestamp.saturating_add(after).saturating_add(self.grace) >= stream_time
    }
}

/// The records that come out although they were not joined, and the store in which they wait until
/// that is known.
pub(super) struct Unjoined<K2, L, R> {
    pub(super) store: StoreRef<OuterJoinStore<K2, L, R>>,
    /// True if records of this side come out unjoined.
    pub(super) this: bool,
    /// True if records of the other side come out unjoined.
    pub(super) other: bool,
}

impl<K2, L, R> Unjoined<K2, L, R> {
    /// The same sides in the other order.
    pub(super) const fn seen_from_the_other(self) -> Self {
        Self { store: self.store, this: self.other, other: self.this }
    }
}

impl<K2, L, R> Clone for Unjoined<K2, L, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K2, L, R> Copy for Unjoined<K2, L, R> {}

/// Number of keys whose unjoined records come out at once, so that memory is bounded.
const DUE_MAX: usize = 1_000;

/// Joins each record of a side with those of the other side that are in its window, at the later of
/// both timestamps.
///
/// One that finds none is kept, if it is to come out so, until stream time is past its window and
/// the grace period; at once if stream time is past its window already. A record without a value or
/// a key is dropped, but one without a key comes out if records that are not joined do.
pub(super) struct JoinOthers<S, F, K2, L, R, VR>
where
    S: Side<L, R>,
    L: Clone,
    R: Clone,
{
    others: StoreRef<WindowStore<K2, S::Other>>,
    unjoined: Option<Unjoined<K2, L, R>>,
    joiner: Arc<F>,
    spans: Spans,
    closing: Option<Closing>,
    /// Results and the timestamps of the other records; its memory serves the next record.
    joined: Vec<(i64, Option<VR>)>,
    /// Key under which the other record would wait; its memory serves the next record.
    place: Option<SideOfJoin<K2>>,
}

/// Records of a key that were not joined in time.
struct Due<K, K2, VR> {
    place: SideOfJoin<K2>,
    key: K,
    results: Vec<Option<VR>>,
}

impl<S, F, K2, L, R, VR> JoinOthers<S, F, K2, L, R, VR>
where
    S: Side<L, R>,
    K2: Clone + Send + 'static,
    L: Clone + Send + 'static,
    R: Clone + Send + 'static,
{
    pub(super) const fn new(
        others: StoreRef<WindowStore<K2, S::Other>>,
        unjoined: Option<Unjoined<K2, L, R>>,
        joiner: Arc<F>,
        spans: Spans,
    ) -> Self {
        Self { others, unjoined, joiner, spans, closing: None, joined: Vec::new(), place: None }
    }

    /// The same, whose windows may close while no record comes. One side of a join sees to that for
    /// both.
    pub(super) fn closing(self, closing: Option<Closing>) -> Self {
        Self { closing, ..self }
    }

    /// Key under which a record of `key` waits.
    fn place(&mut self, key: &K2, timestamp: i64, side: JoinSide) -> &SideOfJoin<K2> {
        match &mut self.place {
            Some(place) => {
                place.key.clone_from(key);
                (place.timestamp, place.side) = (timestamp, side);
                place
            }
            none => none.insert(SideOfJoin { timestamp, side, key: key.clone() }),
        }
    }

    /// Forwards what comes of a record alone.
    fn forward_alone<K>(
        &self,
        record: Record<'_, K, S::This>,
        context: &mut Context<'_, K, VR>,
    ) -> Result<(), BoxError>
    where
        F: Joiner<K, L, R, VR>,
    {
        let (left, right) = S::both(record.value, None);
        if let Some(result) = (self.joiner)(record.key, left, right)? {
            context.forward(record.with_value(&result))?;
        }
        Ok(())
    }

    /// Joins a record with what is there of the other side. Whether anything was.
    fn join<K>(
        &mut self,
        key: &K2,
        record: Record<'_, K, S::This>,
        context: &mut Context<'_, K, VR>,
    ) -> Result<bool, BoxError>
    where
        F: Joiner<K, L, R, VR>,
    {
        let (before, after) = self.spans.around(S::THIS);
        let from = record.timestamp.saturating_sub(before).max(0);
        let to = record.timestamp.saturating_add(after).max(0);
        let (joiner, mut joined) = (&self.joiner, std::mem::take(&mut self.joined));
        let mut done = Ok(());
        let others = context.store(self.others)?;
        others.visit_range(key, from..=to, Direction::Forward, |timestamp, other| {
            let (left, right) = S::both(record.value, Some(other));
            match joiner(record.key, left, right) {
                Ok(result) => joined.push((timestamp, result)),
                Err(error) => {
                    done = Err(error);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        let found = !joined.is_empty();
        for (timestamp, result) in joined.drain(..) {
            if let Some(Unjoined { store, other: true, .. }) = self.unjoined {
                context.store(store)?.remove(self.place(key, timestamp, S::OTHER))?;
            }
            if let Some(result) = &result {
                let timestamp = record.timestamp.max(timestamp);
                context.forward(record.with_value(result).with_timestamp(timestamp))?;
            }
        }
        self.joined = joined;
        done.map(|()| found)
    }

    /// Keeps a record that was not joined, or forwards it if nothing will join it any more.
    fn keep<K>(
        &mut self,
        store: StoreRef<OuterJoinStore<K2, L, R>>,
        (key, record): (&K2, Record<'_, K, S::This>),
        context: &mut Context<'_, K, VR>,
    ) -> Result<(), BoxError>
    where
        F: Joiner<K, L, R, VR>,
    {
        let (_, after) = self.spans.around(S::THIS);
        let end = record.timestamp.saturating_add(after).max(0);
        let unjoined = context.store(store)?;
        if end < unjoined.times().stream_time() {
            return self.forward_alone(record, context);
        }
        unjoined.times().kept(record.timestamp);
        let place = self.place(key, record.timestamp, S::THIS);
        Ok(unjoined.push(place, S::kept(record.value.clone()))?)
    }

    /// Forwards what was not joined and will not be any more.
    fn forward_due<K, V>(
        &self,
        store: StoreRef<OuterJoinStore<K2, L, R>>,
        record: &Record<'_, K, V>,
        context: &mut Context<'_, K, VR>,
    ) -> Result<(), BoxError>
    where
        K: From<K2>,
        F: Joiner<K, L, R, VR>,
    {
        let now = context.current_system_time_ms();
        let interval = duration_ms(context.outer_join_emit_interval());
        let times = context.store(store)?.times();
        let stream_time = times.stream_time();
        let open = |earliest| self.spans.are_open(S::THIS, earliest, stream_time);
        if times.earliest().is_some_and(open) || !times.may_look(now, interval) {
            return Ok(());
        }
        self.forward_all_due((store, stream_time), record.headers, context)
    }

    fn forward_all_due<K>(
        &self,
        (store, stream_time): (StoreRef<OuterJoinStore<K2, L, R>>, i64),
        headers: &Headers,
        context: &mut Context<'_, K, VR>,
    ) -> Result<(), BoxError>
    where
        K: From<K2>,
        F: Joiner<K, L, R, VR>,
    {
        loop {
            let (due, done) = self.due(context.store(store)?, stream_time)?;
            let more = due.len() == DUE_MAX;
            for Due { place, key, results } in due {
                for result in results.iter().flatten() {
                    context.forward(Record::new(&key, result, place.timestamp, headers))?;
                }
                context.store(store)?.remove(&place)?;
            }
            done?;
            if !more {
                return Ok(());
            }
        }
    }

    /// Returns whether a record is due at a stream time.
    fn is_any_due(
        &self,
        unjoined: &mut OuterJoinStore<K2, L, R>,
        stream_time: i64,
    ) -> Result<bool, BoxError> {
        let (mut left_open, mut right_open, mut is_due) = (false, false, false);
        unjoined.visit(|place, _| {
            if self.spans.are_open(place.side, place.timestamp, stream_time) {
                match place.side {
                    JoinSide::Left => left_open = true,
                    JoinSide::Right => right_open = true,
                }
            } else {
                is_due = true;
            }
            let ends = is_due || (left_open && right_open);
            if ends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(is_due)
    }

    /// The first records that are due, and the error that ended them, if one did.
    ///
    /// The end of the look is noted as in Java: the latest record looked at counts as the earliest
    /// that is kept, which delays others until the windows of that one close.
    #[expect(
        clippy::type_complexity,
        reason = "the second result is of user code, and comes behind the first"
    )]
    fn due<K>(
        &self,
        unjoined: &mut OuterJoinStore<K2, L, R>,
        stream_time: i64,
    ) -> Result<(Vec<Due<K, K2, VR>>, Result<(), BoxError>), BoxError>
    where
        K: From<K2>,
        F: Joiner<K, L, R, VR>,
    {
        let (mut due, mut done) = (Vec::new(), Ok(()));
        let (mut left_open, mut right_open, mut last) = (false, false, None);
        unjoined.visit(|place, values| {
            last = Some(place.timestamp);
            if left_open && right_open {
                return ControlFlow::Break(());
            }
            if self.spans.are_open(place.side, place.timestamp, stream_time) {
                match place.side {
                    JoinSide::Left => left_open = true,
                    JoinSide::Right => right_open = true,
                }
                // Java looks at each value of a list: at the second one it sees that nothing is
                // left to look for.
                let ends = left_open && right_open && values.len() > 1;
                return if ends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
            }
            let key = K::from(place.key.clone());
            let results = values.iter().map(|value| match value {
                LeftOrRight::Left(left) => (self.joiner)(&key, Some(left), None),
                LeftOrRight::Right(right) => (self.joiner)(&key, None, Some(right)),
            });
            match results.collect() {
                Ok(results) => due.push(Due { place, key, results }),
                Err(error) => {
                    done = Err(error);
                    return ControlFlow::Break(());
                }
            }
            if due.len() < DUE_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if let Some(last) = last {
            unjoined.times().looked_up_to(last);
        }
        Ok((due, done))
    }
}

impl<S, F, K, V, K2, L, R, VR> Processor<K, V, K, VR> for JoinOthers<S, F, K2, L, R, VR>
where
    S: Side<L, R>,
    F: Joiner<K, L, R, VR>,
    K: Nullable<K2> + From<K2>,
    V: Nullable<S::This>,
    K2: Clone + Send + 'static,
    L: Clone + Send + 'static,
    R: Clone + Send + 'static,
    VR: Send,
{
    fn init(&mut self, context: &mut Context<'_, K, VR>) -> Result<(), BoxError> {
        let Some((closing, unjoined)) = self.closing.as_ref().zip(self.unjoined) else {
            return Ok(());
        };
        context.watch_idle(closing.idle);
        if let Some(closed) = context.emitted_until(&closing.store) {
            context.store(unjoined.store)?.times().advance(closed);
        }
        Ok(())
    }

    fn would_close(
        &mut self,
        time: i64,
        context: &mut Context<'_, K, VR>,
    ) -> Result<bool, BoxError> {
        let Some(unjoined) = self.unjoined else { return Ok(false) };
        let store = context.store(unjoined.store)?;
        let stream_time = store.times().stream_time().max(time);
        self.is_any_due(store, stream_time)
    }

    fn idle(&mut self, time: i64, context: &mut Context<'_, K, VR>) -> Result<(), BoxError> {
        let Some((closing, unjoined)) = self.closing.as_ref().zip(self.unjoined) else {
            return Ok(());
        };
        let stream_time = context.store(unjoined.store)?.times().advance(time);
        context.set_emitted_until(&closing.store, stream_time);
        self.forward_all_due((unjoined.store, stream_time), &Headers::new(), context)
    }

    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K, VR>,
    ) -> Result<(), BoxError> {
        let mut in_order = false;
        if let Some(Unjoined { store, .. }) = self.unjoined {
            in_order = context.store(store)?.times().advance(record.timestamp) == record.timestamp;
        }
        let keeps = self.unjoined.filter(|unjoined| unjoined.this).map(|unjoined| unjoined.store);
        let (key, value) = match (record.key.as_value(), record.value.as_value()) {
            (Some(key), Some(value)) => (key, record.with_value(value)),
            (None, Some(value)) if keeps.is_some() => {
                return self.forward_alone(record.with_value(value), context);
            }
            _ => {
                context.drop_record("its key or value is null");
                return Ok(());
            }
        };
        if let Some(Unjoined { store, .. }) = self.unjoined.filter(|_| in_order) {
            self.forward_due(store, &record, context)?;
        }
        if !self.join(key, value, context)?
            && let Some(store) = keeps
        {
            self.keep(store, (key, value), context)?;
        }
        Ok(())
    }
}
