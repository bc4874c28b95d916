//! Output of a thread: its producer and the transaction.

mod transactions;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use super::{
    super::{app::App, metrics::count},
    log_ends::LogEnds,
    member::Member,
    producing::{Heard, Producing},
    refused_rounds::RefusedRounds,
};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{Answer, BatchReport, Collector, Flow, ProducerSettings},
    planted::{PlantedBug, is_planted},
};

/// The next offset of each partition written by a commit.
pub(super) type Written = HashMap<TopicPartition, i64>;

/// The producer of a thread, which all its tasks share.
pub(super) struct Writer {
    app: Arc<App>,
    client_id: String,
    transactional_id: Option<String>,
    producing: Producing,
    /// Start of the open transaction.
    transaction_ms: Option<i64>,
    /// True if records are held that belong to the transaction after the one in transit.
    has_next: bool,
    /// First offset of the last flush in each partition.
    began: HashMap<TopicPartition, i64>,
    refusals: RefusedRounds,
}

impl Writer {
    pub(super) fn new(app: &Arc<App>, index: usize, thread: &str) -> Self {
        let transactional_id = app
            .exactly_once()
            .then(|| format!("{}-{}-{index}", app.application_id(), app.process_id));
        Self {
            app: Arc::clone(app),
            client_id: format!("{thread}-producer"),
            transactional_id,
            producing: Producing::default(),
            transaction_ms: None,
            has_next: false,
            began: HashMap::new(),
            refusals: RefusedRounds::default(),
        }
    }

    /// The collector that is lent to a running task.
    pub(super) fn collector(&mut self) -> &mut Option<Box<Collector>> {
        self.producing.collector()
    }

    /// Returns whether a call of the producer is unanswered.
    pub(super) fn has_asked(&self) -> bool {
        self.producing.has_asked()
    }

    /// Records written to each topic.
    pub(super) fn written(&mut self) -> &BTreeMap<Arc<str>, Flow> {
        self.producing.written()
    }

    /// Returns whether written records wait for room: then nothing may begin that writes.
    pub(super) fn is_full(&self) -> bool {
        self.producing.is_full()
    }

    /// Gives the producer the records that wait for room. Returns whether none is left.
    ///
    /// # Errors
    /// `Unavailable` if it has had no room for too long.
    pub(super) fn has_room(&mut self) -> Result<bool> {
        self.producing.has_room()
    }

    /// Sends the batches that have waited for `linger.ms`. Returns the time to the next ones.
    pub(super) fn send_due(&mut self) -> Option<Duration> {
        self.collector().as_mut()?.send_due()
    }

    /// Ensures that there is a producer. With exactly-once this ends the open transaction of an
    /// earlier one, which takes some turns: returns whether it exists.
    ///
    /// # Errors
    /// The reason why there is none. The next call begins again.
    pub(super) fn ensure(&mut self, member: &Member) -> Result<bool> {
        self.hear()?;
        self.refusals.check()?;
        if self.producing.is_missing() {
            let settings = ProducerSettings {
                client_id: self.client_id.clone(),
                transactional_id: self.transactional_id.clone(),
                lease: member.lease(),
                one_by_one: self.refusals.next_producer(),
            };
            let producer = self.app.clients.producer(&settings)?;
            self.producing.start(producer, self.is_transactional());
            self.hear()?;
        }
        Ok(!self.producing.has_asked())
    }

    /// Takes the answer to a call of the producer, if it has come.
    ///
    /// # Errors
    /// The error of registering a producer; it is gone then.
    fn hear(&mut self) -> Result {
        match self.producing.hear() {
            Some(Heard::Registered(said)) => said,
            Some(Heard::Aborted(said)) => {
                let aborted = said.is_ok() || is_planted(PlantedBug::ReuseProducerAfterFailedAbort);
                self.has_dropped(aborted);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Sends the open batches and learns the next offset of each partition written. Later batches
    /// of a partition come later in the reports.
    pub(super) fn flush(&mut self, logs: &mut LogEnds) -> Result<Written> {
        let collector = self.producing.collector().as_mut();
        let flushed = collector.map_or(Ok(Vec::new()), |collector| collector.flush());
        self.flushed(flushed, logs)
    }

    /// Begins to send the open batches.
    pub(super) fn begin_flush(&mut self) -> Answer<Vec<BatchReport>> {
        match self.producing.collector() {
            Some(collector) => collector.begin_flush(),
            None => Answer::ready(Ok(Vec::new())),
        }
    }

    /// Learns from the reports of a flush what was written.
    pub(super) fn flushed(
        &mut self,
        reports: Result<Vec<BatchReport>>,
        logs: &mut LogEnds,
    ) -> Result<Written> {
        let mut written = Written::new();
        self.began.clear();
        let mut flushed = self.learn_refused();
        for BatchReport { topic_partition, records, result } in reports? {
            let base = result.map_err(|error| not_written(&self.app, &topic_partition, error));
            let Ok(base) = base else {
                flushed = flushed.and(base.map(drop));
                continue;
            };
            self.began.entry(topic_partition.clone()).or_insert(base);
            let next = base + i64::try_from(records).unwrap_or(0);
            count(&self.app.shared.counters.produced, u64::try_from(records).unwrap_or(0));
            logs.wrote(&topic_partition, base, next);
            written.insert(topic_partition, next);
        }
        flushed.map(|()| written)
    }

    /// Offsets of the first records that the last flush wrote to each partition.
    pub(super) fn began(&self) -> &HashMap<TopicPartition, i64> {
        &self.began
    }

    /// Drops the producer's uncommitted records. They must never be read: a transaction is aborted,
    /// and a producer whose state is in doubt is replaced.
    pub(super) fn abandon(&mut self) {
        let in_transaction = self.transaction_ms.take().is_some();
        self.has_next = false;
        if let Some(collector) = self.producing.collector() {
            collector.forget();
        }
        if self.producing.has_asked() {
            // It has written nothing since.
            return;
        }
        if in_transaction && self.producing.abort() {
            // A failed abort is no error.
            let _ = self.hear();
        } else {
            // Without transactions open batches would be sent with the next flush.
            self.has_dropped(self.is_transactional());
        }
    }

    /// Notes that uncommitted records are dropped, for good if the transaction is `aborted`.
    fn has_dropped(&mut self, aborted: bool) {
        let refused = self.learn_refused();
        let is_whole = refused.is_ok() && self.refusals.is_clean();
        self.refusals.fail(refused.err());
        // A producer with refused records has lost its sequence numbers.
        if !aborted || !is_whole {
            self.producing.retire();
        }
    }

    /// Notes that everything is committed. If records were sent one by one because of some that are
    /// known now, batches may be used again; if there were none, batches themselves are too large.
    pub(super) fn committed(&mut self, now_ms: i64) {
        if self.refusals.committed() {
            self.producing.retire();
        }
        self.app.settings.refusals.forget_old(now_ms);
    }

    /// Learns which records the cluster refused.
    ///
    /// # Errors
    /// The errors of [`RefusedRounds::learn`].
    fn learn_refused(&mut self) -> Result {
        let refused = self.producing.collector().as_mut().map(|collector| collector.take_refused());
        self.refusals.learn(&self.app, refused.unwrap_or_default())
    }

    /// Switches to another producer, once this one has answered its call.
    pub(super) fn retire(&mut self) {
        self.producing.retire();
    }

    /// Ends the producer; waits until it has aborted its transaction, which would block readers.
    pub(super) fn end(&mut self) {
        self.producing.end();
    }

    /// Takes back the collector that was lent to a task that panicked.
    pub(super) fn takes_back(&mut self, collector: Box<Collector>) {
        *self.producing.collector() = Some(collector);
    }
}

/// The error for records that were not written, with the remedy if a changelog is gone.
fn not_written(app: &App, to: &TopicPartition, error: Error) -> Error {
    let error = error.in_context(format!("a batch for {to} was not written"));
    match app.owner_of_changelog(to).filter(|_| error.kind() == ErrorKind::InvalidTopic) {
        Some((task, store)) => error.in_context(format!(
            "the changelog of store `{store}` of task {task} is gone, its local state is kept; it is made anew when the \
             application starts again, and state.changelog.lost says what becomes of the state then"
        )),
        None => error,
    }
}
