//! States of an instance.

use std::fmt;

/// The state of an instance. Java's `KafkaStreams.State`.
///
/// `Created` → `Rebalancing` ⇄ `Running` → `PendingShutdown` → `NotRunning`; when the last stream
/// thread dies `PendingError` → `Error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Not started.
    Created,
    /// Threads wait for their tasks, or restore state.
    Rebalancing,
    /// All threads process their tasks.
    Running,
    /// `close` was called; threads commit and give up their tasks.
    PendingShutdown,
    /// Closed.
    NotRunning,
    /// The last thread died; the rest is being closed.
    PendingError,
    /// All threads died; only `close` is possible.
    Error,
}

impl State {
    /// Returns whether the instance may go from this state to `next`.
    pub(crate) fn may_become(self, next: Self) -> bool {
        use State::{
            Created, Error, NotRunning, PendingError, PendingShutdown, Rebalancing, Running,
        };
        matches!(
            (self, next),
            (Created, Rebalancing | PendingShutdown)
                | (Rebalancing, Running | PendingShutdown | PendingError)
                | (Running, Rebalancing | PendingShutdown | PendingError)
                | (PendingShutdown, NotRunning)
                | (PendingError, Error)
                | (Error, PendingShutdown)
        )
    }

    /// Java's number of the state, as in its metric `client-state` (KIP-1091).
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Created => 0,
            Self::Rebalancing => 1,
            Self::Running => 2,
            Self::PendingShutdown => 3,
            Self::NotRunning => 4,
            Self::PendingError => 5,
            Self::Error => 6,
        }
    }

    /// Returns whether stream threads are working or waiting for work.
    pub fn is_running_or_rebalancing(self) -> bool {
        matches!(self, Self::Running | Self::Rebalancing)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "CREATED",
            Self::Rebalancing => "REBALANCING",
            Self::Running => "RUNNING",
            Self::PendingShutdown => "PENDING_SHUTDOWN",
            Self::NotRunning => "NOT_RUNNING",
            Self::PendingError => "PENDING_ERROR",
            Self::Error => "ERROR",
        })
    }
}
