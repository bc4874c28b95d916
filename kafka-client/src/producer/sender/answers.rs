//! Consequences of answers and failures for batches.

use std::{sync::Arc, time::Duration};

use kafka_protocol::messages::{ProduceResponse, produce_response::PartitionProduceResponse};
use tokio::time::Instant;
use tracing::debug;

use super::{Sender, Standing};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    cluster::Place,
    config::Address,
    connection::{Connection, throttle_time},
    producer::{
        BatchReport, RefusedBatch,
        batch::Batch,
        identity::Identity,
        requests::{SentBatch, Verdict, judge},
    },
};

/// Pause after the first failure of a batch that soon has another chance: a transaction that
/// follows another meets it half ended.
const SOON: Duration = Duration::from_millis(2);

impl Sender {
    pub(super) fn connected(&mut self, leader: i32, connection: Result<Arc<Connection>>) {
        let now = Instant::now();
        let broker = self.brokers.entry(leader).or_default();
        broker.is_connecting = false;
        match connection {
            Ok(connection) => {
                broker.connection = Some(connection);
                broker.failures = 0;
            }
            Err(error) => {
                broker.failures = broker.failures.saturating_add(1);
                broker.not_before = Some(now + self.client.config().backoff(broker.failures));
                for slot in 0..self.lanes.len() {
                    let is_there = |place: &Place| place.leader == leader;
                    if self
                        .lanes
                        .get(slot)
                        .is_some_and(|lane| lane.place.as_ref().is_some_and(is_there))
                    {
                        self.look_up_again(slot);
                    }
                }
                self.note(error);
            }
        }
    }

    pub(super) fn looked_up(&mut self, slots: &[usize], places: Result<Vec<Result<Place>>>) {
        let now = Instant::now();
        self.is_looking_up = false;
        let places = match places {
            Ok(places) => places,
            Err(error) => {
                self.look_up_failures = self.look_up_failures.saturating_add(1);
                self.look_up_after = now + self.client.config().backoff(self.look_up_failures);
                return self.note(error);
            }
        };
        self.look_up_failures = 0;
        for (slot, place) in slots.iter().zip(places) {
            let Some(lane) = self.lanes.get_mut(*slot) else { continue };
            match place {
                Ok(place) => {
                    lane.place = Some(place);
                    lane.failures = 0;
                }
                Err(error) => {
                    lane.failures = lane.failures.saturating_add(1);
                    lane.not_before = now + self.client.config().backoff(lane.failures);
                    self.client.forget_topic(&lane.name.topic);
                    let is_missing = error.kind() == ErrorKind::NotFound;
                    if !is_missing {
                        lane.absence.end();
                    }
                    let is_gone = is_missing && lane.absence.note(now);
                    self.note(error.clone());
                    if is_gone {
                        self.refuse_all(*slot, &error);
                    }
                }
            }
        }
    }

    pub(super) fn identified(&mut self, identity: Result<Identity>) {
        match identity {
            Ok(identity) => {
                self.standing = Standing::Known(identity);
                self.renew_failures = 0;
            }
            Err(error) => {
                self.standing = Standing::Unknown;
                self.renew_failures = self.renew_failures.saturating_add(1);
                self.renew_after =
                    Instant::now() + self.client.config().backoff(self.renew_failures);
                if error.kind() == ErrorKind::Authorization {
                    self.shared.set_fatal(&error);
                    self.refuse_everything(&error);
                }
                self.note(error);
            }
        }
    }

    pub(super) fn produced(
        &mut self,
        leader: i32,
        batches: &[SentBatch],
        answer: Result<ProduceResponse>,
    ) {
        let now = Instant::now();
        if let Some(broker) = self.brokers.get_mut(&leader) {
            broker.in_flight = broker.in_flight.saturating_sub(1);
        }
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.not_answered(leader, batches, &error, now),
        };
        let throttled = throttle_time(answer.throttle_time_ms);
        self.client.meter().throttled(throttled);
        if let Some(broker) = self.brokers.get_mut(&leader) {
            broker.failures = 0;
            broker.not_before = (!throttled.is_zero()).then(|| now + throttled);
        }
        for sent in batches {
            let Some(lane) = self.lanes.get(sent.slot) else { continue };
            let name = lane.name.clone();
            if let Some(data) = find(&answer, &name) {
                self.learn_leader(&name, data, &answer);
                self.answered(*sent, &name, data, now);
            } else {
                let text = format!("Produce to {name}: the answer does not tell of it");
                self.again(*sent, true, true, &Error::new(ErrorKind::Protocol, text), now);
            }
        }
    }

    fn learn_leader(
        &self,
        name: &TopicPartition,
        data: &PartitionProduceResponse,
        answer: &ProduceResponse,
    ) {
        let (leader, epoch) = (*data.current_leader.leader_id, data.current_leader.leader_epoch);
        if leader >= 0 && epoch >= 0 {
            let endpoint = answer.node_endpoints.iter().find(|node| *node.node_id == leader);
            let address = endpoint.and_then(|node| Address::from_wire(&node.host, node.port).ok());
            self.client.learn_leader(name, leader, epoch, address);
        }
    }

    fn answered(
        &mut self,
        sent: SentBatch,
        name: &TopicPartition,
        data: &PartitionProduceResponse,
        now: Instant,
    ) {
        let Some(lane) = self.lanes.get_mut(sent.slot) else { return };
        let Some(at) = lane.position(sent.number) else { return };
        let Some(batch) = lane.queue.get_mut(at) else { return };
        batch.is_in_flight = false;
        let is_renumbered = batch.sequence != Some(sent.sequence);
        let verdict = judge(name, data);
        let is_missing = matches!(verdict, Verdict::Missing(_));
        if !is_missing {
            lane.absence.end();
        }
        let is_gone = is_missing && lane.absence.note(now);
        match verdict {
            Verdict::Written(offset) => {
                lane.failures = 0;
                if let Some(batch) = lane.remove_written(at, sent.sequence) {
                    self.report(name.clone(), &batch, Ok(offset));
                }
            }
            Verdict::Again { may_be_written, look_up, error } => {
                self.again(sent, may_be_written, look_up, &error, now);
            }
            // Earlier ones have failed, and it follows them again.
            Verdict::OutOfOrder(error) if at > 0 || is_renumbered => {
                self.again(sent, false, false, &error, now);
            }
            Verdict::OutOfOrder(error) => self.fail(sent.slot, at, &error),
            Verdict::Missing(error) if !is_gone => self.again(sent, false, true, &error, now),
            Verdict::Missing(error) => self.refuse_records(sent, at, error, Vec::new()),
            Verdict::Refused(error, at_fault) => self.refuse_records(sent, at, error, at_fault),
            Verdict::Fatal(error) => {
                self.shared.set_fatal(&error);
                self.fail(sent.slot, at, &error);
                self.refuse_everything(&error);
            }
        }
    }

    /// Reports a batch that the broker refuses, with the records at fault.
    fn refuse_records(
        &mut self,
        sent: SentBatch,
        at: usize,
        error: Error,
        at_fault: Vec<(usize, Option<String>)>,
    ) {
        let Some(lane) = self.lanes.get(sent.slot) else { return };
        let Some(batch) = lane.queue.get(at) else { return };
        let refused = RefusedBatch::new(lane.name.clone(), error.clone(), at_fault, batch.sent());
        self.shared.refused(sent.number, refused);
        self.refuse(sent.slot, at, error);
    }

    /// Handles a request without an answer.
    fn not_answered(&mut self, leader: i32, batches: &[SentBatch], error: &Error, now: Instant) {
        debug!(leader, %error, "could not produce");
        let was_sent = error.kind() != ErrorKind::Connection;
        if let Some(broker) = self.brokers.get_mut(&leader) {
            broker.connection = None;
            broker.failures = broker.failures.saturating_add(1);
            broker.not_before = Some(now + self.client.config().backoff(broker.failures));
        }
        for sent in batches {
            let Some(lane) = self.lanes.get_mut(sent.slot) else { continue };
            let Some(at) = lane.position(sent.number) else { continue };
            if let Some(batch) = lane.queue.get_mut(at) {
                batch.is_in_flight = false;
            }
            match error.kind() {
                ErrorKind::Connection | ErrorKind::Timeout => {
                    self.again(*sent, was_sent, true, error, now);
                }
                _ => self.fail(sent.slot, at, error),
            }
        }
        self.note(error.clone());
    }

    /// Leaves a batch in its position for another attempt.
    fn again(
        &mut self,
        sent: SentBatch,
        may_be_written: bool,
        look_up: bool,
        error: &Error,
        now: Instant,
    ) {
        let Some(lane) = self.lanes.get_mut(sent.slot) else { return };
        let Some(at) = lane.position(sent.number) else { return };
        debug!(partition = %lane.name, %error, "sending a batch again");
        self.client.meter().retried();
        let Some(batch) = lane.queue.get_mut(at) else { return };
        batch.is_in_flight = false;
        batch.may_be_written |= may_be_written;
        let pause = SOON * (1 << batch.attempts.saturating_sub(1).min(16));
        lane.not_before = now + pause.min(self.client.config().retry_backoff_max);
        self.last_error = Some(error.clone());
        if look_up {
            self.look_up_again(sent.slot);
        }
    }

    /// Looks up a partition's leader; if a hint has named another, that is used.
    fn look_up_again(&mut self, slot: usize) {
        let Some(lane) = self.lanes.get_mut(slot) else { return };
        let Some(before) = lane.place.take() else { return };
        let known = self.client.known_place(&lane.name);
        if known.is_none_or(|known| known.leader_epoch <= before.leader_epoch) {
            self.client.forget_topic(&lane.name.topic);
        }
    }

    /// Reports a batch that is not written and never will be, and lets later ones move up.
    pub(super) fn refuse(&mut self, slot: usize, at: usize, error: Error) {
        let Some(lane) = self.lanes.get_mut(slot) else { return };
        let Some(batch) = lane.remove_unwritten(at) else { return };
        let partition = lane.name.clone();
        self.doom(&error);
        self.report(partition, &batch, Err(error));
    }

    fn report(&self, partition: TopicPartition, batch: &Batch, result: Result<Option<i64>>) {
        let report = BatchReport { partition, records: batch.records, result };
        self.shared.done(batch, Some(report));
    }

    /// Fails a batch whose outcome is unknown, or that can't be written under this identity.
    fn fail(&mut self, slot: usize, at: usize, error: &Error) {
        let Some(lane) = self.lanes.get_mut(slot) else { return };
        let Some(batch) = lane.queue.remove(at) else { return };
        let partition = lane.name.clone();
        self.must_renew = true;
        self.doom(error);
        self.report(partition, &batch, Err(error.clone()));
    }

    /// Fails all batches of a partition that are not in transit.
    pub(super) fn refuse_all(&mut self, slot: usize, error: &Error) {
        while let Some(at) = self
            .lanes
            .get(slot)
            .and_then(|lane| lane.queue.iter().rposition(|batch| !batch.is_in_flight))
        {
            let may_be_written = self
                .lanes
                .get(slot)
                .and_then(|lane| lane.queue.get(at))
                .is_some_and(|batch| batch.may_be_written);
            if may_be_written {
                self.fail(slot, at, error);
            } else {
                self.refuse(slot, at, error.clone());
            }
        }
    }

    /// Fails all batches that are not in transit.
    pub(super) fn refuse_everything(&mut self, error: &Error) {
        for slot in 0..self.lanes.len() {
            self.refuse_all(slot, error);
        }
    }

    /// Gives up the first batch of a partition, whose time is over.
    pub(super) fn give_up(&mut self, slot: usize) {
        let Some(lane) = self.lanes.get(slot) else { return };
        let Some(batch) = lane.queue.front() else { return };
        let text = format!(
            "{} records for {} are given up: they were not written within the delivery timeout ({:?})",
            batch.records, lane.name, self.config.delivery_timeout
        );
        let error = match &self.last_error {
            Some(cause) => {
                let kind = match cause.kind() {
                    kind @ (ErrorKind::Authentication | ErrorKind::Authorization) => kind,
                    ErrorKind::NotFound if lane.absence.lasts() => ErrorKind::NotFound,
                    _ => ErrorKind::Timeout,
                };
                Error::with_source(kind, text, cause.clone())
            }
            None => Error::new(ErrorKind::Timeout, text),
        };
        if batch.may_be_written {
            self.fail(slot, 0, &error);
        } else {
            self.refuse(slot, 0, error);
        }
    }

    /// Keeps the reason why nothing can be sent now.
    fn note(&mut self, error: Error) {
        self.last_error = Some(error.clone());
        self.shared.set_trouble(error);
    }
}

fn find<'a>(
    answer: &'a ProduceResponse,
    name: &TopicPartition,
) -> Option<&'a PartitionProduceResponse> {
    let topic = answer.responses.iter().find(|topic| *topic.name.0 == *name.topic)?;
    topic.partition_responses.iter().find(|data| data.index == name.partition)
}
