//! The topics of a client: numbers of partitions, looked up from time to time.

use std::sync::Arc;

use hashbrown::HashMap;
use kafka_client::Client;

use super::{failure::of_look_up, io::IoThread};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::propagation::partition_count,
    time::{Clock, SystemClock, duration_ms},
};

/// Numbers of partitions by topic.
#[derive(Debug)]
pub(super) struct Topics {
    client: Client,
    io: Arc<IoThread>,
    known: HashMap<Arc<str>, Known>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    partitions: i32,
    looked_up_ms: i64,
}

impl Topics {
    pub(super) fn new(client: Client, io: Arc<IoThread>) -> Self {
        Self { client, io, known: HashMap::new() }
    }

    /// Checks that a partition exists.
    ///
    /// # Errors
    /// `InvalidTopic` if it does not exist, `Unavailable` if no broker answered.
    pub(super) fn check(&mut self, place: &TopicPartition) -> Result {
        let has = |partitions: i32| (0..partitions).contains(&place.partition);
        if self.known.get(&*place.topic).is_some_and(|known| has(known.partitions)) {
            return Ok(());
        }
        let partitions = self.look_up(&place.topic, place.partition.saturating_add(1))?;
        if has(partitions) {
            return Ok(());
        }
        let text = format!("{place} does not exist: the topic has {partitions} partitions");
        Err(Error::new(ErrorKind::InvalidTopic, text))
    }

    /// The number of partitions of a topic, no older than `metadata.max.age.ms`.
    ///
    /// # Errors
    /// `InvalidTopic` if it does not exist, `Unavailable` if no broker answered.
    pub(super) fn partitions(&mut self, topic: &str) -> Result<i32> {
        let max_age_ms = duration_ms(self.client.config().metadata_max_age);
        let now_ms = SystemClock.now_ms();
        match self.known.get(topic) {
            Some(known) if now_ms.saturating_sub(known.looked_up_ms) < max_age_ms => {
                Ok(known.partitions)
            }
            _ => self.look_up(topic, 1),
        }
    }

    /// Looks a topic up until it has as many partitions as needed or will not have them soon.
    fn look_up(&mut self, name: &str, needed: i32) -> Result<i32> {
        let partitions = partition_count(name, needed, || self.ask(name))?;
        let looked_up_ms = SystemClock.now_ms();
        self.known.insert(name.into(), Known { partitions, looked_up_ms });
        Ok(partitions)
    }

    /// The number of partitions of a topic; `None` if it does not exist.
    fn ask(&self, name: &str) -> Result<Option<i32>> {
        let (client, topic) = (self.client.clone(), name.to_owned());
        let counted = self.io.begin(async move {
            let counts = client.partition_counts(&[&topic]).await;
            counts
                .map(|counts| counts.get(&topic).copied())
                .map_err(|cause| of_look_up(&topic, cause))
        });
        counted.wait()
    }
}
