//! How far a record descends from the one that a test piped in.

use std::collections::HashMap;

use crate::{Error, ErrorKind, RecordMetadata, Result, TopicPartition};

/// Generations after which records are taken to go round in a circle.
const GENERATIONS_MAX: u32 = 10_000;

/// The generations of the records that the topology wrote to topics that it reads: a record comes one behind that which
/// it was written for. It is what tells a circle of topics from a record that becomes many.
#[derive(Debug, Default)]
pub(super) struct Descent {
    queued: HashMap<(TopicPartition, i64), u32>,
    /// Generation of the record that was processed last; 0 of one that a test piped in.
    current: u32,
}

impl Descent {
    /// A record was processed.
    pub(super) fn processed(&mut self, record: &RecordMetadata) {
        let place = record.topic_partition.clone().map(|place| (place, record.offset));
        self.current = place.and_then(|place| self.queued.remove(&place)).unwrap_or(0);
    }

    /// A record that came of it goes back into a queue.
    pub(super) fn returned(&mut self, place: &TopicPartition, offset: i64) -> Result {
        let generation = self.current + 1;
        if generation > GENERATIONS_MAX {
            self.clear();
            let topic = &place.topic;
            let text = format!(
                "records go round in a circle through topic {topic}, which the topology both writes to and reads: \
                 {GENERATIONS_MAX} of them came one of the other; let some record end it"
            );
            return Err(Error::new(ErrorKind::Topology, text));
        }
        self.queued.insert((place.clone(), offset), generation);
        Ok(())
    }

    /// All queues are empty.
    pub(super) fn clear(&mut self) {
        self.queued.clear();
        self.current = 0;
    }
}
