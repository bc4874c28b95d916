//! The figures of one stream thread, for others to read.
//!
//! A thread updates its figures once per turn, and once per second the state of its tasks, so that
//! no record pays for them. Readers hold the lock briefly.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

use super::sensor::Sensor;
use crate::{TaskId, TopicPartition, client::Flow, processor::Spread, store::StoreUsage};

/// The shared figures of a thread.
pub(crate) type SharedFigures = Arc<Mutex<ThreadFigures>>;

/// Work of a thread, and the state of its tasks.
#[derive(Debug, Default)]
pub(crate) struct ThreadFigures {
    /// Time at which the thread was made.
    pub(crate) started_ms: i64,
    /// Records, with the time that each took.
    pub(crate) process: Sensor,
    /// Turns that processed, with their records.
    pub(crate) process_records: Sensor,
    /// Polls, with the time that each took or waited.
    pub(crate) poll: Sensor,
    /// Polls, with their records.
    pub(crate) poll_records: Sensor,
    /// Commits, from their beginning until the cluster has accepted them.
    pub(crate) commit: Sensor,
    /// Punctuations.
    pub(crate) punctuate: Sensor,
    pub(crate) tasks_created: u64,
    pub(crate) tasks_closed: u64,
    /// Number of assignments that it received.
    pub(crate) rebalances: u64,
    /// Number of partitions that stand still although records wait.
    pub(crate) standing_still: usize,
    /// Records and bytes written to each topic.
    pub(crate) written: BTreeMap<Arc<str>, Flow>,
    /// Tasks that process.
    pub(crate) tasks: BTreeMap<TaskId, TaskFigures>,
    /// Changelog records left to restore, per task.
    pub(crate) restoring: BTreeMap<TaskId, i64>,
}

impl ThreadFigures {
    /// Adds a poll that returned `records` records.
    pub(crate) fn polled(&mut self, records: usize, began_ms: i64, now_ms: i64) {
        self.poll.record(1, each(1, now_ms.saturating_sub(began_ms)), now_ms);
        let records = i64::try_from(records).unwrap_or(i64::MAX);
        self.poll_records.record(1, each(1, records), now_ms);
    }

    /// Adds a turn that processed `records` records.
    pub(crate) fn processed(&mut self, records: u64, began_ms: i64, now_ms: i64) {
        if records > 0 {
            self.process.record(records, each(records, now_ms.saturating_sub(began_ms)), now_ms);
            let records = i64::try_from(records).unwrap_or(i64::MAX);
            self.process_records.record(1, each(1, records), now_ms);
        }
    }

    /// Adds a turn that ran wall-clock punctuations, and counted `punctuations` of both kinds.
    pub(crate) fn punctuated(&mut self, punctuations: u64, began_ms: i64, now_ms: i64) {
        if punctuations > 0 {
            let took = each(punctuations, now_ms.saturating_sub(began_ms));
            self.punctuate.record(punctuations, took, now_ms);
        }
    }

    /// Adds a complete commit.
    pub(crate) fn committed(&mut self, began_ms: i64, now_ms: i64) {
        self.commit.record(1, each(1, now_ms.saturating_sub(began_ms)), now_ms);
    }
}

/// `count` equal measurements with this sum.
fn each(count: u64, sum: i64) -> Spread {
    let mean = sum / i64::try_from(count.max(1)).unwrap_or(i64::MAX);
    Spread { count, sum, min: mean, max: mean }
}

/// Work of a task since it was started, and its state.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskFigures {
    pub(crate) processed: u64,
    pub(crate) dropped: u64,
    pub(crate) punctuations: u64,
    /// Time by which records were behind stream time.
    pub(crate) lateness: Sensor,
    /// Time from the timestamp of a record to the end of its processing.
    pub(crate) latency: Sensor,
    pub(crate) inputs: Vec<InputFigures>,
    pub(crate) stores: Vec<(String, StoreUsage)>,
}

/// One input partition of a task.
#[derive(Clone, Debug)]
pub(crate) struct InputFigures {
    pub(crate) partition: TopicPartition,
    pub(crate) consumed: Flow,
    /// Number of records queued in the task.
    pub(crate) queued: u64,
    /// Number of records that are queued, or known to be on the cluster after those; `None` before
    /// the first fetch.
    pub(crate) lag: Option<i64>,
}
