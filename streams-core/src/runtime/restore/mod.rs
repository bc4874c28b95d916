//! Filling of local state from changelogs: restore of active tasks, and standby tasks.
//!
//! A [`Restorer`] has its own consumer and works on bytes: it needs no types and no nodes. An
//! active task is restored up to the end of its changelogs and then handed over; a standby is kept
//! up to date for good. All share one consumer. Invariants: after an error nothing more is written,
//! since rows that were read may be lost; the stream thread learns of it, abandons the restore, and
//! the databases' offsets tell where to continue. A task is handed over only with everything that
//! its changelogs had when it was added, or when restore last started over.

mod beginning;
mod changelog;
mod latest_times;
mod memory;
mod policy;
mod progress;
mod restorer;
mod rewrite;
mod standstill;
mod turn;

use std::ops::Bound;

use state_store::{Database, Direction, StoreId};

pub(crate) use self::{
    latest_times::LatestTimes,
    restorer::{Assignment, Restorer},
};
use crate::Result;

/// Returns whether a store has any rows.
pub(super) fn has_rows(database: &dyn Database, id: StoreId) -> Result<bool> {
    let (from, to) = (Bound::Unbounded, Bound::Unbounded);
    let first = database.range(id, from, to, Direction::Forward)?.next();
    Ok(first.transpose()?.is_some())
}

#[cfg(test)]
mod tests;
