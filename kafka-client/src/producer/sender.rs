//! The task of a producer: it decides where and when each batch is sent.
//!
//! Requests, connections, look-ups and calls for transactions are jobs of this task; between them
//! it decides alone. The task itself passes requests to their connection, in sequence, so those of
//! a partition arrive in order.

mod answers;
mod transactions;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use kafka_protocol::messages::ProduceResponse;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use self::transactions::Transaction;
use super::{
    ProducerConfig,
    command::{Command, Reply},
    identity::Identity,
    lane::Lane,
    requests::{Parcel, SentBatch, version_max},
    shared::Shared,
    transaction::{Transactions, init_idempotent},
};
use crate::{Client, Error, Result, TopicPartition, cluster::Place, connection::Connection};

/// Time for which the task sleeps when nothing is due.
const IDLE: Duration = Duration::from_secs(3_600);

/// Least time that a request gets which sends a batch again.
const LEAST_LIMIT: Duration = Duration::from_millis(100);

/// A finished job.
enum Done {
    Connected(i32, Result<Arc<Connection>>),
    LookedUp(Vec<usize>, Result<Vec<Result<Place>>>),
    Produced(i32, Vec<SentBatch>, Result<ProduceResponse>),
    Identified(Result<Identity>),
    Initialised(Reply, Result<(Identity, bool)>),
    Added(Vec<usize>, Result),
    Offsets(Reply, Result),
    Ended { reply: Reply, commit: bool, outcome: Result<Option<Identity>> },
}

/// The producer's current identity for the brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// None yet, or none any more.
    Unknown,
    /// It has been requested.
    Asking,
    Known(Identity),
}

pub(super) struct Sender {
    shared: Arc<Shared>,
    config: Arc<ProducerConfig>,
    /// Looks up leaders, and makes the calls for transactions.
    client: Client,
    /// Sends batches, on separate connections.
    sends: Client,
    commands: mpsc::UnboundedReceiver<Command>,
    /// Commands after the end of a transaction, held until it has ended.
    held: VecDeque<Command>,
    lanes: Vec<Lane>,
    brokers: HashMap<i32, Broker>,
    jobs: JoinSet<Done>,
    standing: Standing,
    /// True if another identity is needed before anything more is sent.
    must_renew: bool,
    renew_after: Instant,
    renew_failures: u32,
    is_looking_up: bool,
    look_up_after: Instant,
    look_up_failures: u32,
    /// The reason why nothing could be sent lately, for batches whose time is over.
    last_error: Option<Error>,
    transactions: Option<Transactions>,
    transaction: Transaction,
}

#[derive(Default)]
struct Broker {
    connection: Option<Arc<Connection>>,
    is_connecting: bool,
    in_flight: usize,
    not_before: Option<Instant>,
    failures: u32,
}

impl Sender {
    pub(super) fn new(
        client: &Client,
        shared: Arc<Shared>,
        config: Arc<ProducerConfig>,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        let now = Instant::now();
        let transactions = config
            .transactional_id
            .clone()
            .map(|id| Transactions::new(client.clone(), id, config.transaction_timeout));
        Self {
            shared,
            client: client.clone(),
            sends: client.on_own_connections(&config.client_id),
            config,
            commands,
            held: VecDeque::new(),
            lanes: Vec::new(),
            brokers: HashMap::new(),
            jobs: JoinSet::new(),
            standing: Standing::Unknown,
            must_renew: false,
            renew_after: now,
            renew_failures: 0,
            is_looking_up: false,
            look_up_after: now,
            look_up_failures: 0,
            last_error: None,
            transactions,
            transaction: Transaction::default(),
        }
    }

    /// Sends until the producer is dropped; unsent batches are then never sent.
    pub(super) async fn run(mut self) {
        loop {
            let next_turn = self.begin_what_is_due(Instant::now());
            tokio::select! {
                biased;
                Some(done) = self.jobs.join_next() => {
                    // A job neither panics nor is aborted while the task lives.
                    if let Ok(done) = done {
                        self.finish(done);
                    }
                }
                command = self.commands.recv() => match command {
                    Some(command) => self.take(command),
                    None => return,
                },
                () = sleep_until(next_turn) => {}
            }
        }
    }

    /// Executes a command and those already queued, so that their batches share requests. Commands
    /// after the end of a transaction belong to the next one, and are held back until then.
    fn take(&mut self, command: Command) {
        let mut next = Some(command);
        while let Some(command) = next {
            match command {
                Command::End { commit: false, reply }
                    if self.held.is_empty() && self.transaction.waits_to_commit() =>
                {
                    self.abort_instead(reply);
                }
                command if self.transaction.is_ending() => self.held.push_back(command),
                command => self.obey(command),
            }
            next = self.commands.try_recv().ok();
        }
    }

    /// Executes held commands, up to the next end of a transaction. Returns whether there were any.
    fn goes_on(&mut self) -> bool {
        let held = self.held.len();
        while !self.transaction.is_ending()
            && let Some(command) = self.held.pop_front()
        {
            self.obey(command);
        }
        self.held.len() < held
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Partition(name) => self.lanes.push(Lane::new(name)),
            Command::Batch(slot, batch) => match self.lanes.get_mut(slot) {
                Some(lane) => lane.queue.push_back(batch),
                // Slots are announced before their batches.
                None => self.shared.done(&batch, None),
            },
            Command::Init(reply) => self.init(reply),
            Command::Begin => self.begin_transaction(),
            Command::Offsets(member, offsets, reply) => self.add_offsets(member, offsets, reply),
            Command::End { commit, reply } => self.end_transaction(commit, reply),
        }
    }

    /// Gives up batches that are too old, and begins everything that can begin. Returns the time at
    /// which there may be more to do.
    fn begin_what_is_due(&mut self, now: Instant) -> Instant {
        let mut next_turn = now + IDLE;
        self.give_up_old(now, &mut next_turn);
        // What is doomed must not keep its transaction from ending.
        self.refuses_doomed();
        self.finish_transaction();
        while self.goes_on() {
            self.finish_transaction();
        }
        if self.lanes.iter().all(|lane| lane.queue.is_empty()) {
            return next_turn;
        }
        if self.refuses_doomed() {
            return next_turn;
        }
        self.look_up(now, &mut next_turn);
        let Some(identity) = self.identity(now, &mut next_turn) else { return next_turn };
        if !self.add_partitions(identity) {
            return next_turn;
        }
        let mut leaders: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
        for (slot, lane) in self.lanes.iter().enumerate() {
            let Some(place) = lane.place else { continue };
            if lane.next_to_send(place.leader).is_none() {
                continue;
            }
            if lane.not_before > now {
                next_turn = next_turn.min(lane.not_before);
            } else if self.transaction.admits(slot) {
                leaders.entry(place.leader).or_default().push(slot);
            }
        }
        for (leader, slots) in leaders {
            self.send_to(leader, &slots, identity, now, &mut next_turn);
        }
        // A batch that could not be packed may have been the last of a transaction that is to end.
        if self.can_finish_transaction() { now } else { next_turn }
    }

    /// Fails batches whose delivery timeout is over and that are not in transit.
    fn give_up_old(&mut self, now: Instant, next_turn: &mut Instant) {
        for slot in 0..self.lanes.len() {
            while let Some(lane) = self.lanes.get_mut(slot)
                && let Some(batch) = lane.queue.front()
            {
                if batch.deadline > now {
                    *next_turn = batch.deadline.min(*next_turn);
                    break;
                }
                if lane.is_in_flight() {
                    break;
                }
                self.give_up(slot);
            }
        }
    }

    fn look_up(&mut self, now: Instant, next_turn: &mut Instant) {
        if self.is_looking_up {
            return;
        }
        let lost = |lane: &Lane| lane.place.is_none() && !lane.queue.is_empty();
        let (due, later): (Vec<_>, Vec<_>) = self
            .lanes
            .iter()
            .enumerate()
            .filter(|(_, lane)| lost(lane))
            .partition(|(_, lane)| lane.not_before <= now);
        if let Some(first) = later.iter().map(|(_, lane)| lane.not_before).min() {
            *next_turn = first.min(*next_turn);
        }
        if due.is_empty() {
            return;
        }
        if self.look_up_after > now {
            *next_turn = self.look_up_after.min(*next_turn);
            return;
        }
        let (slots, names): (Vec<usize>, Vec<TopicPartition>) =
            due.into_iter().map(|(slot, lane)| (slot, lane.name.clone())).unzip();
        self.is_looking_up = true;
        let client = self.client.clone();
        self.jobs.spawn(async move {
            let places = client.places(&names).await;
            Done::LookedUp(slots, places)
        });
    }

    /// The identity to send under, if it is known. Without transactions it is requested here.
    fn identity(&mut self, now: Instant, next_turn: &mut Instant) -> Option<Identity> {
        if self.must_renew {
            if self.transactions.is_some() || self.lanes.iter().any(Lane::is_in_flight) {
                // The abort of the transaction brings another, or the remaining answers come first.
                return None;
            }
            self.must_renew = false;
            self.standing = Standing::Unknown;
            self.begin_anew(false);
        }
        match self.standing {
            Standing::Known(identity) => Some(identity),
            Standing::Asking => None,
            Standing::Unknown if self.transactions.is_some() => None,
            Standing::Unknown if self.renew_after > now => {
                *next_turn = self.renew_after.min(*next_turn);
                None
            }
            Standing::Unknown => {
                self.standing = Standing::Asking;
                let client = self.client.clone();
                self.jobs.spawn(async move { Done::Identified(init_idempotent(&client).await) });
                None
            }
        }
    }

    /// Restarts the sequence numbers of all partitions.
    fn begin_anew(&mut self, is_same_producer: bool) {
        for lane in &mut self.lanes {
            lane.begin_anew(is_same_producer);
        }
    }

    /// Sends requests to a broker with batches of these partitions, one of each, as long as it may
    /// have more.
    fn send_to(
        &mut self,
        leader: i32,
        slots: &[usize],
        identity: Identity,
        now: Instant,
        next_turn: &mut Instant,
    ) {
        let broker = self.brokers.entry(leader).or_default();
        if let Some(not_before) = broker.not_before.filter(|at| *at > now) {
            *next_turn = not_before.min(*next_turn);
            return;
        }
        let connection = broker.connection.clone().filter(|open| open.is_usable());
        let Some(connection) = connection else {
            if !broker.is_connecting && broker.in_flight == 0 {
                broker.is_connecting = true;
                let sends = self.sends.clone();
                self.jobs
                    .spawn(async move { Done::Connected(leader, sends.connection(leader).await) });
            }
            return;
        };
        while self
            .brokers
            .get(&leader)
            .is_some_and(|broker| broker.in_flight < self.config.max_in_flight.max(1))
        {
            let parcel = self.pack(leader, slots, identity, now);
            if parcel.batches.is_empty() {
                return;
            }
            self.send(leader, &connection, parcel, now);
        }
    }

    /// Puts the next batch of each partition into a request, up to its limit.
    fn pack(&mut self, leader: i32, slots: &[usize], identity: Identity, now: Instant) -> Parcel {
        let mut parcel = Parcel::default();
        for slot in slots {
            let Some(lane) = self.lanes.get_mut(*slot) else { continue };
            let Some(at) = lane.next_to_send(leader) else { continue };
            let Some(next) = lane.queue.get(at) else { continue };
            let is_over = parcel.bytes + next.bytes > self.config.request_max_bytes;
            // What little time is left would be that of the whole request, and of its connection.
            let least = if next.attempts > 0 { LEAST_LIMIT } else { Duration::ZERO };
            if next.deadline <= now + least || (is_over && !parcel.batches.is_empty()) {
                continue;
            }
            let Some(batch) = lane.send(at, leader) else { continue };
            match batch.sealed(&identity, &self.config) {
                Ok(bytes) => {
                    let (number, sequence) = (batch.number, batch.sequence.unwrap_or(0));
                    parcel.add(&lane.name, SentBatch { slot: *slot, number, sequence }, bytes);
                }
                Err(error) => {
                    batch.is_in_flight = false;
                    self.refuse(*slot, at, error);
                }
            }
        }
        parcel
    }

    fn send(&mut self, leader: i32, connection: &Arc<Connection>, parcel: Parcel, now: Instant) {
        let batches = parcel.batches.clone();
        let deadlines = batches.iter().filter_map(|sent| {
            let queue = &self.lanes.get(sent.slot)?.queue;
            queue.iter().find(|batch| batch.number == sent.number).map(|batch| batch.deadline)
        });
        let deadline = deadlines.min().unwrap_or(now);
        let limit =
            self.client.config().request_timeout.min(deadline.saturating_duration_since(now));
        let timeout_ms = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
        let request = parcel.into_request(&self.config, timeout_ms.max(1));
        let version = version_max(self.transaction.is_first_protocol());
        let begun = connection.send(&request, version, limit, deadline);
        if let Some(broker) = self.brokers.get_mut(&leader) {
            broker.in_flight += 1;
        }
        self.transaction.has_begun = true;
        self.jobs.spawn(async move {
            let answer = match begun {
                Ok(pending) => pending.await,
                Err(error) => Err(error),
            };
            Done::Produced(leader, batches, answer)
        });
    }

    fn finish(&mut self, done: Done) {
        match done {
            Done::Connected(leader, connection) => self.connected(leader, connection),
            Done::LookedUp(slots, places) => self.looked_up(&slots, places),
            Done::Produced(leader, batches, answer) => self.produced(leader, &batches, answer),
            Done::Identified(identity) => self.identified(identity),
            Done::Initialised(reply, outcome) => self.initialised(reply, outcome),
            Done::Added(slots, outcome) => self.added(slots, outcome),
            Done::Offsets(reply, outcome) => self.offsets_added(reply, outcome),
            Done::Ended { reply, commit, outcome } => self.ended(reply, commit, outcome),
        }
    }
}
