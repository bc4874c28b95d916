//! Distance of a record from the one that a test piped in.

use std::collections::HashMap;

use crate::{Error, ErrorKind, RecordMetadata, Result, TopicPartition};

/// Number of generations after which records count as going round in a circle.
const GENERATIONS_MAX: u32 = 10_000;

/// The generations of the records that the topology wrote to topics that it reads: a record is one
/// generation after the record for which it was written. That distinguishes a circle of topics from
/// a record that becomes many.
#[derive(Debug, Default)]
pub(super) struct Descent {
    queued: HashMap<(TopicPartition, i64), u32>,
    /// Generation of the last processed record; 0 for one that a test piped in.
    current: u32,
}

impl Descent {
    /// Notes that a record was processed.
    pub(super) fn processed(&mut self, record: &RecordMetadata) {
        let position = record.topic_partition.clone().map(|to| (to, record.offset));
        self.current = position.and_then(|position| self.queued.remove(&position)).unwrap_or(0);
    }

    /// Notes that one of its results goes back into a queue.
    pub(super) fn returned(&mut self, partition: &TopicPartition, offset: i64) -> Result {
        let generation = self.current + 1;
        if generation > GENERATIONS_MAX {
            self.clear();
            let topic = &partition.topic;
            let text = format!(
                "records go round in a circle through topic {topic}, which the topology both writes to and reads: \
                 {GENERATIONS_MAX} of them came one of the other; let some record end it"
            );
            return Err(Error::new(ErrorKind::Topology, text));
        }
        self.queued.insert((partition.clone(), offset), generation);
        Ok(())
    }

    /// Notes that all queues are empty.
    pub(super) fn clear(&mut self) {
        self.queued.clear();
        self.current = 0;
    }
}
