//! A fetch session at one broker (KIP-227): only changes since the last request are sent.

use std::collections::BTreeMap;

use kafka_protocol::{
    messages::{
        BrokerId, FetchRequest, TopicName,
        fetch_request::{FetchPartition, FetchTopic, ForgottenTopic},
    },
    protocol::StrBytes,
};
use uuid::Uuid;

use super::ConsumerConfig;
use crate::TopicPartition;

/// Newest version that is useful to a consumer; the next one carries data for brokers.
const VERSION_MAX: i16 = 17;
/// Newest version that identifies topics by name.
const VERSION_MAX_WITH_NAMES: i16 = 12;
/// Epoch of a request without a session.
const NO_SESSION: i32 = -1;
/// Epoch of a request that opens one.
const NEW_SESSION: i32 = 0;
/// Kafka's value for "unknown".
const UNKNOWN: i32 = -1;

/// Request for a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) offset: i64,
    /// Epoch of the leader that this client knows.
    pub(super) leader_epoch: Option<i32>,
    /// Epoch of the batch before the offset.
    pub(super) last_epoch: Option<i32>,
    pub(super) topic_id: Uuid,
}

/// Partitions requested from one broker.
pub(super) type AllWanted = BTreeMap<TopicPartition, Wanted>;

/// A request and the newest version in which it can be sent.
pub(super) struct Asked {
    pub(super) request: FetchRequest,
    pub(super) version_max: i16,
}

/// A broker's memory of a consumer between its requests.
#[derive(Debug, Default)]
pub(super) struct Session {
    id: i32,
    epoch: i32,
    has_ids: bool,
    known: AllWanted,
    /// Whether the next request opens a session in place of this one.
    is_outdated: bool,
}

impl Session {
    /// The next request. `None` if nothing is wanted.
    pub(super) fn request(&mut self, wanted: AllWanted, config: &ConsumerConfig) -> Option<Asked> {
        if wanted.is_empty() {
            return None;
        }
        let has_ids = all_have_ids(&wanted);
        if std::mem::take(&mut self.is_outdated) || has_ids != self.has_ids {
            self.begin_anew();
            self.has_ids = has_ids;
        }
        let is_new =
            |(name, asked): &(&TopicPartition, &Wanted)| self.known.get(name) != Some(asked);
        let topics = topics(wanted.iter().filter(is_new), config);
        let forgotten = self.known.iter().filter(|(name, _)| !wanted.contains_key(*name));
        let request = request(config)
            .with_session_id(self.id)
            .with_session_epoch(self.epoch)
            .with_max_wait_ms(i32::try_from(config.max_wait.as_millis()).unwrap_or(i32::MAX))
            .with_topics(topics)
            .with_forgotten_topics_data(forgotten_topics(forgotten));
        self.known = wanted;
        Some(Asked { request, version_max: version_max(has_ids) })
    }

    /// Has the next request open a session in place of this one if the session has this partition:
    /// it is read anew. In a session a broker says nothing of a partition in which nothing has
    /// happened, and the new reader would never hear where its log ends.
    pub(super) fn read_anew(&mut self, name: &TopicPartition) {
        self.is_outdated |= self.known.contains_key(name);
    }

    /// Notes the session in which the broker answered.
    pub(super) fn answered(&mut self, session_id: i32) {
        if session_id == 0 {
            // The broker has no room for a session: each request is complete.
            self.begin_anew();
            return;
        }
        self.id = session_id;
        self.epoch = self.epoch.checked_add(1).unwrap_or(1);
    }

    /// Makes the next request open a session that replaces this one.
    pub(super) fn begin_anew(&mut self) {
        self.epoch = NEW_SESSION;
        self.known.clear();
    }

    /// Drops the session, which the broker does not know either.
    pub(super) fn lost(&mut self) {
        self.id = 0;
        self.begin_anew();
    }
}

/// A request outside the session, which is answered at once.
pub(super) fn at_once(wanted: &AllWanted, config: &ConsumerConfig) -> Asked {
    let request = request(config)
        .with_session_epoch(NO_SESSION)
        .with_max_wait_ms(0)
        .with_topics(topics(wanted.iter(), config));
    Asked { request, version_max: version_max(all_have_ids(wanted)) }
}

fn request(config: &ConsumerConfig) -> FetchRequest {
    FetchRequest::default()
        .with_replica_id(BrokerId(UNKNOWN))
        .with_min_bytes(config.min_bytes)
        .with_max_bytes(config.max_bytes)
        .with_isolation_level(config.isolation.wire())
}

fn all_have_ids(wanted: &AllWanted) -> bool {
    wanted.values().all(|asked| !asked.topic_id.is_nil())
}

fn version_max(has_ids: bool) -> i16 {
    if has_ids { VERSION_MAX } else { VERSION_MAX_WITH_NAMES }
}

fn topics<'a>(
    wanted: impl Iterator<Item = (&'a TopicPartition, &'a Wanted)>,
    config: &ConsumerConfig,
) -> Vec<FetchTopic> {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for (name, asked) in wanted {
        let partition = FetchPartition::default()
            .with_partition(name.partition)
            .with_current_leader_epoch(asked.leader_epoch.unwrap_or(UNKNOWN))
            .with_fetch_offset(asked.offset)
            .with_last_fetched_epoch(asked.last_epoch.unwrap_or(UNKNOWN))
            .with_partition_max_bytes(config.partition_max_bytes);
        // In the map, partitions of a topic are neighbours.
        match topics.last_mut().filter(|topic| *topic.topic.0 == *name.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(
                FetchTopic::default()
                    .with_topic(topic_name(name))
                    .with_topic_id(asked.topic_id)
                    .with_partitions(vec![partition]),
            ),
        }
    }
    topics
}

fn forgotten_topics<'a>(
    forgotten: impl Iterator<Item = (&'a TopicPartition, &'a Wanted)>,
) -> Vec<ForgottenTopic> {
    let mut topics: Vec<ForgottenTopic> = Vec::new();
    for (name, asked) in forgotten {
        match topics.last_mut().filter(|topic| *topic.topic.0 == *name.topic) {
            Some(topic) => topic.partitions.push(name.partition),
            None => topics.push(
                ForgottenTopic::default()
                    .with_topic(topic_name(name))
                    .with_topic_id(asked.topic_id)
                    .with_partitions(vec![name.partition]),
            ),
        }
    }
    topics
}

fn topic_name(name: &TopicPartition) -> TopicName {
    TopicName(StrBytes::from_string(name.topic.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(offsets: &[(&str, i32, i64)]) -> AllWanted {
        let asked = |(topic, partition, offset): &(&str, i32, i64)| {
            let topic_id = Uuid::from_u128(u128::from(topic.as_bytes()[0]));
            let asked =
                Wanted { offset: *offset, leader_epoch: Some(3), last_epoch: None, topic_id };
            (TopicPartition::new(*topic, *partition), asked)
        };
        offsets.iter().map(asked).collect()
    }

    /// Topic, partition and offset.
    type Asks = (String, i32, i64);

    /// Session id and epoch of a request, the partitions that it asks for and those that it
    /// removes.
    fn said(asked: Option<Asked>) -> (i32, i32, Vec<Asks>, Vec<(String, i32)>) {
        let request = asked.unwrap().request;
        let topics = request.topics.iter().flat_map(|topic| {
            topic
                .partitions
                .iter()
                .map(|asked| (topic.topic.to_string(), asked.partition, asked.fetch_offset))
        });
        let forgotten = request.forgotten_topics_data.iter().flat_map(|topic| {
            topic.partitions.iter().map(|partition| (topic.topic.to_string(), *partition))
        });
        (request.session_id, request.session_epoch, topics.collect(), forgotten.collect())
    }

    #[test]
    fn a_request_says_what_has_changed_since_the_last_one() {
        let config = ConsumerConfig::new("me");
        let mut session = Session::default();
        assert!(session.request(AllWanted::new(), &config).is_none());
        let first = wanted(&[("a", 0, 1), ("a", 1, 2), ("b", 0, 3)]);
        let all = vec![("a".into(), 0, 1), ("a".into(), 1, 2), ("b".into(), 0, 3)];
        assert_eq!(said(session.request(first.clone(), &config)), (0, 0, all.clone(), vec![]));
        session.answered(77);
        let second = wanted(&[("a", 0, 1), ("b", 0, 9)]);
        let (changed, gone) = (vec![("b".into(), 0, 9)], vec![("a".into(), 1)]);
        assert_eq!(said(session.request(second.clone(), &config)), (77, 1, changed, gone));
        session.answered(77);
        assert_eq!(said(session.request(second, &config)), (77, 2, vec![], vec![]));
        // A failed request may or may not have reached the broker: its session is replaced.
        session.begin_anew();
        assert_eq!(said(session.request(first.clone(), &config)), (77, 0, all.clone(), vec![]));
        session.lost();
        assert_eq!(said(session.request(first.clone(), &config)), (0, 0, all.clone(), vec![]));
        session.answered(78);
        // One that is read anew at the same offset is asked for as the first time.
        session.read_anew(&TopicPartition::new("c", 0));
        assert_eq!(said(session.request(first.clone(), &config)), (78, 1, vec![], vec![]));
        session.read_anew(&TopicPartition::new("a", 1));
        session.answered(78);
        assert_eq!(said(session.request(first.clone(), &config)), (78, 0, all.clone(), vec![]));
        // A broker without room for it.
        session.answered(0);
        assert_eq!(said(session.request(first, &config)), (78, 0, all, vec![]));
    }

    #[test]
    fn topics_without_ids_are_asked_for_by_name_in_another_session() {
        let config = ConsumerConfig::new("me");
        let mut session = Session::default();
        let with_ids = wanted(&[("a", 0, 1)]);
        assert_eq!(session.request(with_ids.clone(), &config).unwrap().version_max, 17);
        session.answered(5);
        let mut without = with_ids;
        for asked in without.values_mut() {
            asked.topic_id = Uuid::nil();
        }
        let asked = session.request(without, &config).unwrap();
        assert_eq!((asked.version_max, asked.request.session_epoch), (12, 0));
    }
}
