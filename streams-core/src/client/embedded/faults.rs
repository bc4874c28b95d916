//! Faults on demand, for simulations.
//!
//! Invariant: a fault is decided before a call and never invents a third outcome: either the call
//! has no effect and reports so, or it takes effect, now or later, and the caller can't know.

use std::{fmt::Debug, time::Duration};

/// Kind of a call on the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OperationKind {
    /// A consumer polls.
    Fetch,
    /// A producer sends its open batches.
    Produce,
    /// A producer registers its transactional id.
    InitTransactions,
    /// A producer adds offsets to its transaction.
    SendOffsets,
    /// A producer commits.
    CommitTransaction,
    /// A producer aborts.
    AbortTransaction,
    /// A member joins or sends a heartbeat.
    Heartbeat,
    /// A member commits offsets.
    CommitOffsets,
    /// A member reads committed offsets.
    FetchOffsets,
    /// A member leaves.
    LeaveGroup,
    /// Topics or partition counts are looked up.
    DescribeTopics,
    /// Topics are created.
    CreateTopics,
    /// First or last offsets are looked up.
    ListOffsets,
    /// Records are deleted.
    DeleteRecords,
}

/// A call of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation<'a> {
    /// Name of the client, as it was given; empty for an admin client.
    pub client_id: &'a str,
    /// Kind of the call.
    pub kind: OperationKind,
}

/// The fault injected into a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// No fault.
    #[default]
    None,
    /// The call has no effect and fails with `Unavailable`.
    Unavailable,
    /// The call takes effect but fails with `Timeout`; one that only reads fails with
    /// `Unavailable`.
    LostReply,
    /// The call happens after a wait on the cluster's clock: its caller waits, or its answer is
    /// late.
    Delay(Duration),
    /// The call happens, and its answer is late: its caller waits, unless the call is asynchronous.
    Slow(Duration),
    /// The records of a producer without transactions arrive this much later, whatever happens to
    /// the producer, which gets `Timeout` at once. For every other call the same as
    /// [`LostReply`](Self::LostReply).
    Late(Duration),
    /// Some of a producer's records are written and the rest never: for the n-th partition, in
    /// order, nothing unless bit n is set, and only the first records if bit n + 32 is set, too.
    /// The producer gets `Timeout`. For every other call the same as
    /// [`LostReply`](Self::LostReply).
    Torn(u64),
}

/// Decides which calls fail. Asked before each call, in order.
pub trait FaultInjector: Send + Debug {
    /// The fate of a call.
    fn before(&mut self, operation: Operation<'_>) -> Fault;

    /// Returns whether a producer has no room for the record that it is about to take. By default
    /// it is full only when it can't send its batches.
    fn is_full(&mut self, client_id: &str) -> bool {
        let _ = client_id;
        false
    }
}
