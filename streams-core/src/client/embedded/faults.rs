//! Faults on demand, for simulations.
//!
//! Invariant: a fault is decided before a call and never invents a third outcome: the call has no effect
//! and says so, or it has its effect, now or later, and the caller can't know.

use std::{fmt::Debug, time::Duration};

/// What a client is about to ask of the cluster.
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
    /// What it asks.
    pub kind: OperationKind,
}

/// What befalls a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// The call has no effect and fails with `Unavailable`.
    Unavailable,
    /// The call has its effect but fails with `Timeout`; one that only reads fails with `Unavailable`.
    LostReply,
    /// The call happens after a wait on the cluster's clock: its caller waits, or its answer is late.
    Delay(Duration),
    /// The call happens, and its answer is late: its caller waits, unless it is one that begins.
    Slow(Duration),
    /// What a producer without transactions sends arrives so much later, whatever becomes of the producer, which is told
    /// `Timeout` at once. For every other call it is a [`LostReply`](Self::LostReply).
    Late(Duration),
    /// Of the batches that a producer sends some are written and the others never: those at the places, in the order of
    /// their partitions, whose bits are set. It is told `Timeout`. For every other call it is a
    /// [`LostReply`](Self::LostReply).
    Torn(u64),
}

/// Decides which calls fail. It is asked before each of them, in their order.
pub trait FaultInjector: Send + Debug {
    /// The fate of a call.
    fn before(&mut self, operation: Operation<'_>) -> Fault;

    /// Whether a producer has no room for the record that it is about to take. Without an implementation of its own it is
    /// full only when it can't send what it has.
    fn is_full(&mut self, client_id: &str) -> bool {
        let _ = client_id;
        false
    }
}
