//! The topics of a client: handles and numbers of partitions, looked up once in a while.

use std::{sync::Arc, time::Duration};

use hashbrown::HashMap;

use super::{
    events::ClientEvents,
    failure::{is_unknown_topic, of_look_up},
    ffi::{Client, Topic},
};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    time::{Clock, SystemClock, duration_ms},
};

/// For how long a topic may be unknown to a broker after it was made on another.
const PROPAGATION: Duration = Duration::from_secs(1);
/// The pause between two look-ups of an unknown topic.
const PAUSE: Duration = Duration::from_millis(50);

/// Topics by name.
#[derive(Debug)]
pub(super) struct Topics {
    known: HashMap<Arc<str>, Known>,
    /// How long a look-up may take.
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

    /// The topic of a partition that exists.
    ///
    /// # Errors
    /// `InvalidTopic` if it does not, `Unavailable` if nobody could be asked.
    pub(super) fn of(
        &mut self,
        client: &Arc<Client>,
        place: &TopicPartition,
    ) -> Result<Arc<Topic>> {
        let is_known = self.known.get(&*place.topic).is_some_and(|known| known.has(place));
        if !is_known {
            self.look_up(client, &place.topic)?;
        }
        match self.known.get(&*place.topic) {
            Some(known) if known.has(place) => Ok(Arc::clone(&known.topic)),
            known => {
                let partitions = known.map_or(0, |known| known.partitions);
                let text = format!("{place} does not exist: the topic has {partitions} partitions");
                Err(Error::new(ErrorKind::InvalidTopic, text))
            }
        }
    }

    /// The number of partitions of a topic, not older than `metadata.max.age.ms`.
    ///
    /// # Errors
    /// `InvalidTopic` if it does not exist, `Unavailable` if nobody could be asked.
    pub(super) fn partitions(&mut self, client: &Arc<Client>, topic: &str) -> Result<i32> {
        let now_ms = SystemClock.now_ms();
        let max_age_ms = duration_ms(self.max_age);
        match self.known.get(topic) {
            Some(known) if now_ms.saturating_sub(known.looked_up_ms) < max_age_ms => {
                Ok(known.partitions)
            }
            _ => self.look_up(client, topic),
        }
    }

    fn look_up(&mut self, client: &Arc<Client>, name: &str) -> Result<i32> {
        let topic = match self.known.get(name) {
            Some(known) => Arc::clone(&known.topic),
            None => Arc::new(Topic::new(client, name).ok_or_else(|| {
                Error::new(ErrorKind::InvalidTopic, format!("`{name}` can't name a topic"))
            })?),
        };
        let partitions = self.ask(client.events(), &topic, name)?;
        let looked_up_ms = SystemClock.now_ms();
        self.known.insert(name.into(), Known { topic, partitions, looked_up_ms });
        Ok(partitions)
    }

    fn ask(&self, events: &ClientEvents, topic: &Topic, name: &str) -> Result<i32> {
        let until_ms = SystemClock.now_ms() + duration_ms(PROPAGATION);
        loop {
            match topic.partition_count(self.wait) {
                Ok(partitions) => return Ok(partitions),
                Err(code) if is_unknown_topic(code) && SystemClock.now_ms() < until_ms => {
                    SystemClock.sleep(PAUSE);
                }
                Err(code) if is_unknown_topic(code) => {
                    let text = format!("topic {name} does not exist ({code})");
                    return Err(Error::new(ErrorKind::InvalidTopic, text));
                }
                Err(code) => return Err(of_look_up(events, &format!("topic {name}"), code)),
            }
        }
    }
}

impl Known {
    fn has(&self, place: &TopicPartition) -> bool {
        (0..self.partitions).contains(&place.partition)
    }
}
