//! Position of a store in the inputs of its task, for readers that compare it with what they have
//! seen.

use std::{collections::BTreeMap, sync::Arc};

use crate::{Headers, TopicPartition};

/// Offsets of the last records that wrote to a store, by topic and partition. Java's `Position`.
#[derive(Clone, Debug, Default)]
pub struct Position {
    topics: BTreeMap<Arc<str>, BTreeMap<i32, i64>>,
}

/// Header with the version of the format.
const VERSION_HEADER: &str = "v";
/// Header with the position.
const POSITION_HEADER: &str = "c";
const VERSION: u8 = 0;

impl Position {
    /// Notes that the record at this offset wrote to the store.
    pub(crate) fn reach(&mut self, input: &TopicPartition, offset: i64) {
        let partitions = match self.topics.get_mut(&input.topic) {
            Some(partitions) => partitions,
            None => self.topics.entry(input.topic.clone()).or_default(),
        };
        partitions.insert(input.partition, offset);
    }

    /// Adds the two headers to a changelog record of a store at this position.
    pub(crate) fn add_to(&self, headers: &mut Headers) {
        headers.add(VERSION_HEADER, Some(&[VERSION]));
        headers.add(POSITION_HEADER, Some(&self.to_bytes()));
    }

    /// Layout: the version in a byte, the number of topics; for each its length and name, and the
    /// number of its partitions; for each of those its number and, in eight bytes, the offset. Java
    /// allocates as many bytes as these have bits, so the rest is zero.
    fn to_bytes(&self) -> Vec<u8> {
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        let mut bytes = vec![VERSION];
        let mut java_length = 8 + 32;
        bytes.extend(count(self.topics.len()));
        for (topic, partitions) in &self.topics {
            bytes.extend(count(topic.len()));
            bytes.extend(topic.as_bytes());
            bytes.extend(count(partitions.len()));
            java_length += 32 + topic.len() + 32 + 96 * partitions.len();
            for (partition, offset) in partitions {
                bytes.extend(partition.to_be_bytes());
                bytes.extend(offset.to_be_bytes());
            }
        }
        bytes.resize(java_length, 0);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that Java 4.3.1 wrote for offset 2 of partition 0 of topic `in`, padded to 202.
    #[test]
    fn a_position_has_javas_bytes() {
        let mut position = Position::default();
        let input = TopicPartition { topic: "in".into(), partition: 0 };
        position.reach(&input, 1);
        position.reach(&input, 2);
        let bytes = position.to_bytes();
        let (begin, rest) = bytes.split_at(27);
        assert_eq!(
            begin,
            [0, 0, 0, 0, 1, 0, 0, 0, 2, b'i', b'n', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]
        );
        assert_eq!((bytes.len(), rest.iter().all(|byte| *byte == 0)), (202, true));
    }
}
