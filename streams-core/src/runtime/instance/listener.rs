//! Listeners of an application.

use std::sync::Arc;

use super::State;
use crate::{Error, TaskId, TopicPartition};

/// Progress of the restore of one store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreProgress {
    /// The task; [`TaskId::GLOBAL`] for a global store.
    pub task: TaskId,
    /// The store.
    pub store: String,
    /// A partition of its changelog, or of the topic from which it is filled.
    pub changelog: TopicPartition,
    /// Number of restored records.
    pub restored: u64,
    /// Number of records still to come, as far as is known.
    pub remaining: u64,
    /// Records per second since the start.
    pub rate: u64,
}

/// Hears about the restore of stores, and about each partition from which a global store is filled.
/// Called on the thread that does the work: be quick. Java's `StateRestoreListener`.
pub trait StateRestoreListener: Send + Sync {
    /// The restore of a store begins; `remaining` records are to come.
    fn on_restore_start(&self, progress: &RestoreProgress) {
        let _ = progress;
    }

    /// A batch was written to the store.
    fn on_batch_restored(&self, progress: &RestoreProgress) {
        let _ = progress;
    }

    /// The store is restored.
    fn on_restore_end(&self, progress: &RestoreProgress) {
        let _ = progress;
    }
}

/// Reaction to a failed stream thread. Java's `StreamThreadExceptionResponse` (KIP-671).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UncaughtExceptionResponse {
    /// Start another thread to replace it; the record is processed again.
    ReplaceThread,
    /// Close this instance; others take over its tasks. The default.
    ShutdownClient,
    /// Close all instances of the application; each ends in error.
    ShutdownApplication,
}

/// Decides on the error that ended a stream thread.
pub(crate) type UncaughtExceptionHandler =
    Arc<dyn Fn(&Error) -> UncaughtExceptionResponse + Send + Sync>;

/// Hears about changes of state: the new one, then the old one.
pub(crate) type StateListener = Arc<dyn Fn(State, State) + Send + Sync>;
