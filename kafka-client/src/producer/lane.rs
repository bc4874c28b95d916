//! The batches of one partition, in order.
//!
//! Invariant: sequence numbers run without a gap over the batches that the broker has or may get. A
//! batch is sent after others in transit only while none of them has failed, none is in transit to
//! another leader, and the broker knows the producer.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::{
    batch::Batch,
    identity::{sequence_after, sequence_before},
};
use crate::{
    TopicPartition,
    cluster::{Absence, Place},
};

/// Number of batches of a partition whose sequence numbers a broker keeps: more may not be in
/// transit.
const IN_FLIGHT_MAX: usize = 5;

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) name: TopicPartition,
    pub(super) place: Option<Place>,
    pub(super) queue: VecDeque<Batch>,
    /// Sequence number of the next batch that has none.
    pub(super) next_sequence: i32,
    /// True if the broker has a batch of this producer. A broker without one accepts any sequence
    /// number, so a second batch could come before the first if that is sent again.
    is_known: bool,
    /// Broker to which the batches in transit were sent.
    sent_to: i32,
    pub(super) not_before: Instant,
    pub(super) failures: u32,
    pub(super) absence: Absence,
}

impl Lane {
    pub(super) fn new(name: TopicPartition) -> Self {
        Self {
            name,
            place: None,
            queue: VecDeque::new(),
            next_sequence: 0,
            is_known: false,
            sent_to: -1,
            not_before: Instant::now(),
            failures: 0,
            absence: Absence::default(),
        }
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.queue.iter().any(|batch| batch.is_in_flight)
    }

    /// The batch that may go to `leader` next, by its index in the queue.
    pub(super) fn next_to_send(&self, leader: i32) -> Option<usize> {
        let at = self.queue.iter().position(|batch| !batch.is_in_flight)?;
        if at == 0 {
            // Later ones in transit come back first, refused.
            return (!self.is_in_flight()).then_some(0);
        }
        let mut before = self.queue.iter().take(at);
        let may = self.is_known
            && at < IN_FLIGHT_MAX
            && self.sent_to == leader
            && before.all(|batch| batch.attempts <= 1);
        let is_first = self.queue.get(at).is_some_and(|batch| batch.attempts == 0);
        (may && is_first).then_some(at)
    }

    /// Notes that a batch is being sent, and gives it a sequence number if it has none.
    pub(super) fn send(&mut self, at: usize, leader: i32) -> Option<&mut Batch> {
        let batch = self.queue.get_mut(at)?;
        if batch.sequence.is_none() {
            batch.sequence = Some(self.next_sequence);
            self.next_sequence = sequence_after(self.next_sequence, batch.record_count());
        }
        batch.is_in_flight = true;
        batch.may_be_written = true;
        batch.attempts += 1;
        self.sent_to = leader;
        Some(batch)
    }

    /// The batch with this number, by its index in the queue.
    pub(super) fn position(&self, number: u64) -> Option<usize> {
        self.queue.iter().position(|batch| batch.number == number)
    }

    /// Removes a batch that was written under the sequence number `sent`. A broker that knows
    /// nothing of the producer accepts any number, also that of a batch after one that it refused:
    /// later ones are counted from there.
    pub(super) fn remove_written(&mut self, at: usize, sent: i32) -> Option<Batch> {
        let batch = self.queue.remove(at)?;
        self.is_known = true;
        if batch.sequence.is_some_and(|sequence| sequence != sent) {
            let mut next = sequence_after(sent, batch.record_count());
            for later in self.queue.iter_mut().skip(at).filter(|later| later.sequence.is_some()) {
                later.sequence = Some(next);
                next = sequence_after(next, later.record_count());
            }
            self.next_sequence = next;
        }
        Some(batch)
    }

    /// Removes a batch that the broker does not have and never gets: later ones move up.
    pub(super) fn remove_unwritten(&mut self, at: usize) -> Option<Batch> {
        let batch = self.queue.remove(at)?;
        if batch.sequence.is_some() {
            let records = batch.record_count();
            for later in self.queue.iter_mut().skip(at) {
                later.sequence = later.sequence.map(|sequence| sequence_before(sequence, records));
            }
            self.next_sequence = sequence_before(self.next_sequence, records);
        }
        Some(batch)
    }

    /// Restarts the sequence numbers, for another epoch or another producer.
    pub(super) fn begin_anew(&mut self, is_same_producer: bool) {
        self.next_sequence = 0;
        self.is_known &= is_same_producer;
        for batch in &mut self.queue {
            batch.sequence = None;
            batch.may_be_written = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record_batch::{BatchBuilder, RecordHeader};

    /// A lane with batches of these numbers of records, numbered from 0.
    fn lane(records: &[usize]) -> Lane {
        let mut lane = Lane::new(TopicPartition::new("topic", 0));
        for (number, records) in (0..).zip(records) {
            let mut builder = BatchBuilder::new(Vec::new());
            for _ in 0..*records {
                let none = std::iter::empty::<RecordHeader<'_>>();
                builder.append(0, None, None, none, usize::MAX).unwrap();
            }
            lane.queue.push_back(Batch::new(number, builder, Instant::now()));
        }
        lane
    }

    fn send_all(lane: &mut Lane, leader: i32) -> Vec<(u64, i32)> {
        let mut sent = Vec::new();
        while let Some(at) = lane.next_to_send(leader) {
            let batch = lane.send(at, leader).unwrap();
            sent.push((batch.number, batch.sequence.unwrap()));
        }
        sent
    }

    fn come_back(lane: &mut Lane, number: u64) -> usize {
        let at = lane.position(number).unwrap();
        lane.queue[at].is_in_flight = false;
        at
    }

    #[tokio::test]
    async fn as_many_go_out_as_a_broker_keeps_in_mind_and_none_to_two_leaders() {
        let mut lane = lane(&[1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(send_all(&mut lane, 1), [(0, 0)], "the broker does not know the producer");
        let at = come_back(&mut lane, 0);
        lane.remove_written(at, 0).unwrap();
        assert_eq!(send_all(&mut lane, 1), [(1, 1), (2, 3), (3, 6), (4, 10), (5, 15)]);
        let at = come_back(&mut lane, 1);
        lane.remove_written(at, 1).unwrap();
        assert_eq!(send_all(&mut lane, 2), []);
        assert_eq!(send_all(&mut lane, 1), [(6, 21)]);
    }

    #[tokio::test]
    async fn a_batch_that_failed_goes_first_and_alone_under_its_number() {
        let mut lane = lane(&[1, 2, 3, 4]);
        lane.is_known = true;
        assert_eq!(send_all(&mut lane, 1).len(), 4);
        come_back(&mut lane, 0);
        assert_eq!(send_all(&mut lane, 1), [], "those behind it come back first");
        for number in 1..4 {
            come_back(&mut lane, number);
        }
        assert_eq!(send_all(&mut lane, 1), [(0, 0)]);
        come_back(&mut lane, 0);
        lane.remove_written(0, 0).unwrap();
        assert_eq!(send_all(&mut lane, 1), [(1, 1)]);
    }

    #[tokio::test]
    async fn those_behind_a_refused_batch_move_up() {
        let mut lane = lane(&[1, 2, 3]);
        lane.is_known = true;
        send_all(&mut lane, 1);
        let at = come_back(&mut lane, 0);
        lane.remove_unwritten(at).unwrap();
        assert_eq!(lane.queue[0].sequence, Some(0));
        assert_eq!(lane.queue[1].sequence, Some(2));
        assert_eq!(lane.next_sequence, 5);
        // A broker without any batch of the producer accepted the next one under the number with
        // which it was sent.
        let at = come_back(&mut lane, 1);
        lane.remove_written(at, 1).unwrap();
        assert_eq!((lane.queue[0].sequence, lane.next_sequence), (Some(3), 6));
    }
}
