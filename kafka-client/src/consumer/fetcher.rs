//! The task of a consumer: it knows the leader of each partition, and has one session and one extra
//! request at each broker.
//!
//! All requests and look-ups are jobs of this task; between them it decides alone, so nothing here
//! needs a lock. After a failed job its broker or partition waits for a while; nothing is given up
//! except by an answer that demands it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use kafka_protocol::messages::{FetchResponse, fetch_response::PartitionData};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tracing::debug;
use uuid::Uuid;

use super::{
    ConsumerConfig, Partition,
    answer::{Outcome, take_over},
    session::{AllWanted, Session, Wanted, at_once},
    shared::Shared,
};
use crate::{
    Client, Error, ErrorKind, Result, TopicPartition,
    cluster::{Absence, Place},
    config::Address,
    connection::throttle_time,
    error::check_code,
};

/// Time after which an exhausted partition is requested again alongside a waiting session.
const BESIDE_PAUSE: Duration = Duration::from_millis(10);
/// Time for which the task sleeps when nothing is due.
const IDLE: Duration = Duration::from_secs(3_600);

/// One of the two requests to a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    /// The session's request, which waits for records.
    Session,
    /// The extra request, which does not.
    Beside,
}

/// A finished job.
enum Done {
    LookedUp(Vec<TopicPartition>, Result<Vec<Result<Place>>>),
    Fetched(i32, Lane, AllWanted, Result<FetchResponse>),
}

pub(super) struct Fetcher {
    shared: Arc<Shared>,
    config: Arc<ConsumerConfig>,
    /// Looks up leaders, and fetches alongside the sessions.
    client: Client,
    /// Waits in the sessions, on separate connections.
    sessions: Client,
    readings: BTreeMap<TopicPartition, Reading>,
    brokers: HashMap<i32, Broker>,
    jobs: JoinSet<Done>,
    is_looking_up: bool,
    look_up_after: Instant,
    look_up_failures: u32,
}

/// A partition as the task sees it.
struct Reading {
    partition: Arc<Partition>,
    place: Option<Place>,
    /// True if a request for it is in transit.
    is_asked: bool,
    not_before: Instant,
    /// Time before which it is not requested alongside a session again.
    rests_until: Instant,
    failures: u32,
    absence: Absence,
}

impl Reading {
    /// Time before which it is not requested. What rests goes into the next request of the session
    /// all the same.
    fn not_before(&self, is_beside: bool) -> Instant {
        if is_beside { self.not_before.max(self.rests_until) } else { self.not_before }
    }
}

struct Broker {
    session: Session,
    is_waiting: bool,
    is_beside_waiting: bool,
    not_before: Instant,
    failures: u32,
}

impl Fetcher {
    pub(super) fn new(client: &Client, shared: Arc<Shared>, config: Arc<ConsumerConfig>) -> Self {
        let now = Instant::now();
        Self {
            shared,
            client: client.clone(),
            sessions: client.on_own_connections(&config.client_id),
            config,
            readings: BTreeMap::new(),
            brokers: HashMap::new(),
            jobs: JoinSet::new(),
            is_looking_up: false,
            look_up_after: now,
            look_up_failures: 0,
        }
    }

    /// Fetches until the consumer is dropped.
    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        while !shared.is_closed() {
            self.take_changes();
            let next_turn = self.begin_what_is_due(Instant::now());
            tokio::select! {
                () = shared.changed() => {}
                Some(done) = self.jobs.join_next() => {
                    // A job neither panics nor is aborted while the task lives.
                    if let Ok(done) = done {
                        self.finish(done);
                    }
                }
                () = sleep_until(next_turn) => {}
            }
        }
    }

    fn take_changes(&mut self) {
        let now = Instant::now();
        self.readings.retain(|_, reading| !reading.partition.is_closed());
        for partition in self.shared.take_added() {
            self.brokers.values_mut().for_each(|broker| broker.session.read_anew(&partition.name));
            let reading = Reading {
                partition: Arc::clone(&partition),
                place: None,
                is_asked: false,
                not_before: now,
                rests_until: now,
                failures: 0,
                absence: Absence::default(),
            };
            self.readings.insert(partition.name.clone(), reading);
        }
    }

    /// Begins the due look-ups and requests. Returns the time at which there may be more to do.
    fn begin_what_is_due(&mut self, now: Instant) -> Instant {
        let mut next_turn = now + IDLE;
        self.look_up(now, &mut next_turn);
        let mut wanted: BTreeMap<i32, AllWanted> = BTreeMap::new();
        let room = usize::try_from(self.config.partition_max_bytes).unwrap_or(1);
        for (name, reading) in &self.readings {
            let Some(place) = reading.place else { continue };
            let Some((offset, last_epoch)) = reading.partition.wants(room) else { continue };
            let Place { leader, leader_epoch, topic_id } = place;
            if reading.is_asked {
                continue;
            }
            let is_beside = self.brokers.get(&leader).is_some_and(|broker| broker.is_waiting);
            let not_before = reading.not_before(is_beside);
            if not_before > now {
                next_turn = next_turn.min(not_before);
                continue;
            }
            let asked = Wanted { offset, leader_epoch, last_epoch, topic_id };
            wanted.entry(leader).or_default().insert(name.clone(), asked);
        }
        for (leader, wanted) in wanted {
            let broker = self.brokers.entry(leader).or_insert_with(|| Broker::new(now));
            if broker.not_before > now {
                next_turn = next_turn.min(broker.not_before);
            } else if !broker.is_waiting {
                self.fetch(leader, wanted);
            } else if !broker.is_beside_waiting {
                self.fetch_beside(leader, wanted);
            }
        }
        next_turn
    }

    fn look_up(&mut self, now: Instant, next_turn: &mut Instant) {
        if self.is_looking_up {
            return;
        }
        let lost = self
            .readings
            .iter()
            .filter(|(_, reading)| reading.place.is_none() && !reading.partition.has_failed());
        let (due, later): (Vec<_>, Vec<_>) =
            lost.partition(|(_, reading)| reading.not_before <= now);
        if let Some(first) = later.iter().map(|(_, reading)| reading.not_before).min() {
            *next_turn = first.min(*next_turn);
        }
        if due.is_empty() {
            return;
        }
        if self.look_up_after > now {
            *next_turn = self.look_up_after.min(*next_turn);
            return;
        }
        self.is_looking_up = true;
        let (client, names) = (self.client.clone(), due.into_iter().map(|(name, _)| name.clone()));
        let names: Vec<_> = names.collect();
        self.jobs.spawn(async move {
            let places = client.places(&names).await;
            Done::LookedUp(names, places)
        });
    }

    /// Sends the session's request.
    fn fetch(&mut self, leader: i32, wanted: AllWanted) {
        let Some(broker) = self.brokers.get_mut(&leader) else { return };
        let Some(asked) = broker.session.request(wanted.clone(), &self.config) else { return };
        broker.is_waiting = true;
        self.mark_asked(&wanted);
        let (client, wait) = (self.sessions.clone(), self.config.max_wait);
        self.jobs.spawn(async move {
            let (request, version) = (asked.request, asked.version_max);
            let answer = client.ask_node_waiting(leader, &request, version, wait).await;
            Done::Fetched(leader, Lane::Session, wanted, answer)
        });
    }

    /// Sends a request for partitions that are not in the session's current request.
    fn fetch_beside(&mut self, leader: i32, wanted: AllWanted) {
        let Some(broker) = self.brokers.get_mut(&leader) else { return };
        broker.is_beside_waiting = true;
        self.mark_asked(&wanted);
        let (client, asked) = (self.client.clone(), at_once(&wanted, &self.config));
        self.jobs.spawn(async move {
            let answer = client.ask_node(leader, &asked.request, asked.version_max).await;
            Done::Fetched(leader, Lane::Beside, wanted, answer)
        });
    }

    fn mark_asked(&mut self, wanted: &AllWanted) {
        for name in wanted.keys() {
            if let Some(reading) = self.readings.get_mut(name) {
                reading.is_asked = true;
            }
        }
    }

    fn finish(&mut self, done: Done) {
        match done {
            Done::LookedUp(names, places) => self.looked_up(&names, places),
            Done::Fetched(leader, lane, wanted, answer) => {
                for name in wanted.keys() {
                    if let Some(reading) = self.readings.get_mut(name) {
                        reading.is_asked = false;
                    }
                }
                self.fetched(leader, lane, &wanted, answer);
            }
        }
    }

    fn looked_up(&mut self, names: &[TopicPartition], places: Result<Vec<Result<Place>>>) {
        let now = Instant::now();
        self.is_looking_up = false;
        let places = match places {
            Ok(places) => places,
            Err(error) => {
                self.look_up_failures = self.look_up_failures.saturating_add(1);
                self.look_up_after = now + self.client.config().backoff(self.look_up_failures);
                self.shared.set_trouble(error);
                return;
            }
        };
        self.look_up_failures = 0;
        for (name, place) in names.iter().zip(places) {
            match place {
                Ok(place) => {
                    if let Some(reading) = self.readings.get_mut(name) {
                        reading.place = Some(place);
                    }
                }
                Err(error) if error.kind() == ErrorKind::NotFound => self.missing(name, error, now),
                Err(error) => self.look_up_known(name, &error, now),
            }
        }
    }

    fn fetched(
        &mut self,
        leader: i32,
        lane: Lane,
        wanted: &AllWanted,
        answer: Result<FetchResponse>,
    ) {
        let now = Instant::now();
        let Some(broker) = self.brokers.get_mut(&leader) else { return };
        match lane {
            Lane::Session => broker.is_waiting = false,
            Lane::Beside => broker.is_beside_waiting = false,
        }
        let answer = answer.and_then(|answer| {
            check_code(answer.error_code, format_args!("Fetch from node {leader}"), None)?;
            Ok(answer)
        });
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.not_fetched(leader, lane, wanted, error, now),
        };
        broker.failures = 0;
        if lane == Lane::Session {
            broker.session.answered(answer.session_id);
        }
        let throttled = throttle_time(answer.throttle_time_ms);
        self.client.meter().throttled(throttled);
        broker.not_before = now + throttled;
        self.learn_leaders(wanted, &answer);
        let names: HashMap<(Uuid, i32), &TopicPartition> =
            wanted.iter().map(|(name, asked)| ((asked.topic_id, name.partition), name)).collect();
        let mut has_news = false;
        for topic in answer.responses {
            let (topic_id, topic_name) = (topic.topic_id, topic.topic);
            for data in topic.partitions {
                let named;
                let name = if topic_id.is_nil() {
                    named = TopicPartition::new(topic_name.to_string(), data.partition_index);
                    Some(&named)
                } else {
                    names.get(&(topic_id, data.partition_index)).copied()
                };
                let Some(name) = name else { continue };
                let Some(asked) = wanted.get(name) else { continue };
                has_news |= self.answered(name, asked, lane, data, now);
            }
        }
        if has_news {
            self.shared.wake();
        }
    }

    /// Processes the answer for a partition. Returns whether its reader must be woken.
    fn answered(
        &mut self,
        name: &TopicPartition,
        asked: &Wanted,
        lane: Lane,
        data: PartitionData,
        now: Instant,
    ) -> bool {
        let Some(reading) = self.readings.get_mut(name) else { return false };
        // It was dropped and is read again, or other records were fetched meanwhile.
        if reading.partition.wants(usize::MAX).is_none_or(|(offset, _)| offset != asked.offset) {
            return false;
        }
        match take_over(&reading.partition, asked.offset, data) {
            Outcome::Records => {
                reading.absence.end();
                reading.failures = 0;
                reading.not_before = now;
                true
            }
            Outcome::AtEnd => {
                reading.absence.end();
                reading.failures = 0;
                reading.not_before = now;
                if lane == Lane::Beside {
                    reading.rests_until = now + BESIDE_PAUSE;
                }
                true
            }
            Outcome::LookUp(error) => {
                self.look_up_known(name, &error, now);
                false
            }
            Outcome::Missing(error) => {
                self.missing(name, error, now);
                true
            }
            Outcome::Failed(error) => {
                reading.partition.fail(error);
                true
            }
        }
    }

    /// Brokers that no longer lead a partition name its leader (KIP-951).
    fn learn_leaders(&self, wanted: &AllWanted, answer: &FetchResponse) {
        for topic in &answer.responses {
            for data in &topic.partitions {
                let (leader, epoch) =
                    (*data.current_leader.leader_id, data.current_leader.leader_epoch);
                if leader < 0 || epoch < 0 {
                    continue;
                }
                let name = wanted.iter().find(|(name, asked)| {
                    let is_topic = if topic.topic_id.is_nil() {
                        *topic.topic.0 == *name.topic
                    } else {
                        topic.topic_id == asked.topic_id
                    };
                    is_topic && name.partition == data.partition_index
                });
                let endpoint = answer.node_endpoints.iter().find(|node| *node.node_id == leader);
                let address =
                    endpoint.and_then(|node| Address::from_wire(&node.host, node.port).ok());
                if let Some((name, _)) = name {
                    self.client.learn_leader(name, leader, epoch, address);
                }
            }
        }
    }

    /// Looks up the leader of a partition that a broker knows again.
    fn look_up_known(&mut self, name: &TopicPartition, error: &Error, now: Instant) {
        if let Some(reading) = self.readings.get_mut(name) {
            reading.absence.end();
        }
        self.look_up_again(name, error, now);
    }

    /// Looks up a partition's leader again: at once if a hint has named another, otherwise after a
    /// pause.
    fn look_up_again(&mut self, name: &TopicPartition, error: &Error, now: Instant) {
        let Some(reading) = self.readings.get_mut(name) else { return };
        debug!(partition = %name, %error, "looking for the leader again");
        let before = reading.place.take();
        let pause = self.client.config().backoff(reading.failures.saturating_add(1));
        if self.client.known_place(name).is_some_and(|place| {
            before.is_some_and(|before| before.leader_epoch < place.leader_epoch)
        }) {
            return;
        }
        reading.failures = reading.failures.saturating_add(1);
        reading.not_before = now + pause;
        self.client.forget_topic(&name.topic);
    }

    fn missing(&mut self, name: &TopicPartition, error: Error, now: Instant) {
        self.look_up_again(name, &error, now);
        if let Some(reading) = self.readings.get_mut(name)
            && reading.absence.note(now)
        {
            let gone = error.meaning(ErrorKind::NotFound, format_args!("{name} is gone"));
            reading.partition.fail(gone);
            self.shared.wake();
        }
    }

    /// Handles a request that failed as a whole. Its session is replaced, and leaders are looked up
    /// again if the broker is gone.
    fn not_fetched(
        &mut self,
        leader: i32,
        lane: Lane,
        wanted: &AllWanted,
        error: Error,
        now: Instant,
    ) {
        const SESSION_CODES: [i16; 2] = [70, 71];
        let is_session_s = error.code().is_some_and(|code| SESSION_CODES.contains(&code));
        if let Some(broker) = self.brokers.get_mut(&leader) {
            broker.failures = broker.failures.saturating_add(1);
            if lane == Lane::Session {
                match error.code() {
                    Some(70) => broker.session.lost(),
                    _ => broker.session.begin_anew(),
                }
            }
            // A session that the broker has dropped, to make room, is opened again at once.
            if !is_session_s || broker.failures > 1 {
                broker.not_before = now + self.client.config().backoff(broker.failures);
            }
        }
        debug!(leader, %error, "could not fetch");
        self.client.meter().retried();
        if is_session_s {
            return;
        }
        let names: Vec<_> = wanted.keys().cloned().collect();
        for name in &names {
            self.look_up_again(name, &error, now);
        }
        self.shared.set_trouble(error);
    }
}

impl Broker {
    fn new(now: Instant) -> Self {
        Self {
            session: Session::default(),
            is_waiting: false,
            is_beside_waiting: false,
            not_before: now,
            failures: 0,
        }
    }
}
