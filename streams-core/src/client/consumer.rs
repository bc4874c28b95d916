//! Reading partitions.

use std::{fmt::Debug, time::Duration};

use super::RecordBatch;
use crate::{Result, TopicPartition};

/// Reads the partitions that it was handed; it never joins a group.
pub trait Consumer: Send + Debug {
    /// Starts to read a partition at `offset`. A partition that is assigned already moves there.
    ///
    /// # Errors
    /// `InvalidTopic` if the partition does not exist.
    fn assign(&mut self, partition: &TopicPartition, offset: i64) -> Result;

    /// Stops reading a partition; one that is not assigned is ignored.
    fn unassign(&mut self, partition: &TopicPartition);

    /// Hands out what there is, at most about `max_records`, each partition's records in order and no
    /// partition starved. Waits no longer than `max_wait` if there is nothing. Control records and, with
    /// read-committed, records of aborted and open transactions never show; a batch without
    /// records says that the position moved over such.
    ///
    /// # Errors
    /// `Unavailable` if the cluster can't be reached; `InvalidState` naming the partition if its
    /// position is out of the log's range (it was truncated or deleted).
    fn poll(&mut self, max_records: usize, max_wait: Duration) -> Result<Vec<RecordBatch>>;

    /// Takes nothing from a partition while it is held; what was fetched ahead of it stays. For a reader that has
    /// no room for more of it now.
    fn hold(&mut self, partition: &TopicPartition, held: bool);

    /// The next offset that `poll` will hand out, or `None` if the partition is not assigned.
    fn position(&self, partition: &TopicPartition) -> Option<i64>;

    /// Records known to be on the cluster behind the position, as of the last fetch: up to the last
    /// stable offset with read-committed, else to the high watermark. `None` before the first fetch.
    fn lag(&self, partition: &TopicPartition) -> Option<i64>;
}
