//! What a thread writes with: its producer and the transaction.

use std::{collections::HashMap, sync::Arc};

use super::{
    super::{app::App, metrics::count},
    log_ends::LogEnds,
    member::Member,
    producing::{Heard, Producing},
    refused_rounds::RefusedRounds,
};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{Answer, BatchReport, Collector, GroupMetadata, OffsetAndMetadata, ProducerSettings},
    planted::{PlantedBug, is_planted},
};

/// The next offset of each partition that a commit wrote to.
pub(super) type Written = HashMap<TopicPartition, i64>;

/// The producer of a thread, which all its tasks share.
pub(super) struct Writer {
    app: Arc<App>,
    client_id: String,
    transactional_id: Option<String>,
    producing: Producing,
    /// Since when a transaction is open.
    transaction_ms: Option<i64>,
    /// Where the last flush began to write in each partition.
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
            began: HashMap::new(),
            refusals: RefusedRounds::default(),
        }
    }

    /// Since when a transaction is open.
    pub(super) fn transaction_ms(&self) -> Option<i64> {
        self.transaction_ms
    }

    pub(super) fn in_transaction(&self) -> bool {
        self.transaction_ms.is_some()
    }

    /// What a task that runs is lent.
    pub(super) fn collector(&mut self) -> &mut Option<Box<Collector>> {
        self.producing.collector()
    }

    /// Whether a producer was asked what it has not answered.
    pub(super) fn has_asked(&self) -> bool {
        self.producing.has_asked()
    }

    /// Whether something that was written waits for room: no record is to be processed, and nothing else begun that writes.
    pub(super) fn is_full(&self) -> bool {
        self.producing.is_full()
    }

    /// Gives the producer what waits for room. Returns whether nothing waits any more.
    ///
    /// # Errors
    /// `Unavailable` if it has had no room for too long.
    pub(super) fn has_room(&mut self) -> Result<bool> {
        self.producing.has_room()
    }

    /// Makes sure that there is a producer and, for exactly-once, an open transaction. Returns whether they are there.
    pub(super) fn begin(&mut self, member: &Member, now_ms: i64) -> Result<bool> {
        if !self.ensure(member)? {
            return Ok(false);
        }
        if self.is_transactional()
            && self.transaction_ms.is_none()
            && let Some(collector) = self.producing.collector()
        {
            collector.producer().begin_transaction()?;
            self.transaction_ms = Some(now_ms);
        }
        Ok(true)
    }

    /// Makes sure that there is a producer. With exactly-once this ends what an earlier one left open, which takes some
    /// turns: returns whether it is there.
    ///
    /// # Errors
    /// Why there is none. The next call begins anew.
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

    /// Takes the answer of what a producer was asked, if it has come.
    ///
    /// # Errors
    /// Why a producer was not registered; it is gone then.
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

    /// Sends what is open and learns the next offset of each partition that was written. Later batches of a
    /// partition come later in the reports.
    pub(super) fn flush(&mut self, logs: &mut LogEnds) -> Result<Written> {
        let flushed = self
            .producing
            .collector()
            .as_mut()
            .map_or(Ok(Vec::new()), |collector| collector.flush());
        self.flushed(flushed, logs)
    }

    /// Begins to send what is open.
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
        let refused = self.learn_refused();
        let reports = reports?;
        refused?;
        for BatchReport { topic_partition, records, result } in reports {
            let base = result.map_err(|error| not_written(&self.app, &topic_partition, error))?;
            self.began.entry(topic_partition.clone()).or_insert(base);
            let next = base + i64::try_from(records).unwrap_or(0);
            count(&self.app.shared.counters.produced, u64::try_from(records).unwrap_or(0));
            logs.wrote(&topic_partition, base, next);
            written.insert(topic_partition, next);
        }
        Ok(written)
    }

    /// Offsets of the first records that the last flush wrote to each partition.
    pub(super) fn began(&self) -> &HashMap<TopicPartition, i64> {
        &self.began
    }

    /// Whether it writes in transactions.
    pub(super) fn is_transactional(&self) -> bool {
        self.transactional_id.is_some()
    }

    /// Begins to add offsets to the transaction.
    pub(super) fn begin_send_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        group: &GroupMetadata,
    ) -> Answer<()> {
        match self.producing.collector().as_mut().filter(|_| !offsets.is_empty()) {
            Some(collector) => collector.producer().begin_send_offsets(offsets, group),
            None => Answer::ready(Ok(())),
        }
    }

    /// Begins to end the transaction.
    pub(super) fn begin_commit(&mut self) -> Answer<()> {
        match self.producing.collector() {
            Some(collector) => collector.producer().begin_commit(),
            None => Answer::ready(Ok(())),
        }
    }

    /// The transaction has ended.
    pub(super) fn has_ended(&mut self) {
        self.transaction_ms = None;
    }

    /// Drops what the producer has not committed. Its records must never come out: a transaction is aborted, and
    /// a producer whose state is in doubt is replaced.
    pub(super) fn abandon(&mut self) {
        let in_transaction = self.transaction_ms.take().is_some();
        if self.producing.has_asked() {
            // It has written nothing since.
            return;
        }
        if in_transaction && self.producing.abort() {
            // An abort that failed is no error.
            let _ = self.hear();
        } else {
            // Without transactions open batches would go out with the next flush.
            self.has_dropped(self.is_transactional());
        }
    }

    /// What was not committed is dropped, for good if the transaction is `aborted`.
    fn has_dropped(&mut self, aborted: bool) {
        let refused = self.learn_refused();
        let is_whole = refused.is_ok() && self.refusals.is_clean();
        self.refusals.fail(refused.err());
        // A producer of which records were refused has lost count of what it wrote.
        if !aborted || !is_whole {
            self.producing.retire();
        }
    }

    /// Everything is committed. Where it was sent record by record because of some that are known now, batches may do
    /// again; without any the batches themselves are too large.
    pub(super) fn committed(&mut self, now_ms: i64) {
        if self.refusals.committed() {
            self.producing.retire();
        }
        self.app.settings.refusals.forget_old(now_ms);
    }

    /// Learns which records the cluster refused.
    ///
    /// # Errors
    /// Those of [`RefusedRounds::learn`].
    fn learn_refused(&mut self) -> Result {
        let refused = self.producing.collector().as_mut().map(|collector| collector.take_refused());
        self.refusals.learn(&self.app, refused.unwrap_or_default())
    }

    /// Goes on with another producer, once this one has answered what it was asked.
    pub(super) fn retire(&mut self) {
        self.producing.retire();
    }

    /// Ends the producer, with the thread: waits until it has given up its transaction, which would hold readers up.
    pub(super) fn end(&mut self) {
        self.producing.end();
    }

    /// Takes back what was lent to a task that panicked.
    pub(super) fn takes_back(&mut self, collector: Box<Collector>) {
        *self.producing.collector() = Some(collector);
    }
}

/// Says what was not written, and what may be done if it is a changelog that is gone.
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
