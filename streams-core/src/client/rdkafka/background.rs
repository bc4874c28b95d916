//! A producer that makes its waiting calls on a separate thread.
//!
//! Invariant: the producer is in one place, here or with the thread that makes the pending calls in
//! sequence. A caller that needs it meanwhile waits for these, so calls happen in order and no
//! record takes a lock.

use std::{
    fmt::{self, Debug},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{ffi::Client, producer::RdKafkaProducer};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{
        Answer, Appended, BatchReport, GroupMetadata, OffsetAndMetadata, PartitionSlot,
        ProduceRecord, Producer, ProducerId, RefusedRecord,
    },
};

/// A call, which returns the producer before it answers.
type Call = Box<dyn FnOnce(&mut RdKafkaProducer) -> Box<dyn FnOnce() + Send> + Send>;

/// Lets a thread make the calls that begin.
pub(super) struct BackgroundProducer {
    client: Arc<Client>,
    id: ProducerId,
    /// `None` while calls have it.
    producer: Option<Box<RdKafkaProducer>>,
    /// Tells a call that nobody waits for it any more.
    is_given_up: Arc<AtomicBool>,
    calls: Option<Calls>,
}

/// The thread, which ends when this is dropped.
struct Calls {
    /// The producer while calls have it.
    lent: Arc<Mutex<Option<Box<RdKafkaProducer>>>>,
    begun: Sender<Call>,
    /// Notified once per finished call.
    made: Receiver<()>,
    /// Number of calls that have begun and are not known to have finished.
    open: usize,
}

impl Debug for BackgroundProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BackgroundProducer({})", self.client.events().client_id())
    }
}

impl BackgroundProducer {
    pub(super) fn new(client: Arc<Client>, producer: RdKafkaProducer) -> Self {
        let (id, is_given_up) = (producer.id(), producer.given_up());
        Self { client, id, producer: Some(Box::new(producer)), is_given_up, calls: None }
    }

    /// The producer. Waits for the calls that have it.
    fn producer(&mut self) -> Result<&mut RdKafkaProducer> {
        if self.producer.is_none() {
            self.producer = self.calls.as_mut().and_then(Calls::take_back);
        }
        self.producer.as_deref_mut().ok_or_else(|| lost(&self.client))
    }

    /// Makes a call on the thread, after those that have begun.
    fn begin<T: Send + 'static>(
        &mut self,
        call: impl FnOnce(&mut RdKafkaProducer) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        let (sender, receiver) = oneshot::channel();
        let call: Call = Box::new(move |producer| {
            let said = call(producer);
            Box::new(move || {
                // The caller may be gone.
                let _ = sender.send(said);
            })
        });
        match self.hand_over(call) {
            Ok(()) => {
                let lost = lost(&self.client);
                Answer::later(async move { receiver.await.unwrap_or(Err(lost)) })
            }
            Err(error) => Answer::ready(Err(error)),
        }
    }

    fn hand_over(&mut self, call: Call) -> Result {
        if self.calls.is_none() {
            let name = format!("{}-calls", self.client.events().client_id());
            self.calls = Some(Calls::new(&name)?);
        }
        let Some(calls) = &mut self.calls else { return Err(lost(&self.client)) };
        if let Some(producer) = self.producer.take() {
            self.is_given_up.store(false, Ordering::Relaxed);
            *calls.lent.lock() = Some(producer);
        }
        calls.begun.send(call).map_err(|_| lost(&self.client))?;
        calls.open += 1;
        Ok(())
    }
}

#[cold]
fn lost(client: &Client) -> Error {
    let client = client.events().client_id();
    let text = format!("producer `{client}`: the thread of its calls has ended");
    Error::new(ErrorKind::Timeout, text)
}

impl Calls {
    fn new(name: &str) -> Result<Self> {
        let (begun, calls) = mpsc::channel::<Call>();
        let (makes, made) = mpsc::channel();
        let lent = Arc::new(Mutex::new(None::<Box<RdKafkaProducer>>));
        let home = Arc::clone(&lent);
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Ok(call) = calls.recv() {
                // It was put there before the first of these calls began.
                let Some(mut producer) = home.lock().take() else { return };
                let answer = call(&mut producer);
                *home.lock() = Some(producer);
                // The caller may be gone.
                let _ = makes.send(());
                answer();
            }
        });
        match spawned {
            Ok(_) => Ok(Self { lent, begun, made, open: 0 }),
            Err(cause) => {
                let text = format!("the operating system starts no thread {name}");
                Err(Error::with_source(ErrorKind::Fatal, text, cause))
            }
        }
    }

    /// Waits for all pending calls, and takes the producer.
    fn take_back(&mut self) -> Option<Box<RdKafkaProducer>> {
        while self.open > 0 {
            self.made.recv().ok()?;
            self.open -= 1;
        }
        self.lent.lock().take()
    }
}

impl Drop for BackgroundProducer {
    fn drop(&mut self) {
        // A call that has the producer keeps it for a moment longer; by then nothing may be sent
        // any more.
        self.is_given_up.store(true, Ordering::Relaxed);
        self.client.purge();
    }
}

impl Producer for BackgroundProducer {
    fn partitions(&mut self, topic: &str) -> Result<i32> {
        self.producer()?.partitions(topic)
    }

    fn id(&self) -> ProducerId {
        self.id
    }

    fn slot(&mut self, to: &TopicPartition) -> Result<PartitionSlot> {
        self.producer()?.slot(to)
    }

    fn append(&mut self, slot: PartitionSlot, record: ProduceRecord<'_>) -> Result<Appended> {
        self.producer()?.append(slot, record)
    }

    fn flush(&mut self) -> Result<Vec<BatchReport>> {
        self.producer()?.flush()
    }

    fn begin_flush(&mut self) -> Answer<Vec<BatchReport>> {
        self.begin(RdKafkaProducer::flush)
    }

    fn take_refused(&mut self) -> Vec<RefusedRecord> {
        self.producer().map(RdKafkaProducer::take_refused).unwrap_or_default()
    }

    fn init_transactions(&mut self) -> Result {
        self.producer()?.init_transactions()
    }

    fn begin_transaction(&mut self) -> Result {
        self.producer()?.begin_transaction()
    }

    fn send_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        group: &GroupMetadata,
    ) -> Result {
        self.producer()?.send_offsets(offsets, group)
    }

    fn begin_send_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        group: &GroupMetadata,
    ) -> Answer<()> {
        let (offsets, group) = (offsets.to_vec(), group.clone());
        self.begin(move |producer| producer.send_offsets(&offsets, &group))
    }

    fn commit_transaction(&mut self) -> Result {
        self.producer()?.commit_transaction()
    }

    fn begin_commit(&mut self) -> Answer<()> {
        self.begin(RdKafkaProducer::commit_transaction)
    }

    fn begin_init(&mut self) -> Answer<()> {
        self.begin(RdKafkaProducer::init_transactions)
    }

    fn abort_transaction(&mut self) -> Result {
        // A flush in progress would wait for records that are about to be given up.
        self.is_given_up.store(true, Ordering::Relaxed);
        self.producer()?;
        self.is_given_up.store(false, Ordering::Relaxed);
        self.producer()?.abort_transaction()
    }

    fn begin_abort(&mut self) -> Answer<()> {
        if self.producer.is_none() {
            self.is_given_up.store(true, Ordering::Relaxed);
        }
        let is_given_up = Arc::clone(&self.is_given_up);
        self.begin(move |producer| {
            is_given_up.store(false, Ordering::Relaxed);
            producer.abort_transaction()
        })
    }
}
