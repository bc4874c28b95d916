//! Records that outer and left stream joins keep until their windows close without a match.

use std::{ops::ControlFlow, sync::Arc};

use super::{
    ChangelogWriter, JoinTimes, ListValueStore, RecordContext, StateStore, StoreContext, StoreUsage,
};
use crate::{
    BoxError, Result,
    serde::{Serde, SerdeRef, Written},
};

/// Records that found no match, in order of time. Java's store `KSTREAM-OUTERSHARED`.
///
/// It also holds the view of time that both sides of the join share in a task, which is not kept
/// over a restart.
///
/// ```
/// use std::ops::ControlFlow;
/// use streams_core::{
///     Result, serde,
///     store::{
///         Stores,
///         operator::{OuterJoinStore, SideOfJoin},
///     },
/// };
///
/// let kept = Stores::outer_join("kept", serde::string(), serde::long(), serde::string());
/// assert_eq!(kept.name(), "kept");
///
/// /// Within a processor: the keys of the records before `time` that were not joined.
/// fn unjoined(
///     store: &mut OuterJoinStore<String, i64, String>,
///     time: i64,
/// ) -> Result<Vec<SideOfJoin<String>>> {
///     let mut found = Vec::new();
///     store.visit(|place, _values| {
///         if place.timestamp >= time {
///             return ControlFlow::Break(());
///         }
///         found.push(place);
///         ControlFlow::Continue(())
///     })?;
///     Ok(found)
/// }
/// ```
pub struct OuterJoinStore<K, L, R> {
    rows: ListValueStore<SideOfJoin<K>, LeftOrRight<L, R>>,
    times: JoinTimes,
    /// The times at the beginning of the current attempt.
    times_before: JoinTimes,
}

impl<K, L, R> OuterJoinStore<K, L, R>
where
    K: 'static,
    L: Clone + 'static,
    R: Clone + 'static,
{
    pub(super) fn new(
        name: Arc<str>,
        key: SerdeRef<K>,
        left: SerdeRef<L>,
        right: SerdeRef<R>,
    ) -> Self {
        let rows = ListValueStore::new(name, side_of_join(key), left_or_right(left, right));
        Self { rows, times: JoinTimes::default(), times_before: JoinTimes::default() }
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        self.rows.name()
    }

    /// Time as known to the sides of the join.
    pub const fn times(&mut self) -> &mut JoinTimes {
        &mut self.times
    }

    /// Adds a record's value to those of its key, time and side.
    ///
    /// # Errors
    /// `Serialization` if the key can't be written, `State` or `Deserialization` if the row can't
    /// be read.
    pub fn push(&mut self, key: &SideOfJoin<K>, value: LeftOrRight<L, R>) -> Result {
        self.rows.push(key, value)
    }

    /// Removes all values of a key, time and side, if there are any.
    ///
    /// # Errors
    /// The errors of [`push`](Self::push).
    pub fn remove(&mut self, key: &SideOfJoin<K>) -> Result {
        self.rows.remove(key)
    }

    /// Calls `visit` for each key, time and side with its values, in order of time and right before
    /// left, until it breaks. Rows after that are not read, and values are borrowed.
    ///
    /// # Errors
    /// `State` if the database fails, `Deserialization` if a row can't be read.
    pub fn visit(
        &mut self,
        visit: impl FnMut(SideOfJoin<K>, &[LeftOrRight<L, R>]) -> ControlFlow<()>,
    ) -> Result {
        self.rows.visit(visit)
    }
}

impl<K, L, R> StateStore for OuterJoinStore<K, L, R>
where
    K: 'static,
    L: Clone + Send + 'static,
    R: Clone + Send + 'static,
{
    fn name(&self) -> &str {
        Self::name(self)
    }

    fn open(&mut self, context: StoreContext) -> Result {
        self.rows.open(context)
    }

    fn set_record_context(&mut self, context: &RecordContext) {
        self.rows.set_record_context(context);
    }

    fn is_dirty(&self) -> bool {
        self.rows.is_dirty()
    }

    fn has_pending(&self) -> bool {
        self.rows.has_pending()
    }

    fn stage(&mut self, writer: &mut ChangelogWriter<'_>) -> Result {
        self.rows.stage(writer)
    }

    fn log_again(
        &mut self,
        key: &[u8],
        timestamp: i64,
        writer: &mut ChangelogWriter<'_>,
    ) -> Result {
        self.rows.log_again(key, timestamp, writer)
    }

    fn check(&self, key: &[u8], value: &[u8]) -> Result {
        self.rows.check(key, value)
    }

    fn usage(&self) -> StoreUsage {
        self.rows.usage()
    }

    fn committed(&mut self) {
        self.rows.committed();
    }

    fn begin_attempt(&mut self) {
        self.rows.begin_attempt();
        self.times_before = self.times;
    }

    fn can_undo(&self) -> bool {
        true
    }

    fn undo_attempt(&mut self) {
        self.rows.undo_attempt();
        self.times = self.times_before;
    }

    fn end_attempt(&mut self) {
        self.rows.end_attempt();
    }
}

impl<K, L, R> std::fmt::Debug for OuterJoinStore<K, L, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OuterJoinStore({:?})", self.rows)
    }
}

/// The streams of a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinSide {
    /// The stream on which the join was called.
    Left,
    /// The other stream.
    Right,
}

impl JoinSide {
    const fn byte(self) -> u8 {
        match self {
            Self::Left => 1,
            Self::Right => 0,
        }
    }

    fn of(byte: u8) -> Result<Self, BoxError> {
        match byte {
            1 => Ok(Self::Left),
            0 => Ok(Self::Right),
            other => Err(format!("{other} is no side of a join").into()),
        }
    }
}

/// The key of a waiting record, with its time and the stream that it came from; ordered by time.
/// Java's `TimestampedKeyAndJoinSide`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SideOfJoin<K> {
    /// The record's timestamp in milliseconds since the epoch.
    pub timestamp: i64,
    /// The stream that it came from.
    pub side: JoinSide,
    /// Its key.
    pub key: K,
}

/// The value of a record of one of two streams. Java's `LeftOrRightValue`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LeftOrRight<L, R> {
    /// The value of a record of the left stream.
    Left(L),
    /// The value of a record of the right stream.
    Right(R),
}

/// `i64 timestamp ‖ u8 side ‖ key`.
struct SideOfJoinSerde<K>(SerdeRef<K>);

fn side_of_join<K: 'static>(key: SerdeRef<K>) -> SerdeRef<SideOfJoin<K>> {
    Arc::new(SideOfJoinSerde(key))
}

impl<K> Serde<SideOfJoin<K>> for SideOfJoinSerde<K> {
    fn serialize(
        &self,
        topic: &str,
        data: &SideOfJoin<K>,
        out: &mut Vec<u8>,
    ) -> Result<Written, BoxError> {
        let start = out.len();
        out.extend_from_slice(&data.timestamp.to_be_bytes());
        out.push(data.side.byte());
        let written = self.0.serialize(topic, &data.key, out)?;
        if written == Written::Null {
            out.truncate(start);
        }
        Ok(written)
    }

    fn deserialize(&self, topic: &str, data: Option<&[u8]>) -> Result<SideOfJoin<K>, BoxError> {
        let data = data.ok_or("the key of a record that was not joined is null")?;
        let split = data.split_first_chunk::<8>();
        let split = split.and_then(|(time, rest)| Some((time, rest.split_first()?)));
        let (timestamp, (side, key)) =
            split.ok_or("the key of a record that was not joined is too short")?;
        Ok(SideOfJoin {
            timestamp: i64::from_be_bytes(*timestamp),
            side: JoinSide::of(*side)?,
            key: self.0.deserialize(topic, Some(key))?,
        })
    }
}

/// `u8 side ‖ value`.
struct LeftOrRightSerde<L, R>(SerdeRef<L>, SerdeRef<R>);

fn left_or_right<L: 'static, R: 'static>(
    left: SerdeRef<L>,
    right: SerdeRef<R>,
) -> SerdeRef<LeftOrRight<L, R>> {
    Arc::new(LeftOrRightSerde(left, right))
}

impl<L, R> Serde<LeftOrRight<L, R>> for LeftOrRightSerde<L, R> {
    fn serialize(
        &self,
        topic: &str,
        data: &LeftOrRight<L, R>,
        out: &mut Vec<u8>,
    ) -> Result<Written, BoxError> {
        let start = out.len();
        let written = match data {
            LeftOrRight::Left(value) => {
                out.push(JoinSide::Left.byte());
                self.0.serialize(topic, value, out)?
            }
            LeftOrRight::Right(value) => {
                out.push(JoinSide::Right.byte());
                self.1.serialize(topic, value, out)?
            }
        };
        if written == Written::Null {
            out.truncate(start);
        }
        Ok(written)
    }

    fn deserialize(&self, topic: &str, data: Option<&[u8]>) -> Result<LeftOrRight<L, R>, BoxError> {
        let split = data.and_then(<[u8]>::split_first);
        let (side, value) = split.ok_or("the value of a record that was not joined is empty")?;
        Ok(match JoinSide::of(*side)? {
            JoinSide::Left => LeftOrRight::Left(self.0.deserialize(topic, Some(value))?),
            JoinSide::Right => LeftOrRight::Right(self.1.deserialize(topic, Some(value))?),
        })
    }
}
