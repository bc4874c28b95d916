//! Commands of the caller's side of a producer to its task.

use tokio::sync::oneshot;

use super::batch::Batch;
use crate::{GroupMember, OffsetAndMetadata, Result, TopicPartition};

pub(super) type Reply = oneshot::Sender<Result>;

/// In the order of the calls.
#[derive(Debug)]
pub(super) enum Command {
    /// A partition, which takes the next slot.
    Partition(TopicPartition),
    /// A batch for the partition of a slot.
    Batch(usize, Batch),
    /// Registers the transactional id.
    Init(Reply),
    /// Begins a transaction.
    Begin,
    /// Adds offsets to the transaction.
    Offsets(GroupMember, Vec<(TopicPartition, OffsetAndMetadata)>, Reply),
    /// Ends the transaction: commits it, or aborts it.
    End { commit: bool, reply: Reply },
}
