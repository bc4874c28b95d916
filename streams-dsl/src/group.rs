//! Groups: the first half of an aggregation.

use std::{fmt, marker::PhantomData};

use streams_core::serde::SerdeRef;

use crate::{
    options::{Named, serde_options},
    plan::StepRef,
    windows::{SessionWindows, SlidingWindows, TimeWindows, UnlimitedWindows},
};

/// A stream whose records are grouped by key, and perhaps put into windows: the first half of an
/// aggregation. Java's `KGroupedStream`.
///
/// `K` and `V` are the key and the value as the stream has it; `S` is the key as the stream has it,
/// which is `K` or `Option<K>`. Records without a key are dropped. `W` says which windows the
/// records are in: [`TimeWindowedKStream`] is one with time windows, [`SessionWindowedKStream`] one
/// with sessions.
///
/// An aggregation gives a table with one row for each key, or for each key and window. Functions
/// return the new aggregate, or an `Option` of it: `None` deletes the row.
pub struct KGroupedStream<K, V, S = K, W = Unwindowed> {
    step: StepRef,
    windows: W,
    types: PhantomData<Types<K, V, S>>,
}

type Types<K, V, S> = fn() -> (K, V, S);

/// The records of each key, in windows of time: each record is in one window or several, and each
/// window is aggregated by itself. Java's `TimeWindowedKStream`.
///
/// Records arrive late: a window takes them until stream time, the greatest timestamp seen, has
/// passed its end and the grace period. Later ones are dropped and counted.
pub type TimeWindowedKStream<K, V, S = K> = KGroupedStream<K, V, S, TimeWindows>;

/// The records of each key, in sliding windows. Java's `TimeWindowedKStream` of `SlidingWindows`.
pub type SlidingWindowedKStream<K, V, S = K> = KGroupedStream<K, V, S, SlidingWindows>;

/// The records of each key, in one window without an end. Java's `TimeWindowedKStream` of
/// `UnlimitedWindows`.
pub type UnlimitedWindowedKStream<K, V, S = K> = KGroupedStream<K, V, S, UnlimitedWindows>;

/// The records of each key, in sessions: a record that comes within the gap of others is in one
/// session with them, and each session is aggregated by itself. Java's `SessionWindowedKStream`.
///
/// When a session grows, the row that it had is deleted and there is one with its new times. Rows
/// have the timestamp of the end of their session.
pub type SessionWindowedKStream<K, V, S = K> = KGroupedStream<K, V, S, SessionWindows>;

/// No windows: all records of a key are aggregated together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unwindowed;

impl<K, V, S> KGroupedStream<K, V, S> {
    pub(crate) const fn of(step: StepRef) -> Self {
        Self { step, windows: Unwindowed, types: PhantomData }
    }

    /// Names the grouping: the node that changes the key, and the repartition topic, if there is
    /// one. Java's `Grouped`.
    #[expect(clippy::return_self_not_must_use, reason = "it is an option of what was added before")]
    pub fn named(self, name: impl Into<Named>) -> Self {
        self.step.set_name(name.into());
        self
    }

    /// The same group in windows.
    pub(crate) fn in_windows<W>(&self, windows: W) -> KGroupedStream<K, V, S, W> {
        KGroupedStream { step: self.step.clone(), windows, types: PhantomData }
    }
}

impl<K: 'static, V: 'static, S> KGroupedStream<K, V, S> {
    serde_options! {
        /// Writes keys and values to the repartition topic and to stores with these serdes. Java's
        /// `Grouped.with`.
    }
}

impl<K, V, S, W> KGroupedStream<K, V, S, W> {
    pub(crate) const fn step(&self) -> &StepRef {
        &self.step
    }

    pub(crate) const fn windows(&self) -> &W {
        &self.windows
    }

    /// The same group in windows of the same kind.
    pub(crate) fn with_windows(&self, windows: W) -> Self {
        Self { step: self.step.clone(), windows, types: PhantomData }
    }
}

impl<K, V, S, W: Clone> Clone for KGroupedStream<K, V, S, W> {
    fn clone(&self) -> Self {
        Self { step: self.step.clone(), windows: self.windows.clone(), types: PhantomData }
    }
}

impl<K, V, S, W: fmt::Debug> fmt::Debug for KGroupedStream<K, V, S, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KGroupedStream({}, {:?})", self.step, self.windows)
    }
}

/// A table whose rows are grouped anew: the first half of an aggregation. Java's `KGroupedTable`.
///
/// When a row changes, its old value is subtracted from the group that it was in, and the new one
/// is added to the group that it is in now.
pub struct KGroupedTable<K, V> {
    step: StepRef,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> KGroupedTable<K, V> {
    pub(crate) const fn of(step: StepRef) -> Self {
        Self { step, types: PhantomData }
    }

    pub(crate) const fn step(&self) -> &StepRef {
        &self.step
    }

    /// Names the grouping: the node that changes the key, and the repartition topic. Java's
    /// `Grouped`.
    #[expect(clippy::return_self_not_must_use, reason = "it is an option of what was added before")]
    pub fn named(self, name: impl Into<Named>) -> Self {
        self.step.set_name(name.into());
        self
    }
}

impl<K: 'static, V: 'static> KGroupedTable<K, V> {
    serde_options! {
        /// Writes keys and values to the repartition topic and to stores with these serdes. Java's
        /// `Grouped.with`.
    }
}

impl<K, V> Clone for KGroupedTable<K, V> {
    fn clone(&self) -> Self {
        Self::of(self.step.clone())
    }
}

impl<K, V> fmt::Debug for KGroupedTable<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KGroupedTable({})", self.step)
    }
}
