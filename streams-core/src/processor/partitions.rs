//! The partitions that a record goes to.

/// The partitions of a topic that a record goes to: the answer of a
/// [`StreamPartitioner`](super::StreamPartitioner) (KIP-837).
///
/// Made from a number, from an `Option` of one, where `None` leaves it to the key, or from a list.
///
/// ```
/// use streams_core::processor::Partitions;
///
/// assert_eq!(Partitions::from(Some(2)), Partitions::One(2));
/// assert_eq!(Partitions::from(None::<i32>), Partitions::ByKey);
/// assert_eq!(Partitions::from(vec![0, 2]), Partitions::Several(vec![0, 2]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Partitions {
    /// The partition of the key's hash; for records without a key, each partition in turn. Java's
    /// empty `Optional`.
    ByKey,
    /// This partition.
    One(i32),
    /// Each of these partitions, once. An empty list drops the record, which is counted as dropped.
    Several(Vec<i32>),
    /// Every partition of the topic.
    All,
}

impl From<i32> for Partitions {
    fn from(partition: i32) -> Self {
        Self::One(partition)
    }
}

impl From<Option<i32>> for Partitions {
    fn from(partition: Option<i32>) -> Self {
        partition.map_or(Self::ByKey, Self::One)
    }
}

impl From<Vec<i32>> for Partitions {
    fn from(partitions: Vec<i32>) -> Self {
        Self::Several(partitions)
    }
}
