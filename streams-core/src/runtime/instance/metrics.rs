//! Counters of an instance.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{TaskId, task::Counted};

/// Counters of an instance since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamsMetrics {
    /// Processed records, including those of global stores.
    pub processed: u64,
    /// Records written to topics, including internal ones.
    pub produced: u64,
    /// Dropped records: Java's `dropped-records-total`.
    pub dropped: u64,
    /// Commits of stream threads.
    pub commits: u64,
    /// Changelog records read to restore active tasks.
    pub restored: u64,
    /// Changelog records read by standby and warm-up tasks.
    pub standby_updates: u64,
    /// Rows of changelogs that were left out of stores because they can't be read
    /// (`state.changelog.corrupt`).
    pub corrupt_rows: u64,
    /// Records that handlers sent to a dead letter topic.
    pub dead_letters: u64,
    /// Failures that ended a stream thread's work: Java's `failed-stream-threads`.
    pub failed_threads: u64,
}

/// One stream thread and its tasks. Java's `ThreadMetadata`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadMetadata {
    /// Name of the thread.
    pub thread_name: String,
    /// Tasks that it processes.
    pub active_tasks: BTreeSet<TaskId>,
    /// Tasks that are being restored to become active.
    pub restoring_tasks: BTreeSet<TaskId>,
    /// Standby and warm-up tasks.
    pub standby_tasks: BTreeSet<TaskId>,
}

/// The counters behind [`StreamsMetrics`], updated by threads one batch at a time.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) processed: AtomicU64,
    pub(crate) produced: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) restored: AtomicU64,
    pub(crate) standby_updates: AtomicU64,
    pub(crate) corrupt_rows: AtomicU64,
    pub(crate) dead_letters: AtomicU64,
    pub(crate) failed_threads: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

impl Counters {
    /// Adds the counts of a task.
    pub(crate) fn add(&self, counted: Counted) {
        let Counted { dropped, dead_letters, punctuations: _ } = counted;
        if dropped > 0 {
            count(&self.dropped, dropped);
        }
        if dead_letters > 0 {
            count(&self.dead_letters, dead_letters);
        }
    }

    pub(crate) fn snapshot(&self) -> StreamsMetrics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StreamsMetrics {
            processed: read(&self.processed),
            produced: read(&self.produced),
            dropped: read(&self.dropped),
            commits: read(&self.commits),
            restored: read(&self.restored),
            standby_updates: read(&self.standby_updates),
            corrupt_rows: read(&self.corrupt_rows),
            dead_letters: read(&self.dead_letters),
            failed_threads: read(&self.failed_threads),
        }
    }
}
