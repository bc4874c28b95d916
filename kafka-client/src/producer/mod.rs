//! Producing records over connections of our own: idempotent always, in transactions with a transactional id.
//!
//! The caller appends to open batches that are its alone ([`Producer::append`]): no lock, no clock and no allocation per
//! record. A batch that is closed goes to the producer's task, which sends it to the partition's leader, several requests at
//! a time, keeps the order of a partition through failures, and reports what became of it. Batches are closed when they are
//! full, by [`Producer::send_due`] when they have waited for `linger`, and by a flush: no timer looks into the caller's
//! batches. So a caller that turns to something else says so.
//!
//! Invariant: nothing of a batch is sent when its delivery timeout is over, and its fate is reported once.

mod batch;
mod batch_report;
mod command;
mod config;
mod identity;
mod lane;
mod open_batch;
mod requests;
mod sender;
mod shared;
mod transaction;

use std::{collections::HashMap, sync::Arc, task::Waker};

use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::Instant,
};

use self::{batch::Batch, command::Command, open_batch::OpenBatch, sender::Sender, shared::Shared};
pub use self::{batch_report::BatchReport, config::ProducerConfig};
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
    open: Vec<OpenBatch>,
    slots: HashMap<TopicPartition, usize>,
    open_bytes: usize,
    numbers: u64,
}

impl Producer {
    /// A producer with nothing to send. Its task runs on `runtime`, over connections that it opens for itself as `client`
    /// would; `client` serves for looking up leaders and for transactions.
    pub fn new(client: &Client, runtime: &Handle, config: ProducerConfig) -> Self {
        let (shared, config) = (Arc::new(Shared::default()), Arc::new(config));
        let (commands, queue) = mpsc::unbounded_channel();
        runtime.spawn(Sender::new(client, Arc::clone(&shared), Arc::clone(&config), queue).run());
        Self {
            shared,
            config,
            commands,
            open: Vec::new(),
            slots: HashMap::new(),
            open_bytes: 0,
            numbers: 0,
        }
    }

    /// The slot of a partition, by which records for it are appended. That the partition exists is found out later.
    pub fn slot(&mut self, partition: &TopicPartition) -> usize {
        if let Some(slot) = self.slots.get(partition) {
            return *slot;
        }
        let slot = self.open.len();
        self.open.push(OpenBatch::default());
        self.slots.insert(partition.clone(), slot);
        self.tell(Command::Partition(partition.clone()));
        slot
    }

    /// Whether there is no room for more: batches must be written first, or given up.
    pub fn is_full(&self) -> bool {
        self.open_bytes + self.shared.bytes() >= self.config.buffer_bytes
    }

    /// Copies a record into the open batch of a slot's partition. A full producer takes it all the same: ask
    /// [`is_full`](Self::is_full) now and then.
    ///
    /// # Errors
    /// `Invalid` with code 10 if the record is larger than `request_max_bytes`; the error after which this producer does
    /// nothing more.
    pub fn append<'h>(
        &mut self,
        slot: usize,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl ExactSizeIterator<Item = RecordHeader<'h>> + Clone,
    ) -> Result {
        let bytes = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
        if bytes > self.config.request_max_bytes {
            let text = format!("a record of {bytes} bytes");
            return Err(Error::from_code(MESSAGE_TOO_LARGE, text, None));
        }
        let Some(open) = self.open.get_mut(slot) else {
            let text = format!("slot {slot} is not one of this producer");
            return Err(Error::new(ErrorKind::Invalid, text));
        };
        let (bytes_max, before) = (self.config.batch_bytes, open.byte_len());
        if open.len() < self.config.batch_records
            && open.append(timestamp, key, value, headers.clone(), bytes_max)?
        {
            self.open_bytes += open.byte_len() - before;
            return Ok(());
        }
        self.shared.check()?;
        self.close(slot);
        let Some(open) = self.open.get_mut(slot) else { return Ok(()) };
        open.append(timestamp, key, value, headers, bytes_max)?;
        self.open_bytes += open.byte_len();
        Ok(())
    }

    /// Sends the batches that have waited for `linger`, or all that are open if the caller `is_idle`: it has nothing more
    /// to append for now, so that waiting only costs time.
    pub fn send_due(&mut self, is_idle: bool) {
        let linger = if is_idle { std::time::Duration::ZERO } else { self.config.linger };
        let now = Instant::now();
        for slot in 0..self.open.len() {
            let is_due = self.open.get(slot).and_then(OpenBatch::opened_at);
            if is_due.is_some_and(|opened_at| now >= opened_at + linger) {
                self.close(slot);
            }
        }
    }

    /// Sends what is open, and waits until all batches are reported; the reports since the last flush.
    ///
    /// # Errors
    /// `Fenced` if another producer took over the transactional id.
    pub fn flush(&mut self) -> impl Future<Output = Result<Vec<BatchReport>>> + Send + 'static {
        self.send_due(true);
        let shared = Arc::clone(&self.shared);
        async move {
            shared.all_done().await;
            shared.check()?;
            Ok(shared.take_reports())
        }
    }

    /// Registers the transactional id: fences earlier producers of it and aborts what they left open.
    ///
    /// # Errors
    /// As the brokers say; `Timeout` if its time is over.
    pub fn init_transactions(&mut self) -> impl Future<Output = Result> + Send + 'static {
        self.ask(Command::Init)
    }

    /// Begins a transaction. The caller has one open at a time.
    pub fn begin_transaction(&mut self) {
        self.tell(Command::Begin);
    }

    /// Adds offsets to the transaction, under the member's epoch.
    ///
    /// # Errors
    /// `Fenced` if the member or the producer is a zombie; any error but a passing one asks for an abort.
    pub fn send_offsets(
        &mut self,
        member: GroupMember,
        offsets: Vec<(TopicPartition, OffsetAndMetadata)>,
    ) -> impl Future<Output = Result> + Send + 'static {
        self.ask(|reply| Command::Offsets(member, offsets, reply))
    }

    /// Sends what is open, waits for it, and commits.
    ///
    /// # Errors
    /// The failure of a batch or of offsets of the transaction, which then can only be aborted; `Fenced`; `Timeout` if the
    /// outcome is unknown.
    pub fn commit_transaction(&mut self) -> impl Future<Output = Result> + Send + 'static {
        self.send_due(true);
        self.ask(|reply| Command::End { commit: true, reply })
    }

    /// Drops what was not sent, and aborts.
    ///
    /// # Errors
    /// `Fenced`; `Timeout` if the outcome is unknown.
    pub fn abort_transaction(&mut self) -> impl Future<Output = Result> + Send + 'static {
        for open in &mut self.open {
            drop(open.take());
        }
        self.open_bytes = 0;
        self.ask(|reply| Command::End { commit: false, reply })
    }

    /// Has `waker` woken whenever a batch is reported.
    pub fn wake(&self, waker: &Waker) {
        self.shared.set_waker(waker);
    }

    /// Why nothing could be sent lately, if that has not been told before. It is tried again all the while.
    pub fn take_trouble(&self) -> Option<Error> {
        self.shared.take_trouble()
    }

    /// # Errors
    /// The error after which this producer does nothing more.
    pub fn check(&self) -> Result {
        self.shared.check()
    }

    /// Closes the open batch of a slot.
    fn close(&mut self, slot: usize) {
        let Some((builder, opened_at)) = self.open.get_mut(slot).and_then(OpenBatch::take) else {
            return;
        };
        self.numbers += 1;
        let batch = Batch::new(self.numbers, builder, opened_at + self.config.delivery_timeout);
        self.open_bytes -= batch.bytes.min(self.open_bytes);
        self.shared.closed(batch.bytes);
        self.tell(Command::Batch(slot, batch));
    }

    fn tell(&self, command: Command) {
        // The task lives for as long as this handle and the runtime; with the runtime gone nobody is told anything.
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
