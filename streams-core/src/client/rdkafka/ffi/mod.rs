//! Safe wrappers of librdkafka's functions. The only module of the workspace with `unsafe`.
//!
//! Every pointer of librdkafka is owned by one type here, and freed with it: a [`Topic`] and a
//! [`PartitionQueue`] keep their [`Client`] alive, a message does not leave the call that read it.
//! Events from librdkafka's own threads arrive in [`ClientEvents`]. No decision is made here: codes
//! and texts are passed up unchanged.
#![expect(unsafe_code, reason = "librdkafka is a C library")]

mod callbacks;
mod code;
mod partition_queue;
mod produce;
mod transactions;

use std::{
    collections::BTreeMap,
    ffi::{CStr, CString, c_char},
    ptr::{self, NonNull},
    sync::Arc,
    time::Duration,
};

use rdkafka::bindings::{
    rd_kafka_brokers_add, rd_kafka_conf_destroy, rd_kafka_conf_new, rd_kafka_conf_res_t,
    rd_kafka_conf_set, rd_kafka_conf_t, rd_kafka_controllerid, rd_kafka_destroy,
    rd_kafka_error_destroy, rd_kafka_fatal_error, rd_kafka_get_watermark_offsets,
    rd_kafka_metadata, rd_kafka_metadata_destroy, rd_kafka_new, rd_kafka_poll, rd_kafka_purge,
    rd_kafka_sasl_background_callbacks_enable, rd_kafka_t, rd_kafka_topic_destroy,
    rd_kafka_topic_new, rd_kafka_topic_t, rd_kafka_type_t,
};

pub(super) use self::{
    code::Code,
    partition_queue::{Fetched, FetchedRecord, MessageBuffer, PartitionQueue},
    transactions::{GroupIdentity, TransactionFailure},
};
use super::events::ClientEvents;
use crate::client::ClientKind;

/// Reason why a client could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// librdkafka has no such setting.
    UnknownKey(String),
    /// A value, or a combination of values, is wrong; the text names it.
    Value(String),
}

/// Checks each setting by itself, without making a client.
pub(super) fn check(settings: &BTreeMap<String, String>) -> Result<(), Refused> {
    Conf::new(settings).map(drop)
}

/// A client of librdkafka: its threads, connections and buffers.
pub(super) struct Client {
    handle: NonNull<rd_kafka_t>,
    kind: ClientKind,
    /// The callbacks' opaque pointer; outlives the handle, since fields drop after `drop`.
    events: Arc<ClientEvents>,
    bootstrap: CString,
}

// SAFETY: librdkafka's client is thread-safe by its documentation ("completely thread-safe"), and
// so is `ClientEvents`.
unsafe impl Send for Client {}
// SAFETY: as for `Send`.
unsafe impl Sync for Client {}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} `{}`", self.kind, self.events.client_id())
    }
}

impl Client {
    /// A client with these settings, by librdkafka's names. It connects in the background.
    pub(super) fn new(
        kind: ClientKind,
        settings: &BTreeMap<String, String>,
        events: Arc<ClientEvents>,
    ) -> Result<Arc<Self>, Refused> {
        let conf = Conf::new(settings)?;
        callbacks::register(conf.0, kind, &events);
        let native = match kind {
            ClientKind::Consumer => rd_kafka_type_t::RD_KAFKA_CONSUMER,
            ClientKind::Producer => rd_kafka_type_t::RD_KAFKA_PRODUCER,
        };
        let mut text = ErrorText::new();
        // SAFETY: the configuration is valid, and the buffer as long as it says.
        let handle = unsafe { rd_kafka_new(native, conf.0, text.as_mut_ptr(), ErrorText::LENGTH) };
        let Some(handle) = NonNull::new(handle) else {
            return Err(Refused::Value(text.to_text()));
        };
        // On success the configuration belongs to the client.
        std::mem::forget(conf);
        if events.has_token_provider() {
            // SAFETY: the handle is valid; an error is owned by us, and `destroy` takes null too.
            unsafe {
                rd_kafka_error_destroy(rd_kafka_sasl_background_callbacks_enable(handle.as_ptr()));
            }
        }
        let bootstrap = settings.get("bootstrap.servers").map(String::as_str).unwrap_or_default();
        let bootstrap = CString::new(bootstrap).unwrap_or_default();
        Ok(Arc::new(Self { handle, kind, events, bootstrap }))
    }

    pub(super) fn events(&self) -> &ClientEvents {
        &self.events
    }

    fn as_ptr(&self) -> *mut rd_kafka_t {
        self.handle.as_ptr()
    }

    /// Handles pending events: delivery reports, errors. Waits for the first of them.
    pub(super) fn serve(&self, wait: Duration) {
        // SAFETY: the handle is valid.
        unsafe { rd_kafka_poll(self.as_ptr(), millis(wait)) };
    }

    /// Returns whether the cluster has a broker according to its last response. A response without
    /// brokers names no controller either.
    pub(super) fn has_heard_of_brokers(&self) -> bool {
        // SAFETY: the handle is valid, and without a time-out the call returns what is known.
        unsafe { rd_kafka_controllerid(self.as_ptr(), 0) >= 0 }
    }

    /// Adds the bootstrap servers to the known brokers; those among them stay as they are.
    pub(super) fn add_bootstrap_servers(&self) {
        // SAFETY: handle and text are valid.
        unsafe { rd_kafka_brokers_add(self.as_ptr(), self.bootstrap.as_ptr()) };
    }

    /// The error after which an idempotent producer refuses all work, if there was one.
    pub(super) fn fatal_error(&self) -> Option<(Code, String)> {
        let mut text = ErrorText::new();
        // SAFETY: the handle is valid, and the buffer as long as it says.
        let code =
            unsafe { rd_kafka_fatal_error(self.as_ptr(), text.as_mut_ptr(), ErrorText::LENGTH) };
        let code = Code::new(code as i32);
        (!code.is_success()).then(|| (code, text.to_text()))
    }

    /// Gives up all records that are queued or in transit; each is reported as failed.
    pub(super) fn purge(&self) {
        use rdkafka::bindings::{RD_KAFKA_PURGE_F_INFLIGHT, RD_KAFKA_PURGE_F_QUEUE};
        // SAFETY: the handle is valid. It fails only for a consumer, which has nothing to purge.
        unsafe {
            rd_kafka_purge(self.as_ptr(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        }
    }

    /// Gives up the queued records; each is reported as failed. Those in transit are still
    /// answered.
    pub(super) fn purge_queued(&self) {
        // SAFETY: the handle is valid. It fails only for a consumer, which has nothing to purge.
        unsafe {
            rd_kafka_purge(self.as_ptr(), rdkafka::bindings::RD_KAFKA_PURGE_F_QUEUE);
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.kind == ClientKind::Producer {
            // Records that were not flushed must not be sent any more.
            self.purge();
        }
        // SAFETY: the handle is valid and not used again: topics and queues hold the client.
        unsafe { rd_kafka_destroy(self.as_ptr()) };
    }
}

/// A topic that a client uses.
pub(super) struct Topic {
    client: Arc<Client>,
    handle: NonNull<rd_kafka_topic_t>,
    name: CString,
}

// SAFETY: as for the client.
unsafe impl Send for Topic {}
// SAFETY: as for the client.
unsafe impl Sync for Topic {}

impl std::fmt::Debug for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.name.fmt(f)
    }
}

impl Topic {
    /// A topic by its name, whether or not it exists; `None` if the name is invalid.
    pub(super) fn new(client: &Arc<Client>, name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        // SAFETY: handle and name are valid; a null configuration stands for the client's defaults.
        let handle = unsafe { rd_kafka_topic_new(client.as_ptr(), name.as_ptr(), ptr::null_mut()) };
        let handle = NonNull::new(handle)?;
        Some(Self { client: Arc::clone(client), handle, name })
    }

    fn as_ptr(&self) -> *mut rd_kafka_topic_t {
        self.handle.as_ptr()
    }

    /// Asks the cluster for the number of partitions.
    pub(super) fn partition_count(&self, wait: Duration) -> Result<i32, Code> {
        let mut metadata = ptr::null();
        let (client, topic) = (self.client.as_ptr(), self.as_ptr());
        // SAFETY: client and topic are valid; on success `metadata` is ours until it is destroyed.
        let code =
            unsafe { rd_kafka_metadata(client, 0, topic, &raw mut metadata, millis(wait)) } as i32;
        if code != 0 || metadata.is_null() {
            return Err(Code::new(code));
        }
        // SAFETY: not null, so it was filled in; it has `topic_cnt` topics.
        let described = unsafe {
            let (count, topics) = ((*metadata).topic_cnt, (*metadata).topics);
            // The code is read as a number, since a broker may send one that the enumeration lacks.
            (count > 0 && !topics.is_null())
                .then(|| ((*topics).partition_cnt, (&raw const (*topics).err).cast::<i32>().read()))
        };
        // SAFETY: it is ours and not read again.
        unsafe { rd_kafka_metadata_destroy(metadata) };
        match described {
            Some((count, 0)) if count > 0 => Ok(count),
            Some((_, 0)) | None => Err(Code::UNKNOWN_TOPIC_OR_PARTITION),
            Some((_, code)) => Err(Code::new(code)),
        }
    }

    /// The high watermark at the last fetch, or `None` before the first.
    pub(super) fn high_watermark(&self, partition: i32) -> Option<i64> {
        let (mut low, mut high) = (-1, -1);
        let (client, name) = (self.client.as_ptr(), self.name.as_ptr());
        // SAFETY: handle and name are valid, and both numbers are there to be written.
        let code = unsafe {
            rd_kafka_get_watermark_offsets(client, name, partition, &raw mut low, &raw mut high)
        };
        (code as i32 == 0 && high >= 0).then_some(high)
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and not used again.
        unsafe { rd_kafka_topic_destroy(self.as_ptr()) };
    }
}

/// A configuration for a client.
struct Conf(*mut rd_kafka_conf_t);

impl Conf {
    fn new(settings: &BTreeMap<String, String>) -> Result<Self, Refused> {
        // SAFETY: there is nothing to be wrong; it returns a valid pointer.
        let conf = Self(unsafe { rd_kafka_conf_new() });
        for (key, value) in settings {
            conf.set(key, value)?;
        }
        Ok(conf)
    }

    fn set(&self, key: &str, value: &str) -> Result<(), Refused> {
        let (Ok(name), Ok(text)) = (CString::new(key), CString::new(value)) else {
            return Err(Refused::Value(format!("`{key}` or its value has a null byte in it")));
        };
        let mut error = ErrorText::new();
        let (name, text) = (name.as_ptr(), text.as_ptr());
        // SAFETY: all pointers are valid, and the buffer as long as it says.
        let set =
            unsafe { rd_kafka_conf_set(self.0, name, text, error.as_mut_ptr(), ErrorText::LENGTH) };
        match set {
            rd_kafka_conf_res_t::RD_KAFKA_CONF_OK => Ok(()),
            rd_kafka_conf_res_t::RD_KAFKA_CONF_UNKNOWN => Err(Refused::UnknownKey(key.to_owned())),
            rd_kafka_conf_res_t::RD_KAFKA_CONF_INVALID => {
                Err(Refused::Value(format!("`{key}`: {}", error.to_text())))
            }
        }
    }
}

impl Drop for Conf {
    fn drop(&mut self) {
        // SAFETY: no client took it.
        unsafe { rd_kafka_conf_destroy(self.0) };
    }
}

/// A buffer into which librdkafka writes an error's text.
struct ErrorText([c_char; Self::LENGTH]);

impl ErrorText {
    const LENGTH: usize = 512;

    fn new() -> Self {
        Self([0; Self::LENGTH])
    }

    fn as_mut_ptr(&mut self) -> *mut c_char {
        self.0.as_mut_ptr()
    }

    fn to_text(&self) -> String {
        // SAFETY: the buffer is zeroed at first, and librdkafka ends its text with a null byte.
        unsafe { text_of(self.0.as_ptr()) }
    }
}

/// A text of librdkafka, or an empty one for null.
///
/// # Safety
/// `text` is null or a string that ends in a null byte and lives for the call.
unsafe fn text_of(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and the caller guarantees the rest.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// Milliseconds for librdkafka; never its "for ever".
fn millis(wait: Duration) -> i32 {
    i32::try_from(wait.as_millis()).unwrap_or(i32::MAX)
}
