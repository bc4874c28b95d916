//! Which partitions a record goes to.

/// The partitions of a topic that a record goes to: what a [`StreamPartitioner`](super::StreamPartitioner) says
/// (KIP-837).
///
/// Made of a number, of an `Option` of one, where `None` leaves it to the key, or of a list.
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
    /// That of the hash of the key; one in turn for a record without a key. Java's empty `Optional`.
    ByKey,
    /// This one.
    One(i32),
    /// Each of these, once. To none if there are none: the record is dropped, and counted as dropped.
    Several(Vec<i32>),
    /// Each that the topic has.
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
