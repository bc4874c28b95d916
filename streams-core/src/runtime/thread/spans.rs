//! Spans of a thread's work, for traces.
//!
//! A turn is a span of level `TRACE`; a commit, the restore of a task and a rebalance, which last
//! over many turns, are spans of level `DEBUG` without a parent. All have the target
//! `kafka_streams`. Without a subscriber they cost one check of a flag.

use tracing::{Span, debug_span, trace_span};

use crate::{TaskId, membership::TaskAssignment};

/// One turn of a thread.
pub(super) fn turn(thread: &str) -> Span {
    trace_span!(target: "kafka_streams", "turn", thread)
}

/// A commit of all tasks of a thread, from its beginning until the cluster has accepted it.
pub(super) fn commit(thread: &str) -> Span {
    debug_span!(target: "kafka_streams", parent: None, "commit", thread)
}

/// The restore of a task, from the order to its restorer until the task is returned.
pub(super) fn restore(task: TaskId) -> Span {
    debug_span!(target: "kafka_streams", parent: None, "restore", %task)
}

/// A rebalance, from the new assignment until the thread runs all its tasks.
pub(super) fn rebalance(thread: &str, target: &TaskAssignment) -> Span {
    let (active, standby) = (target.active.len(), target.standby.len() + target.warmup.len());
    debug_span!(target: "kafka_streams", parent: None, "rebalance", thread, active, standby)
}
