//! A partition that is read through its own queue.

use std::{
    ffi::{CStr, c_void},
    ptr::{self, NonNull},
    slice,
    sync::Arc,
};

use rdkafka::bindings::{
    rd_kafka_consume_batch_queue, rd_kafka_consume_start_queue, rd_kafka_consume_stop,
    rd_kafka_header_get_all, rd_kafka_headers_t, rd_kafka_last_error, rd_kafka_message_destroy,
    rd_kafka_message_errstr, rd_kafka_message_headers, rd_kafka_message_leader_epoch,
    rd_kafka_message_t, rd_kafka_message_timestamp, rd_kafka_queue_cb_event_enable,
    rd_kafka_queue_destroy, rd_kafka_queue_length, rd_kafka_queue_new, rd_kafka_queue_t,
    rd_kafka_t,
};

use super::{Code, Topic, text_of};
use crate::client::wake::Wake;

/// Number of messages taken at a time.
const TAKEN_AT_ONCE: usize = 1_024;

/// Room for the messages of one take, kept between takes.
pub(in super::super) struct MessageBuffer(Box<[*mut rd_kafka_message_t]>);

// SAFETY: between takes it holds only nulls or pointers that nobody reads.
unsafe impl Send for MessageBuffer {}

impl Default for MessageBuffer {
    fn default() -> Self {
        Self(vec![ptr::null_mut(); TAKEN_AT_ONCE].into())
    }
}

impl MessageBuffer {
    /// Limit on the messages of one take.
    pub(in super::super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl std::fmt::Debug for MessageBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MessageBuffer({})", self.0.len())
    }
}

/// An item of a queue.
pub(in super::super) enum Fetched<'a> {
    /// A record.
    Record(FetchedRecord<'a>),
    /// The end of the readable records, at this offset.
    End(i64),
    /// Fetching failed.
    Failed(Code, String),
}

/// A partition that is being fetched. Dropping it stops the fetching and waits for its end.
///
/// librdkafka's high-level consumer would look for a group's coordinator all the time; this simple
/// one only fetches.
pub(in super::super) struct PartitionQueue {
    topic: Arc<Topic>,
    partition: i32,
    handle: NonNull<rd_kafka_queue_t>,
    /// The callback's opaque pointer.
    _wake: Arc<Wake>,
}

// SAFETY: librdkafka's queues are thread-safe.
unsafe impl Send for PartitionQueue {}

impl std::fmt::Debug for PartitionQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}-{}", self.topic, self.partition)
    }
}

impl PartitionQueue {
    /// Starts to fetch from `offset`; `wake` is signalled when the queue is no longer empty.
    pub(in super::super) fn start(
        topic: &Arc<Topic>,
        partition: i32,
        offset: i64,
        wake: &Arc<Wake>,
    ) -> Result<Self, Code> {
        // SAFETY: the client is valid.
        let handle = unsafe { rd_kafka_queue_new(topic.client.as_ptr()) };
        let Some(handle) = NonNull::new(handle) else {
            return Err(Code::FATAL);
        };
        let opaque = Arc::as_ptr(wake).cast_mut().cast::<c_void>();
        // SAFETY: the queue is valid, and the value made below keeps `wake` until it has disabled
        // the callback.
        unsafe { rd_kafka_queue_cb_event_enable(handle.as_ptr(), Some(on_nonempty), opaque) };
        // SAFETY: topic and queue are valid, and the queue is destroyed only after the stop.
        let started = unsafe {
            rd_kafka_consume_start_queue(topic.as_ptr(), partition, offset, handle.as_ptr())
        };
        if started != 0 {
            // SAFETY: reads a number of this thread; the queue is valid, ours, and not used again.
            let code = unsafe {
                let code = rd_kafka_last_error() as i32;
                rd_kafka_queue_cb_event_enable(handle.as_ptr(), None, ptr::null_mut());
                rd_kafka_queue_destroy(handle.as_ptr());
                code
            };
            return Err(Code::new(code));
        }
        Ok(Self { topic: Arc::clone(topic), partition, handle, _wake: Arc::clone(wake) })
    }

    /// Returns whether there is nothing to take.
    pub(in super::super) fn is_empty(&self) -> bool {
        // SAFETY: the queue is valid.
        unsafe { rd_kafka_queue_length(self.handle.as_ptr()) == 0 }
    }

    /// The high watermark at the last fetch, or `None` before the first.
    pub(in super::super) fn high_watermark(&self) -> Option<i64> {
        self.topic.high_watermark(self.partition)
    }

    /// Takes at most `most` of the queued messages, in order and without waiting. Returns their
    /// number.
    pub(in super::super) fn take(
        &self,
        buffer: &mut MessageBuffer,
        most: usize,
        mut each: impl FnMut(Fetched<'_>),
    ) -> usize {
        let most = most.min(buffer.0.len());
        let room = buffer.0.as_mut_ptr();
        // SAFETY: the queue is valid, and the buffer has room for `most` pointers.
        let taken = unsafe { rd_kafka_consume_batch_queue(self.handle.as_ptr(), 0, room, most) };
        let taken = usize::try_from(taken).unwrap_or(0).min(most);
        for message in buffer.0.iter().take(taken) {
            // SAFETY: librdkafka filled in `taken` messages, each valid until it is destroyed,
            // which is once here.
            unsafe {
                each(fetched(&**message));
                rd_kafka_message_destroy(*message);
            }
        }
        taken
    }
}

impl Drop for PartitionQueue {
    fn drop(&mut self) {
        // SAFETY: topic and queue are valid. Fetching has stopped when `stop` returns; disabling
        // the callback takes the queue's lock, under which it is called, so it is not called
        // afterwards.
        unsafe {
            rd_kafka_consume_stop(self.topic.as_ptr(), self.partition);
            rd_kafka_queue_cb_event_enable(self.handle.as_ptr(), None, ptr::null_mut());
            rd_kafka_queue_destroy(self.handle.as_ptr());
        }
    }
}

unsafe extern "C" fn on_nonempty(_client: *mut rd_kafka_t, opaque: *mut c_void) {
    // SAFETY: the queue holds the `Wake` for as long as the callback is enabled.
    if let Some(wake) = unsafe { opaque.cast::<Wake>().as_ref() } {
        wake.wake();
    }
}

/// The content of a message.
///
/// # Safety
/// The message was returned by librdkafka and lives as long as `'a`.
unsafe fn fetched(message: &rd_kafka_message_t) -> Fetched<'_> {
    // SAFETY: the field is an `i32` in memory; an enumeration may not have every value that a
    // broker sends.
    let code = Code::new(unsafe { (&raw const message.err).cast::<i32>().read() });
    if code.is_success() {
        Fetched::Record(FetchedRecord(message))
    } else if code == Code::PARTITION_EOF {
        Fetched::End(message.offset)
    } else {
        // SAFETY: the message is valid; the text is its own or a constant.
        Fetched::Failed(code, unsafe { text_of(rd_kafka_message_errstr(message)) })
    }
}

/// A record, as long as its message lives.
pub(in super::super) struct FetchedRecord<'a>(&'a rd_kafka_message_t);

impl<'a> FetchedRecord<'a> {
    pub(in super::super) fn offset(&self) -> i64 {
        self.0.offset
    }

    /// The epoch of the leader that served it; `None` from an old broker.
    pub(in super::super) fn leader_epoch(&self) -> Option<i32> {
        // SAFETY: the message is valid.
        Some(unsafe { rd_kafka_message_leader_epoch(self.0) }).filter(|epoch| *epoch >= 0)
    }

    pub(in super::super) fn timestamp(&self) -> i64 {
        // SAFETY: the message is valid; the kind of timestamp is not asked for.
        unsafe { rd_kafka_message_timestamp(self.0, ptr::null_mut()) }
    }

    pub(in super::super) fn key(&self) -> Option<&'a [u8]> {
        // SAFETY: pointer and length are the message's.
        unsafe { bytes(self.0.key, self.0.key_len) }
    }

    pub(in super::super) fn value(&self) -> Option<&'a [u8]> {
        // SAFETY: pointer and length are the message's.
        unsafe { bytes(self.0.payload, self.0.len) }
    }

    pub(in super::super) fn headers(&self) -> FetchedHeaders<'a> {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is valid and keeps the headers; without any, the pointer stays null.
        unsafe { rd_kafka_message_headers(self.0, &raw mut headers) };
        FetchedHeaders { headers, next: 0, _message: self.0 }
    }
}

/// Bytes of a message; `None` for null.
///
/// # Safety
/// `start` is null, or the start of `length` bytes that live as long as `'a`.
unsafe fn bytes<'a>(start: *const c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: not null, and the caller guarantees the rest.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start.cast(), length) })
}

/// The headers of a record, in order.
pub(in super::super) struct FetchedHeaders<'a> {
    headers: *mut rd_kafka_headers_t,
    next: usize,
    _message: &'a rd_kafka_message_t,
}

impl<'a> Iterator for FetchedHeaders<'a> {
    type Item = (&'a str, Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.headers.is_null() {
            return None;
        }
        let (mut name, mut value, mut length) = (ptr::null(), ptr::null(), 0);
        let (at, headers) = (self.next, self.headers);
        self.next += 1;
        // SAFETY: the headers are those of a message that lives, and the results have room. Without
        // error the name ends in a null byte and the value has `length` bytes, both of the message.
        unsafe {
            let code = rd_kafka_header_get_all(
                headers,
                at,
                &raw mut name,
                &raw mut value,
                &raw mut length,
            );
            if code as i32 != 0 {
                return None;
            }
            let name = CStr::from_ptr(name).to_str().unwrap_or_default();
            Some((name, bytes(value, length)))
        }
    }
}
