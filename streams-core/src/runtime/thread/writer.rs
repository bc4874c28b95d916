//! What a thread writes with: its producer and the transaction.

use std::{collections::HashMap, sync::Arc};

use super::{
    super::{app::App, metrics::count},
    log_ends::LogEnds,
    member::Member,
};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{BatchReport, GroupMetadata, OffsetAndMetadata, Producer, ProducerSettings},
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
            producer: None,
            transaction_ms: None,
            began: HashMap::new(),
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
        if self.producer.is_some() {
            return Ok(());
        }
        let settings = ProducerSettings {
            client_id: self.client_id.clone(),
            transactional_id: self.transactional_id.clone(),
            lease: member.lease(),
        };
        let mut producer = self.app.clients.producer(&settings)?;
        if self.is_transactional() {
            producer.init_transactions()?;
        }
        self.producer = Some(producer);
        Ok(())
    }

    /// Sends what is open and learns the next offset of each partition that was written. Later batches of a
    /// partition come later in the reports.
    pub(super) fn flush(&mut self, logs: &mut LogEnds) -> Result<Written> {
        let Some(producer) = &mut self.producer else { return Ok(Written::new()) };
        let mut written = Written::new();
        self.began.clear();
        for BatchReport { topic_partition, records, result } in producer.flush()? {
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

    /// Ends the transaction with these offsets.
    pub(super) fn commit_transaction(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        group: &GroupMetadata,
    ) -> Result {
        let Some(producer) = &mut self.producer else { return Ok(()) };
        if !offsets.is_empty() {
            let sent = producer.send_offsets(offsets, group);
            if !is_planted(PlantedBug::CommitWithoutOffsets) {
                sent?;
            }
        }
        producer.commit_transaction()?;
        self.transaction_ms = None;
        Ok(())
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
        if !aborted {
            self.producer = None;
        }
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
