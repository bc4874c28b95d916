//! Reading partitions.

use std::{fmt::Debug, time::Duration};

use super::RecordBatch;
use crate::{Result, TopicPartition};

/// Reads the partitions assigned to it; it never joins a group.
pub trait Consumer: Send + Debug {
    /// Starts to read a partition at `offset`. A partition that is already assigned moves there.
    ///
    /// # Errors
    /// `InvalidTopic` if the partition does not exist.
    fn assign(&mut self, partition: &TopicPartition, offset: i64) -> Result;

    /// Stops reading a partition; one that is not assigned is ignored.
    fn unassign(&mut self, partition: &TopicPartition);

    /// Returns the available records, about `max_records` at most, each partition's records in
    /// order and no partition starved. Waits no longer than `max_wait` if there are none. Control
    /// records and, with read-committed, records of aborted and open transactions are never
    /// returned; a batch without records reports that the position moved past some.
    ///
    /// # Errors
    /// `Unavailable` if the cluster can't be reached; `InvalidState` naming the partition if its
    /// position is out of the log's range (it was truncated or deleted).
    fn poll(&mut self, max_records: usize, max_wait: Duration) -> Result<Vec<RecordBatch>>;

    /// While `held`, takes nothing from a partition; records that were fetched ahead are kept. For
    /// a reader that has no room for more of them now.
    fn hold(&mut self, partition: &TopicPartition, held: bool);

    /// The next offset that `poll` will return, or `None` if the partition is not assigned.
    fn position(&self, partition: &TopicPartition) -> Option<i64>;

    /// Number of records known to be on the cluster after the position, at the last fetch: up to
    /// the last stable offset with read-committed, otherwise to the high watermark. `None` before
    /// the first fetch.
    fn lag(&self, partition: &TopicPartition) -> Option<i64>;
}
