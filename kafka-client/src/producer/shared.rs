//! State shared by the caller's side and the task of a producer.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{BatchReport, RefusedBatch, batch::Batch};
use crate::{Error, Meter, Result};

/// Limit on the refused batches that are kept until they are asked for.
const REFUSED_MAX: usize = 1_000;

/// Shared by a producer and its task.
#[derive(Debug)]
pub(super) struct Shared {
    meter: Arc<Meter>,
    /// Bytes of batches that are closed and not yet reported.
    bytes: AtomicUsize,
    state: Mutex<State>,
    /// Notified whenever a batch is reported.
    reported: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Batches that are closed and not yet reported, by number.
    pending: BTreeSet<u64>,
    /// Reports by number, which is the order in which the caller closed the batches: answers come
    /// in any order.
    reports: BTreeMap<u64, BatchReport>,
    refused: BTreeMap<u64, RefusedBatch>,
    trouble: Option<Error>,
    /// The reason why the open transaction can only be aborted.
    doom: Option<Error>,
    /// The error that ended this producer's work.
    fatal: Option<Error>,
}

impl State {
    fn is_done_up_to(&self, last: u64) -> bool {
        self.pending.first().is_none_or(|first| *first > last)
    }
}

impl Shared {
    /// Of a producer without batches, which counts them in `meter`.
    pub(super) fn new(meter: Arc<Meter>) -> Self {
        let bytes = AtomicUsize::new(0);
        Self { meter, bytes, state: Mutex::default(), reported: Notify::new() }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Counts a closed batch.
    pub(super) fn closed(&self, batch: &Batch) {
        self.meter.queued(batch.records, batch.bytes);
        self.bytes.fetch_add(batch.bytes, Ordering::Relaxed);
        self.state.lock().pending.insert(batch.number);
    }

    /// Keeps a batch that was refused for good, until somebody asks.
    pub(super) fn refused(&self, number: u64, batch: RefusedBatch) {
        let mut state = self.state.lock();
        if state.refused.len() < REFUSED_MAX {
            state.refused.insert(number, batch);
        }
    }

    /// Counts a batch whose outcome is known; without a report if nobody needs it.
    pub(super) fn done(&self, batch: &Batch, report: Option<BatchReport>) {
        self.meter.unqueued(batch.records, batch.bytes);
        self.bytes.fetch_sub(batch.bytes, Ordering::Relaxed);
        {
            let mut state = self.state.lock();
            state.pending.remove(&batch.number);
            state.reports.extend(report.map(|report| (batch.number, report)));
        }
        self.reported.notify_waiters();
    }

    /// Waits until all batches up to this number are reported.
    pub(super) async fn done_up_to(&self, last: u64) {
        loop {
            let reported = self.reported.notified();
            if self.state.lock().is_done_up_to(last) {
                return;
            }
            reported.await;
        }
    }

    /// Takes the reports up to this number, in order.
    pub(super) fn take_reports(&self, last: u64) -> Vec<BatchReport> {
        let mut state = self.state.lock();
        let later = state.reports.split_off(&last.saturating_add(1));
        std::mem::replace(&mut state.reports, later).into_values().collect()
    }

    pub(super) fn take_refused(&self) -> Vec<RefusedBatch> {
        std::mem::take(&mut self.state.lock().refused).into_values().collect()
    }

    pub(super) fn set_trouble(&self, error: Error) {
        self.state.lock().trouble = Some(error);
    }

    pub(super) fn take_trouble(&self) -> Option<Error> {
        self.state.lock().trouble.take()
    }

    pub(super) fn set_doom(&self, doom: Option<&Error>) {
        self.state.lock().doom = doom.cloned();
    }

    pub(super) fn doom(&self) -> Option<Error> {
        self.state.lock().doom.clone()
    }

    pub(super) fn set_fatal(&self, error: &Error) {
        self.state.lock().fatal.get_or_insert_with(|| error.clone());
    }

    /// # Errors
    /// Fails with the error that ended this producer's work.
    pub(super) fn check(&self) -> Result {
        self.state.lock().fatal.clone().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Waker},
    };

    use tokio::time::Instant;

    use super::*;
    use crate::{TopicPartition, record_batch::BatchBuilder};

    fn batch(number: u64) -> Batch {
        let mut builder = BatchBuilder::new(Vec::new());
        let none = std::iter::empty::<(&[u8], Option<&[u8]>)>();
        builder.append(0, None, None, none, usize::MAX).unwrap();
        Batch::new(number, builder, Instant::now())
    }

    fn report(number: u64) -> BatchReport {
        let partition = TopicPartition::new("topic", 0);
        BatchReport { partition, records: 1, result: Ok(i64::try_from(number).ok()) }
    }

    /// Answers of several requests are processed in any order; a reader of reports took the first
    /// offset that it met for the beginning of the written records.
    #[test]
    fn reports_come_in_the_order_of_the_batches_and_a_flush_waits_for_none_that_come_later() {
        let meter = Arc::<Meter>::default();
        let shared = Shared::new(Arc::clone(&meter));
        (1..=4).for_each(|number| shared.closed(&batch(number)));
        assert_eq!(meter.statistics().queued_records, 4);
        let mut flushed = pin!(shared.done_up_to(3));
        let mut context = Context::from_waker(Waker::noop());
        for number in [3, 1] {
            shared.done(&batch(number), Some(report(number)));
            assert!(flushed.as_mut().poll(&mut context).is_pending());
        }
        shared.done(&batch(2), Some(report(2)));
        assert!(flushed.as_mut().poll(&mut context).is_ready());
        let offsets = |last| {
            let reports = shared.take_reports(last).into_iter();
            reports.map(|report| report.result.unwrap().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(offsets(3), [1, 2, 3]);
        assert_eq!(shared.bytes(), batch(4).bytes);
        assert_eq!(meter.statistics().queued_records, 1);
        shared.done(&batch(4), Some(report(4)));
        assert!(offsets(3).is_empty());
        assert_eq!(offsets(4), [4]);
    }
}
