//! Producing records over our own connections: always idempotent, and in transactions with a
//! transactional id.
//!
//! The caller appends to open batches that belong to it alone ([`Producer::append`]): no lock, no
//! clock and no allocation per record. A closed batch goes to the producer's task, which sends it
//! to the partition's leader, several requests at a time, keeps the order of a partition through
//! failures, and reports the result. Batches are closed when they are full, by
//! [`Producer::send_due`] when they have waited for `linger`, and by a flush: no timer watches the
//! caller's batches. So a caller calls that from time to time, and before it waits for something.
//!
//! Invariant: no part of a batch is sent after its delivery timeout; its result is reported once,
//! after those of earlier batches.

mod batch;
mod batch_report;
mod command;
mod config;
mod identity;
mod lane;
mod open_batch;
mod refused_batch;
mod requests;
mod sender;
mod shared;
mod transaction;

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::Instant,
};

use self::{batch::Batch, command::Command, open_batch::OpenBatch, sender::Sender, shared::Shared};
pub use self::{batch_report::BatchReport, config::ProducerConfig, refused_batch::RefusedBatch};
use crate::{
    Client, Error, ErrorKind, GroupMember, OffsetAndMetadata, Result, TopicPartition,
    record_batch::RecordHeader,
};

/// Kafka's `MESSAGE_TOO_LARGE`.
const MESSAGE_TOO_LARGE: i16 = 10;

/// Appends records to open batches, one per partition. Java's `KafkaProducer`.
#[derive(Debug)]
pub struct Producer {
    shared: Arc<Shared>,
    config: Arc<ProducerConfig>,
    commands: mpsc::UnboundedSender<Command>,
    open: Vec<Option<OpenBatch>>,
    slots: HashMap<TopicPartition, usize>,
    /// Bytes of the open batches.
    open_bytes: usize,
    /// Lower bound on the opening times of the open batches.
    oldest: Option<Instant>,
    /// Number of the batch that was last closed.
    numbers: u64,
}

impl Producer {
    /// Creates a producer with nothing to send. Its task runs on `runtime`, over its own
    /// connections with the settings of `client`; `client` itself is used for looking up leaders
    /// and for transactions.
    pub fn new(client: &Client, runtime: &Handle, config: ProducerConfig) -> Self {
        let (shared, config) =
            (Arc::new(Shared::new(Arc::clone(client.meter()))), Arc::new(config));
        let (commands, queue) = mpsc::unbounded_channel();
        runtime.spawn(Sender::new(client, Arc::clone(&shared), Arc::clone(&config), queue).run());
        Self {
            shared,
            config,
            commands,
            open: Vec::new(),
            slots: HashMap::new(),
            open_bytes: 0,
            oldest: None,
            numbers: 0,
        }
    }

    /// The slot of a partition, by which records for it are appended. Whether the partition exists
    /// is found out later.
    pub fn slot(&mut self, partition: &TopicPartition) -> usize {
        if let Some(slot) = self.slots.get(partition) {
            return *slot;
        }
        let slot = self.open.len();
        self.open.push(None);
        self.slots.insert(partition.clone(), slot);
        self.tell(Command::Partition(partition.clone()));
        slot
    }

    /// Returns whether there is no room for more: batches must first be written, or given up. A
    /// full producer still appends.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.open_bytes + self.shared.bytes() >= self.config.buffer_bytes
    }

    /// Copies a record into the open batch of a slot's partition. Returns whether there is one with
    /// room: if not, [`open`](Self::open) another and append again.
    ///
    /// # Errors
    /// `Invalid` with code 10 if the record is larger than `request_max_bytes`.
    #[inline]
    pub fn append<'h>(
        &mut self,
        slot: usize,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl ExactSizeIterator<Item = RecordHeader<'h>> + Clone,
    ) -> Result<bool> {
        let bytes = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
        if bytes > self.config.request_max_bytes {
            return Err(too_large(bytes));
        }
        let Some(open) = self.open.get_mut(slot).and_then(Option::as_mut) else { return Ok(false) };
        if open.builder.len() >= self.config.batch_records {
            return Ok(false);
        }
        let before = open.builder.byte_len();
        let bytes_max = self.config.batch_bytes;
        let is_appended = open.builder.append(timestamp, key, value, headers, bytes_max)?;
        self.open_bytes += open.builder.byte_len() - before;
        Ok(is_appended)
    }

    /// Opens a batch for a slot's partition, after the open one, which is sent. Every record fits
    /// into an empty batch.
    ///
    /// # Errors
    /// `Invalid` if the slot does not belong to this producer; the error that ended its work.
    pub fn open(&mut self, slot: usize) -> Result {
        self.shared.check()?;
        self.close(slot);
        let Some(open) = self.open.get_mut(slot) else {
            let text = format!("slot {slot} is not one of this producer");
            return Err(Error::new(ErrorKind::Invalid, text));
        };
        let now = Instant::now();
        let batch = OpenBatch::new(self.config.batch_bytes, now);
        self.open_bytes += batch.builder.byte_len();
        *open = Some(batch);
        self.oldest = self.oldest.or(Some(now));
        Ok(())
    }

    /// Sends the batches that have waited for `linger`. Returns the time after which the next one
    /// is due, none if no batch is in transit; `None` if none is open.
    pub fn send_due(&mut self) -> Option<Duration> {
        let due = self.oldest? + self.config.linger;
        let now = Instant::now();
        if now < due {
            let is_any_in_transit = self.shared.bytes() > 0;
            return Some(if is_any_in_transit { due - now } else { Duration::ZERO });
        }
        self.oldest = None;
        for slot in 0..self.open.len() {
            let Some(opened_at) = self.opened_at(slot) else { continue };
            if now >= opened_at + self.config.linger {
                self.close(slot);
            } else {
                self.oldest = Some(self.oldest.map_or(opened_at, |oldest| oldest.min(opened_at)));
            }
        }
        self.oldest.map(|oldest| (oldest + self.config.linger).saturating_duration_since(now))
    }

    /// Sends all open batches.
    pub fn send_all(&mut self) {
        for slot in 0..self.open.len() {
            self.close(slot);
        }
        self.oldest = None;
    }

    /// Sends the open batches, and waits until all batches up to now are reported; returns their
    /// reports and those that no flush has returned yet, in the order in which the batches of a
    /// partition were opened.
    ///
    /// # Errors
    /// `Fenced` if another producer took over the transactional id.
    pub fn flush(&mut self) -> impl Future<Output = Result<Vec<BatchReport>>> + Send + 'static {
        self.send_all();
        let (shared, last) = (Arc::clone(&self.shared), self.numbers);
        async move {
            shared.done_up_to(last).await;
            shared.check()?;
            Ok(shared.take_reports(last))
        }
    }

    /// The batches that brokers refused for good since the last call, in the same order. If there
    /// are very many, only the first ones.
    pub fn take_refused(&self) -> Vec<RefusedBatch> {
        self.shared.take_refused()
    }

    /// The reason why the open transaction can only be aborted, as far as it is known.
    pub fn doom(&self) -> Option<Error> {
        self.shared.doom()
    }

    /// Registers the transactional id: fences its earlier producers and aborts their open
    /// transactions.
    ///
    /// # Errors
    /// The brokers' error; `Timeout` if its time is over.
    pub fn init_transactions(&mut self) -> impl Future<Output = Result> + Send + 'static {
        self.ask(Command::Init)
    }

    /// Begins a transaction, after the end of the previous one. The caller has one open at a time.
    pub fn begin_transaction(&mut self) {
        self.tell(Command::Begin);
    }

    /// Adds offsets to the transaction, under the member's epoch.
    ///
    /// # Errors
    /// `Fenced` if the member or the producer is a zombie; any error but a temporary one requires
    /// an abort.
    pub fn send_offsets(
        &mut self,
        member: GroupMember,
        offsets: Vec<(TopicPartition, OffsetAndMetadata)>,
    ) -> impl Future<Output = Result> + Send + 'static {
        self.ask(|reply| Command::Offsets(member, offsets, reply))
    }

    /// Sends the open batches, waits for them, and commits.
    ///
    /// # Errors
    /// The failure of a batch or of offsets of the transaction, which can then only be aborted;
    /// `Fenced`; `Timeout` if the outcome is unknown.
    pub fn commit_transaction(&mut self) -> impl Future<Output = Result> + Send + 'static {
        self.send_all();
        self.ask(|reply| Command::End { commit: true, reply })
    }

    /// Drops unsent records, and aborts, also while a commit waits for batches. Reports of the
    /// transaction are dropped with it.
    ///
    /// # Errors
    /// `Fenced`; `Timeout` if the outcome is unknown.
    pub fn abort_transaction(&mut self) -> impl Future<Output = Result> + Send + 'static {
        self.open.iter_mut().for_each(|open| *open = None);
        (self.open_bytes, self.oldest) = (0, None);
        self.ask(|reply| Command::End { commit: false, reply })
    }

    /// The reason why nothing could be sent lately, if it has not been returned before. Retries
    /// continue meanwhile.
    pub fn take_trouble(&self) -> Option<Error> {
        self.shared.take_trouble()
    }

    /// Checks that the producer goes on, for a caller that waits for room.
    ///
    /// # Errors
    /// The error that ended its work.
    pub fn check(&self) -> Result {
        self.shared.check()
    }

    fn opened_at(&self, slot: usize) -> Option<Instant> {
        self.open.get(slot)?.as_ref().map(|open| open.opened_at)
    }

    /// Closes the open batch of a slot.
    fn close(&mut self, slot: usize) {
        let Some(open) = self.open.get_mut(slot).and_then(Option::take) else { return };
        self.open_bytes = self.open_bytes.saturating_sub(open.builder.byte_len());
        if open.builder.is_empty() {
            return;
        }
        self.numbers += 1;
        let deadline = open.opened_at + self.config.delivery_timeout;
        let batch = Batch::new(self.numbers, open.builder, deadline);
        self.shared.closed(&batch);
        self.tell(Command::Batch(slot, batch));
    }

    fn tell(&self, command: Command) {
        // The task lives as long as this handle and the runtime; without the runtime nobody is told
        // anything.
        let _ = self.commands.send(command);
    }

    fn ask(
        &self,
        command: impl FnOnce(oneshot::Sender<Result>) -> Command,
    ) -> impl Future<Output = Result> + Send + 'static {
        let (reply, answer) = oneshot::channel();
        self.tell(command(reply));
        async move {
            answer.await.unwrap_or_else(|_| {
                Err(Error::new(ErrorKind::Timeout, "the producer's task has ended"))
            })
        }
    }
}

#[cold]
fn too_large(bytes: usize) -> Error {
    Error::from_code(MESSAGE_TOO_LARGE, format_args!("a record of {bytes} bytes"), None)
}
