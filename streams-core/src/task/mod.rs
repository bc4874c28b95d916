//! Tasks: one partition's share of a sub-topology.
//!
//! A task owns all that it touches while it processes: nodes, stores, queues. It knows no consumer and
//! no group; the thread hands it batches, a producer and the time. Invariant: nothing of a task is in
//! its database that the cluster has not committed.

mod active;
mod changelog_mark;
mod commit;
mod commit_metadata;
mod databases;
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
    global::{GlobalTask, add_global_stores, open_global_databases},
};
pub(crate) use crate::processor::{Readiness, TaskSettings, TaskState};
