//! The topics of a client: handles and numbers of partitions, looked up from time to time.

use std::{sync::Arc, time::Duration};

use hashbrown::HashMap;

use super::{
    events::ClientEvents,
    failure::{is_unknown_topic, of_look_up},
    ffi::{Client, Topic},
};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::propagation::partition_count,
    time::{Clock, SystemClock, duration_ms},
};

/// Topics by name.
#[derive(Debug)]
pub(super) struct Topics {
    known: HashMap<Arc<str>, Known>,
    /// Time limit of a look-up.
    wait: Duration,
    max_age: Duration,
}

#[derive(Debug)]
struct Known {
    topic: Arc<Topic>,
    partitions: i32,
    looked_up_ms: i64,
}

impl Topics {
    pub(super) fn new(wait: Duration, max_age: Duration) -> Self {
        Self { known: HashMap::new(), wait, max_age }
    }

    /// The topic of an existing partition.
    ///
    /// # Errors
    /// `InvalidTopic` if it does not exist, `Unavailable` if no broker answered.
    pub(super) fn of(
        &mut self,
        client: &Arc<Client>,
        partition: &TopicPartition,
    ) -> Result<Arc<Topic>> {
        let is_known = self.known.get(&*partition.topic).is_some_and(|known| known.has(partition));
        if !is_known {
            self.look_up(client, &partition.topic, partition.partition.saturating_add(1))?;
        }
        match self.known.get(&*partition.topic) {
            Some(known) if known.has(partition) => Ok(Arc::clone(&known.topic)),
            known => {
                let partitions = known.map_or(0, |known| known.partitions);
                let text =
                    format!("{partition} does not exist: the topic has {partitions} partitions");
                Err(Error::new(ErrorKind::InvalidTopic, text))
            }
        }
    }

    /// The number of partitions of a topic, no older than `metadata.max.age.ms`.
    ///
    /// # Errors
    /// `InvalidTopic` if it does not exist, `Unavailable` if no broker answered.
    pub(super) fn partitions(&mut self, client: &Arc<Client>, topic: &str) -> Result<i32> {
        let now_ms = SystemClock.now_ms();
        let max_age_ms = duration_ms(self.max_age);
        match self.known.get(topic) {
            Some(known) if now_ms.saturating_sub(known.looked_up_ms) < max_age_ms => {
                Ok(known.partitions)
            }
            _ => self.look_up(client, topic, 1),
        }
    }

    /// Looks a topic up until it has as many partitions as needed or will not have them soon.
    fn look_up(&mut self, client: &Arc<Client>, name: &str, needed: i32) -> Result<i32> {
        let topic = match self.known.get(name) {
            Some(known) => Arc::clone(&known.topic),
            None => Arc::new(Topic::new(client, name).ok_or_else(|| {
                Error::new(ErrorKind::InvalidTopic, format!("`{name}` can't name a topic"))
            })?),
        };
        let partitions = partition_count(name, needed, || self.ask(client.events(), &topic, name))?;
        let looked_up_ms = SystemClock.now_ms();
        self.known.insert(name.into(), Known { topic, partitions, looked_up_ms });
        Ok(partitions)
    }

    /// The number of partitions of a topic; `None` if it does not exist.
    fn ask(&self, events: &ClientEvents, topic: &Topic, name: &str) -> Result<Option<i32>> {
        match topic.partition_count(self.wait) {
            Ok(partitions) => Ok(Some(partitions)),
            Err(code) if is_unknown_topic(code) => Ok(None),
            Err(code) => Err(of_look_up(events, &format!("topic {name}"), code)),
        }
    }
}

impl Known {
    fn has(&self, partition: &TopicPartition) -> bool {
        (0..self.partitions).contains(&partition.partition)
    }
}
