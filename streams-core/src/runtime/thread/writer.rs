//! What a thread writes with: its producer and the transaction.

use std::{collections::HashMap, sync::Arc};

use super::{
    super::{app::App, metrics::count},
    log_ends::LogEnds,
    member::Member,
};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{
        Answer, BatchReport, GroupMetadata, OffsetAndMetadata, Producer, ProducerSettings,
        RefusedRecord,
    },
    planted::{PlantedBug, is_planted},
};

/// The next offset of each partition that a commit wrote to.
pub(super) type Written = HashMap<TopicPartition, i64>;

/// The producer of a thread, which all its tasks share.
pub(super) struct Writer {
    app: Arc<App>,
    client_id: String,
    transactional_id: Option<String>,
    producer: Option<Box<dyn Producer>>,
    /// Since when a transaction is open.
    transaction_ms: Option<i64>,
    /// Where the last flush began to write in each partition.
    began: HashMap<TopicPartition, i64>,
    refusals: RefusedRounds,
}

/// What is done about records that the cluster refuses.
#[derive(Debug, Default)]
struct RefusedRounds {
    /// How often in a row work was dropped for such.
    rounds: usize,
    /// Whether the next producer sends each record in a batch of its own.
    one_by_one: bool,
    /// Whether the producer does.
    is_one_by_one: bool,
    /// Whether all records that were refused are known one by one.
    are_named: bool,
    /// What can't be gone on from, found while work was dropped.
    failure: Option<Error>,
}

/// How often in a row work is dropped for records that the cluster refuses. Each round finds those that were on their
/// way together, but where user code makes others each time, there would be no end to it.
const ROUNDS_MAX: usize = 1_000;

impl Writer {
    pub(super) fn new(app: &Arc<App>, index: usize, thread: &str) -> Self {
        let transactional_id = app
            .exactly_once()
            .then(|| format!("{}-{}-{index}", app.application_id(), app.process_id));
        Self {
            app: Arc::clone(app),
            client_id: format!("{thread}-producer"),
            transactional_id,
            producer: None,
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

    /// The producer, to be lent to a task that runs.
    pub(super) fn producer(&mut self) -> &mut Option<Box<dyn Producer>> {
        &mut self.producer
    }

    /// Makes sure that there is a producer and, for exactly-once, an open transaction.
    pub(super) fn begin(&mut self, member: &Member, now_ms: i64) -> Result {
        self.ensure(member)?;
        if self.is_transactional()
            && self.transaction_ms.is_none()
            && let Some(producer) = &mut self.producer
        {
            producer.begin_transaction()?;
            self.transaction_ms = Some(now_ms);
        }
        Ok(())
    }

    /// Makes sure that there is a producer. With exactly-once this ends what an earlier one left open.
    pub(super) fn ensure(&mut self, member: &Member) -> Result {
        if let Some(failure) = self.refusals.failure.take() {
            return Err(failure);
        }
        if self.producer.is_some() {
            return Ok(());
        }
        let settings = ProducerSettings {
            client_id: self.client_id.clone(),
            transactional_id: self.transactional_id.clone(),
            lease: member.lease(),
            one_by_one: self.refusals.one_by_one,
        };
        let mut producer = self.app.clients.producer(&settings)?;
        if self.is_transactional() {
            producer.init_transactions()?;
        }
        self.producer = Some(producer);
        self.refusals.is_one_by_one = self.refusals.one_by_one;
        Ok(())
    }

    /// Sends what is open and learns the next offset of each partition that was written. Later batches of a
    /// partition come later in the reports.
    pub(super) fn flush(&mut self, logs: &mut LogEnds) -> Result<Written> {
        let flushed = self.begin_flush().wait();
        self.flushed(flushed, logs)
    }

    /// Begins to send what is open.
    pub(super) fn begin_flush(&mut self) -> Answer<Vec<BatchReport>> {
        match &mut self.producer {
            Some(producer) => producer.begin_flush(),
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
        match self.producer.as_mut().filter(|_| !offsets.is_empty()) {
            Some(producer) => producer.begin_send_offsets(offsets, group),
            None => Answer::ready(Ok(())),
        }
    }

    /// Begins to end the transaction.
    pub(super) fn begin_commit(&mut self) -> Answer<()> {
        match &mut self.producer {
            Some(producer) => producer.begin_commit(),
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
        let aborted = match (&mut self.producer, self.transaction_ms.take()) {
            (Some(producer), Some(_)) => {
                producer.abort_transaction().is_ok()
                    || is_planted(PlantedBug::ReuseProducerAfterFailedAbort)
            }
            // Without transactions open batches would go out with the next flush.
            _ => self.is_transactional(),
        };
        let refused = self.learn_refused();
        let is_whole = refused.is_ok() && self.refusals.rounds == 0;
        let failure = refused.err().filter(|error| error.kind() == ErrorKind::Production);
        self.refusals.failure = failure.or_else(|| self.refusals.failure.take());
        // A producer of which records were refused has lost count of what it wrote.
        if !aborted || !is_whole {
            self.producer = None;
        }
    }

    /// Everything is committed. Where it was sent record by record because of some that are known now, batches may do
    /// again; without any the batches themselves are too large.
    pub(super) fn committed(&mut self, now_ms: i64) {
        let refusals = &mut self.refusals;
        refusals.rounds = 0;
        if refusals.is_one_by_one && refusals.are_named {
            *refusals = RefusedRounds::default();
            self.producer = None;
        }
        self.app.settings.refusals.forget_old(now_ms);
    }

    /// Learns which records the cluster refused, so that they are known when their input is processed again.
    ///
    /// # Errors
    /// `Timeout` if there are some: what is not committed is to be dropped and done again. `Production` if that does not
    /// help.
    fn learn_refused(&mut self) -> Result {
        let refused = self.producer.as_mut().map(|producer| producer.take_refused());
        let refused = refused.unwrap_or_default();
        let Some(first) = refused.first().cloned() else { return Ok(()) };
        let RefusedRecord { topic_partition: to, error, .. } = first;
        let RefusedRounds { rounds, one_by_one, is_one_by_one, are_named, .. } = &mut self.refusals;
        *rounds += 1;
        if *rounds > ROUNDS_MAX {
            let text = format!(
                "{ROUNDS_MAX} times in a row input was processed again, and another record refused"
            );
            return Err(error.in_context(text));
        }
        let (named, unnamed): (Vec<_>, Vec<_>) =
            refused.into_iter().partition(|refused| refused.is_named);
        for RefusedRecord { topic_partition, error, .. } in &named {
            if let Some((task, store)) = self.app.owner_of_changelog(topic_partition) {
                return Err(error.clone().in_context(format!(
                    "a row of store `{store}` of task {task} can't be written to its changelog, without which it would \
                     be lost"
                )));
            }
        }
        *are_named |= !named.is_empty() && *is_one_by_one;
        if named.is_empty() && !*one_by_one {
            *one_by_one = true;
            tracing::warn!(
                "a batch for {to} is refused: its records are sent one by one until the one at fault is known; if there \
                 is none, lower producer.batch.size: {error}"
            );
        }
        let what = match (named.len(), unnamed.len()) {
            (0, records) => format!("a batch of {records} records is refused"),
            (records, _) => format!("{records} records are refused"),
        };
        let text = format!(
            "{what}: what is not committed is done again, so that production.exception.handler is asked about each"
        );
        let now_ms = self.app.clock.now_ms();
        self.app.settings.refusals.learn(named, now_ms);
        Err(Error::with_source(ErrorKind::Timeout, text, error))
    }

    /// Ends the producer.
    pub(super) fn end(&mut self) {
        self.producer = None;
    }

    /// Takes the producer back from a task that panicked.
    pub(super) fn takes_back(&mut self, producer: Box<dyn Producer>) {
        self.producer = Some(producer);
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
