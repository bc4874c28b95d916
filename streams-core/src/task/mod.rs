//! Tasks: one partition's share of a sub-topology.
//!
//! A task owns everything that it uses while it processes: nodes, stores, queues. It knows no
//! consumer and no group; the thread passes it batches, a producer and the time. Invariant: a
//! task's database has nothing that the cluster has not committed.

mod active;
mod changelog_mark;
mod commit;
mod commit_metadata;
mod databases;
mod figures;
mod global;
mod idle;
mod in_flight;
mod retry;

pub(crate) use self::{
    active::ActiveTask,
    changelog_mark::ChangelogMark,
    commit::CommitState,
    commit_metadata::CommitMetadata,
    databases::TaskDatabases,
    figures::Counted,
    global::{GlobalTask, add_global_stores, open_global_databases},
};
pub(crate) use crate::processor::{Readiness, TaskSettings, TaskState};
