//! A Kafka cluster in this process, with nothing on disk.
//!
//! For examples, for tests of topologies with real partitions and rebalances, and for simulations:
//! partitioned logs, transactions with read-committed, compaction, a group coordinator in the model
//! of KIP-1071, and faults on demand. It is not a broker: there is no network, no replication, no
//! retention by time and no security.
//!
//! [`EmbeddedCluster`] is the handle. Behind it one lock guards the cluster's state: topics with
//! their logs, transactional ids and groups. Clients only hold positions and open batches.
//! Invariants: fetched records are shared with the log, never copied; time comes from the cluster's
//! clock alone; no call waits but `poll`, and that only if the settings say so.

mod admin;
mod cluster;
mod compaction;
mod consumer;
mod coordinator;
mod faults;
mod log;
mod member;
mod producer;
mod settings;
mod shared;
mod state;
mod stored_record;
#[cfg(test)]
mod tests;
mod topic;
mod transactions;
mod typed;

pub use self::{
    cluster::EmbeddedCluster,
    coordinator::GroupMember,
    faults::{Fault, FaultInjector, Operation, OperationKind},
    settings::ClusterSettings,
    stored_record::StoredRecord,
};
