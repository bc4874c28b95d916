//! A producer whose calls that wait for the cluster are made on a thread of its own.
//!
//! Invariant: the producer is in one place, here or with a call that has begun. Whoever needs it meanwhile waits for that
//! call, so that calls happen in their order.

use std::{
    fmt::{self, Debug},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
};

use tokio::sync::oneshot;

use super::{ffi::Client, producer::RdKafkaProducer};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{
        Answer, BatchReport, GroupMetadata, OffsetAndMetadata, PartitionSlot, ProduceRecord,
        Producer, ProducerId, RefusedRecord,
    },
};

/// A call, with the producer that it is made on. It gives the producer back before it answers.
type Call = Box<dyn FnOnce(Box<RdKafkaProducer>, &SyncSender<Box<RdKafkaProducer>>) + Send>;

/// Has a thread make the calls that begin.
pub(super) struct BackgroundProducer {
    client: Arc<Client>,
    id: ProducerId,
    /// `None` while a call has it.
    producer: Option<Box<RdKafkaProducer>>,
    /// Tells a call that nobody waits for it any more.
    is_given_up: Arc<AtomicBool>,
    calls: Option<Calls>,
}

/// The thread, which ends when this is dropped.
struct Calls {
    begun: SyncSender<(Box<RdKafkaProducer>, Call)>,
    returned: Receiver<Box<RdKafkaProducer>>,
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

    /// The producer. Waits for a call that has it.
    fn producer(&mut self) -> Result<&mut RdKafkaProducer> {
        if self.producer.is_none() {
            self.producer = self.calls.as_ref().and_then(|calls| calls.returned.recv().ok());
        }
        self.producer.as_deref_mut().ok_or_else(|| lost(&self.client))
    }

    /// Makes a call on the thread.
    fn begin<T: Send + 'static>(
        &mut self,
        call: impl FnOnce(&mut RdKafkaProducer) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        let (sender, receiver) = oneshot::channel();
        let call: Call = Box::new(move |mut producer, returns| {
            let said = call(&mut producer);
            // Whoever began the call may be gone.
            let _ = returns.send(producer);
            let _ = sender.send(said);
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
        self.producer()?;
        if self.calls.is_none() {
            let name = format!("{}-calls", self.client.events().client_id());
            self.calls = Some(Calls::new(&name)?);
        }
        self.is_given_up.store(false, Ordering::Relaxed);
        let lost = lost(&self.client);
        match (&self.calls, self.producer.take()) {
            (Some(calls), Some(producer)) => calls.begun.send((producer, call)).map_err(|_| lost),
            _ => Err(lost),
        }
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
        let (begun, calls) = mpsc::sync_channel::<(Box<RdKafkaProducer>, Call)>(1);
        let (returns, returned) = mpsc::sync_channel(1);
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Ok((producer, call)) = calls.recv() {
                call(producer, &returns);
            }
        });
        match spawned {
            Ok(_) => Ok(Self { begun, returned }),
            Err(cause) => {
                let text = format!("the operating system starts no thread {name}");
                Err(Error::with_source(ErrorKind::Fatal, text, cause))
            }
        }
    }
}

impl Drop for BackgroundProducer {
    fn drop(&mut self) {
        // A call that has the producer keeps it for a moment longer; nothing may go out any more by then.
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

    fn append(&mut self, slot: PartitionSlot, record: ProduceRecord<'_>) -> Result {
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

    fn abort_transaction(&mut self) -> Result {
        // A flush that goes on would wait for records that are about to be given up.
        self.is_given_up.store(true, Ordering::Relaxed);
        self.producer()?;
        self.is_given_up.store(false, Ordering::Relaxed);
        self.producer()?.abort_transaction()
    }
}
