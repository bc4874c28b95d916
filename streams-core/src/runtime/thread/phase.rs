//! Phases of a commit.

use std::time::Duration;

use super::{log_ends::Gap, offsets::Offsets, writer::Written};
use crate::{
    TaskId,
    client::{Answer, BatchReport, answer::wait_for_a_wake},
};

/// Interval at which the end of a back-off in flight, or room at the producer, is checked.
const DRAIN_WAIT: Duration = Duration::from_millis(5);

/// The next step of a commit, with its data.
pub(super) enum Phase {
    /// Records are in flight in an operator of a task, or wait for room.
    Draining,
    /// Tasks up to this one have forwarded the changes they held back; their records may wait for
    /// room.
    Forwarding(Option<TaskId>),
    /// Tasks up to this one have been prepared; their records may wait for room.
    Staging(Offsets, Option<TaskId>),
    /// The records of all tasks are in transit; without offsets the tasks' changelog records are
    /// still to come.
    Flushing(Option<Offsets>, Answer<Vec<BatchReport>>),
    /// They are on the cluster, without their offsets.
    Flushed(Prepared),
    /// The offsets are in transit, to the group or to the transaction.
    Offsets(Prepared, Answer<()>),
    /// The end of the transaction is in transit.
    Ending(Prepared, Answer<()>),
    /// Everything is committed. Foreign rows in changelogs are being rewritten; the answer confirms
    /// that they are on the cluster.
    Mending(Vec<Gap>, Option<Answer<Vec<BatchReport>>>),
}

/// The records of all tasks.
pub(super) struct Prepared {
    pub(super) offsets: Offsets,
    pub(super) written: Written,
}

impl Phase {
    /// Returns whether the tasks are staged and not yet committed: what they do from here on belongs
    /// to the next commit.
    pub(super) fn is_staged(&self) -> bool {
        matches!(
            self,
            Self::Flushing(Some(_), _) | Self::Flushed(_) | Self::Offsets(..) | Self::Ending(..)
        )
    }

    /// Returns whether a request is unanswered, or a record in flight.
    pub(super) fn has_asked(&self) -> bool {
        !matches!(self, Self::Flushed(_))
    }

    /// Waits for an answer, for at most `max_wait`.
    pub(super) fn wait(&self, max_wait: Duration) {
        match self {
            Self::Draining | Self::Forwarding(_) | Self::Staging(..) | Self::Mending(_, None) => {
                wait_for_a_wake(max_wait.min(DRAIN_WAIT));
            }
            _ if self.has_asked() => wait_for_a_wake(max_wait),
            _ => {}
        }
    }
}
