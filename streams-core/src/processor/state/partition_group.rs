//! The input queues of a task, and the choice of its next record.
//!
//! A record passes two guards on its way. [`Undecoded`] is the first record of a queue before it is
//! decoded; dropping the guard changes nothing. [`Head`] is the record whose turn it is; it is
//! given back when it is done, and only then is the next one of its queue considered.

use std::collections::VecDeque;

use super::heads::Heads;
use crate::client::{Flow, RecordBatch, RecordView};

/// Answer to whether a task may process its next record now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// It has a record and no reason to wait for other partitions.
    Ready,
    /// An empty partition may still have an earlier record.
    Wait,
    /// All queues are empty.
    Empty,
}

/// The queues of a task. Java's `PartitionGroup`.
///
/// The record with the least timestamp among the heads comes next; within a partition order is by
/// offset alone.
#[derive(Debug)]
pub(crate) struct PartitionGroup {
    queues: Vec<Queue>,
    /// Inputs that have a record but no decoded head, in the order in which they received it.
    unloaded: VecDeque<usize>,
    /// Inputs that have a decoded head.
    heads: Heads,
    max_task_idle_ms: i64,
    /// True if a queue ran empty since readiness was last asked.
    emptied: bool,
}

#[derive(Debug, Default)]
struct Queue {
    batches: VecDeque<RecordBatch>,
    /// Next record of the first batch.
    index: usize,
    /// Number of queued records.
    len: usize,
    /// Greatest timestamp of the records taken; -1 before the first.
    partition_time: i64,
    /// Position after the batches that were taken as a whole: the position to commit, unless the
    /// first batch is partly taken.
    position: Option<i64>,
    /// Epoch of the leader that served the batches before the position.
    leader_epoch: Option<i32>,
    /// True if records of the first batch were taken: then its next record is the position.
    begun: bool,
    /// The record that was decoded last.
    head: HeadRecord,
    /// Time at which waiting for an empty partition ends.
    idle_until: Option<i64>,
    /// Records that were decoded or skipped.
    consumed: Flow,
}

/// The part of a decoded record that is needed at its turn without a look into its batch.
#[derive(Clone, Copy, Debug, Default)]
struct HeadRecord {
    offset: i64,
    has_headers: bool,
}

/// The first record of a queue, not yet decoded.
#[derive(Debug)]
pub(crate) struct Undecoded<'a> {
    group: &'a mut PartitionGroup,
    input: usize,
}

impl Undecoded<'_> {
    /// Its queue.
    pub(crate) const fn input(&self) -> usize {
        self.input
    }

    /// The record, as it was read.
    pub(crate) fn record(&self) -> Option<RecordView<'_>> {
        self.group.current(self.input)
    }

    /// Handle of its batch, and its index there.
    pub(crate) fn batch(&self) -> Option<(RecordBatch, usize)> {
        self.group.current_batch(self.input)
    }

    /// Greatest timestamp of the records taken from its queue; -1 before the first.
    pub(crate) fn partition_time(&self) -> i64 {
        self.group.partition_time(self.input)
    }

    /// Notes that the record is decoded, and waits for its turn at `timestamp`.
    pub(crate) fn decoded(self, timestamp: i64) {
        let record = self.record();
        let bytes = record.as_ref().map_or(0, RecordView::byte_len);
        let head = record.map_or_else(HeadRecord::default, |record| HeadRecord {
            offset: record.offset,
            has_headers: record.headers().len() > 0,
        });
        self.group.unloaded.pop_front();
        if let Some(queue) = self.group.queues.get_mut(self.input) {
            queue.head = head;
            queue.consumed.count(bytes);
        }
        self.group.heads.push(self.input, timestamp);
    }

    /// Skips the record; the next one of its queue comes before those of any other.
    pub(crate) fn dropped(self) {
        let bytes = self.record().as_ref().map_or(0, RecordView::byte_len);
        if let Some(queue) = self.group.queues.get_mut(self.input) {
            queue.consumed.count(bytes);
        }
        self.group.unloaded.pop_front();
        if self.group.take(self.input) {
            self.group.unloaded.push_front(self.input);
        }
    }
}

/// The record whose turn it is. Its bytes stay at the front of its queue until it is
/// [`done`](PartitionGroup::done), for messages and dead letters.
#[must_use = "its queue stands still until the head is done"]
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) input: usize,
    pub(crate) timestamp: i64,
    pub(crate) offset: i64,
    pub(crate) has_headers: bool,
    /// Time of its partition before it.
    partition_time: i64,
}

/// A head that waits to be processed again. It is still the first record of its queue.
#[must_use = "its queue stands still until the head is done"]
#[derive(Debug)]
pub(crate) struct HeldHead(Head);

impl PartitionGroup {
    pub(crate) fn new(inputs: usize, max_task_idle_ms: i64) -> Self {
        let queue = || Queue { partition_time: -1, ..Queue::default() };
        let queues = (0..inputs).map(|_| queue()).collect();
        let (unloaded, heads) = (VecDeque::new(), Heads::default());
        Self { queues, unloaded, heads, max_task_idle_ms, emptied: false }
    }

    /// Adds an input after the existing ones.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn add_input(&mut self) {
        self.queues.push(Queue { partition_time: -1, ..Queue::default() });
    }

    /// Sets the partition's time to the committed one.
    pub(crate) fn set_partition_time(&mut self, input: usize, time: i64) {
        if let Some(queue) = self.queues.get_mut(input) {
            queue.partition_time = queue.partition_time.max(time);
        }
    }

    pub(crate) fn partition_time(&self, input: usize) -> i64 {
        self.queues.get(input).map_or(-1, |queue| queue.partition_time)
    }

    /// Queues a batch after the others of its input.
    pub(crate) fn add(&mut self, input: usize, batch: RecordBatch) {
        if let Some(queue) = self.queues.get_mut(input) {
            if queue.len == 0 && !batch.is_empty() {
                self.unloaded.push_back(input);
            }
            queue.len += batch.len();
            if queue.batches.is_empty() && batch.is_empty() {
                queue.passed(&batch);
            } else {
                queue.batches.push_back(batch);
            }
        }
    }

    /// Number of queued records, over all inputs.
    pub(crate) fn buffered(&self) -> usize {
        self.queues.iter().map(|queue| queue.len).sum()
    }

    /// Number of queued records per input.
    pub(crate) fn buffered_by_input(&self) -> impl Iterator<Item = usize> + '_ {
        self.queues.iter().map(|queue| queue.len)
    }

    /// Records decoded or skipped, per input.
    pub(crate) fn consumed_by_input(&self) -> impl Iterator<Item = Flow> + '_ {
        self.queues.iter().map(|queue| queue.consumed)
    }

    /// The raw record at the head of an input: the one that is being decoded or processed.
    pub(crate) fn current(&self, input: usize) -> Option<RecordView<'_>> {
        let queue = self.queues.get(input)?;
        queue.batches.front()?.get(queue.index)
    }

    /// Handle of the batch of the raw record at the head of an input, and its index there.
    pub(crate) fn current_batch(&self, input: usize) -> Option<(RecordBatch, usize)> {
        let queue = self.queues.get(input)?;
        queue.batches.front().map(|batch| (batch.clone(), queue.index))
    }

    /// The record that has waited longest to be decoded.
    pub(crate) fn undecoded(&mut self) -> Option<Undecoded<'_>> {
        let input = *self.unloaded.front()?;
        Some(Undecoded { group: self, input })
    }

    /// Takes the head that comes next: partition time advances before the record is processed.
    pub(crate) fn take_head(&mut self) -> Option<Head> {
        let (input, timestamp) = self.heads.first()?;
        self.heads.pop();
        let queue = self.queues.get_mut(input)?;
        let partition_time = queue.partition_time;
        queue.partition_time = partition_time.max(timestamp);
        let HeadRecord { offset, has_headers } = queue.head;
        Some(Head { input, timestamp, offset, has_headers, partition_time })
    }

    /// Lets the record wait for another attempt, with partition time as it was before it.
    pub(crate) fn hold(&mut self, head: Head) -> HeldHead {
        if let Some(queue) = self.queues.get_mut(head.input) {
            queue.partition_time = head.partition_time;
        }
        HeldHead(head)
    }

    /// Takes a record that waited: it comes before all others.
    pub(crate) fn take_held(&mut self, held: HeldHead) -> Head {
        let HeldHead(head) = held;
        if let Some(queue) = self.queues.get_mut(head.input) {
            queue.partition_time = queue.partition_time.max(head.timestamp);
        }
        head
    }

    /// Finishes the record: the position moves past it, and the next one of its queue is to be
    /// decoded.
    #[expect(clippy::needless_pass_by_value, reason = "a head is done once")]
    pub(crate) fn done(&mut self, head: Head) {
        let Head { input, .. } = head;
        if self.take(input) {
            self.unloaded.push_back(input);
        }
    }

    /// Returns whether a queue ran empty since readiness was last asked, so that it must be asked
    /// again.
    pub(crate) const fn has_emptied(&self) -> bool {
        self.emptied
    }

    /// Removes the first record of an input. Returns whether there is another one.
    fn take(&mut self, input: usize) -> bool {
        let Some(queue) = self.queues.get_mut(input) else { return false };
        queue.len = queue.len.saturating_sub(1);
        queue.index += 1;
        while let Some(batch) = queue.batches.front() {
            queue.begun = queue.index < batch.len();
            if queue.begun {
                return true;
            }
            queue.index = 0;
            if let Some(batch) = queue.batches.pop_front() {
                queue.passed(&batch);
            }
        }
        self.emptied = true;
        false
    }

    /// The next offset of an input that is not among the taken records, if any progress was made.
    pub(crate) fn position(&self, input: usize) -> Option<i64> {
        let queue = self.queues.get(input)?;
        let next = queue.batches.front().filter(|_| queue.begun);
        next.and_then(|batch| batch.get(queue.index)).map(|record| record.offset).or(queue.position)
    }

    /// Epoch of the leader that served the record before the [`position`](Self::position), if
    /// known.
    pub(crate) fn leader_epoch(&self, input: usize) -> Option<i32> {
        let queue = self.queues.get(input)?;
        let begun = queue.batches.front().filter(|_| queue.begun);
        begun.and_then(RecordBatch::leader_epoch).or(queue.leader_epoch)
    }

    /// Returns whether the next record may be taken at `now_ms`. `lag` gives the records that the
    /// cluster is known to hold beyond those polled from an input, or `None` if that is unknown
    /// (KIP-695).
    pub(crate) fn readiness(
        &mut self,
        now_ms: i64,
        mut lag: impl FnMut(usize) -> Option<i64>,
    ) -> Readiness {
        self.emptied = false;
        if self.queues.iter().all(|queue| queue.len == 0) {
            return Readiness::Empty;
        }
        if self.max_task_idle_ms < 0 {
            return Readiness::Ready;
        }
        let max_task_idle_ms = self.max_task_idle_ms;
        let mut ready = Readiness::Ready;
        for (input, queue) in self.queues.iter_mut().enumerate() {
            if queue.len > 0 {
                queue.idle_until = None;
                continue;
            }
            if lag(input) == Some(0) {
                let until =
                    *queue.idle_until.get_or_insert(now_ms.saturating_add(max_task_idle_ms));
                if now_ms < until {
                    ready = Readiness::Wait;
                }
            } else {
                queue.idle_until = None;
                ready = Readiness::Wait;
            }
        }
        ready
    }
}

impl Queue {
    /// Notes that a batch was taken as a whole.
    fn passed(&mut self, batch: &RecordBatch) {
        self.position = Some(batch.next_offset());
        self.leader_epoch = batch.leader_epoch().or(self.leader_epoch);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{TopicPartition, client::Records};

    /// A batch of one input with these offsets, before the consumer's position `next_offset`.
    fn batch(offsets: &[i64], next_offset: i64) -> RecordBatch {
        let mut records = Records::new();
        for offset in offsets {
            records.push_at(*offset, 0, None, None, []);
        }
        let partition = TopicPartition::new("topic", 0);
        RecordBatch::new(partition, Arc::new(records), 0, 0..offsets.len(), next_offset)
    }

    fn take_next(group: &mut PartitionGroup) {
        let undecoded = group.undecoded().unwrap();
        let offset = undecoded.record().unwrap().offset;
        undecoded.decoded(0);
        let head = group.take_head().unwrap();
        assert_eq!(head.offset, offset);
        group.done(head);
    }

    #[test]
    fn an_undecoded_record_that_is_let_go_of_stays_where_it_is() {
        let mut group = PartitionGroup::new(1, 0);
        group.add(0, batch(&[3, 4], 5));
        assert_eq!(group.undecoded().unwrap().record().unwrap().offset, 3);
        assert_eq!(group.undecoded().unwrap().record().unwrap().offset, 3);
        group.undecoded().unwrap().dropped();
        assert_eq!(group.undecoded().unwrap().record().unwrap().offset, 4);
    }

    #[test]
    fn readiness_is_to_be_asked_anew_once_a_queue_has_run_empty() {
        let mut group = PartitionGroup::new(2, 10);
        group.add(0, batch(&[0, 1], 2));
        group.add(1, batch(&[0], 1));
        assert_eq!(group.readiness(0, |_| None), Readiness::Ready);
        take_next(&mut group);
        assert!(!group.has_emptied(), "the first queue has another record");
        take_next(&mut group);
        assert!(group.has_emptied(), "the second has none");
        assert_eq!(group.readiness(0, |_| None), Readiness::Wait);
        assert!(!group.has_emptied());
    }

    #[test]
    fn the_position_is_that_of_the_next_record_and_steps_over_gaps() {
        let mut group = PartitionGroup::new(1, 0);
        group.add(0, batch(&[0, 5], 9));
        assert_eq!(group.position(0), None, "nothing was taken");
        take_next(&mut group);
        assert_eq!(group.position(0), Some(5));
        group.add(0, batch(&[], 12));
        group.add(0, batch(&[20, 21], 22));
        take_next(&mut group);
        assert_eq!(group.position(0), Some(20), "the next batch follows what was taken");
    }

    #[test]
    fn a_batch_that_comes_later_does_not_move_the_position() {
        let mut group = PartitionGroup::new(1, 0);
        group.add(0, batch(&[0], 3));
        take_next(&mut group);
        assert_eq!(group.position(0), Some(3), "behind the control records of the batch");
        group.add(0, batch(&[7, 8], 9));
        assert_eq!(group.position(0), Some(3));
        take_next(&mut group);
        assert_eq!(group.position(0), Some(8));
    }
}
