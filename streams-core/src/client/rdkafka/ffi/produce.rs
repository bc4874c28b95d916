//! Passing records to a producer's buffers.

use std::{
    ffi::c_void,
    ptr::{self, NonNull},
    time::Duration,
};

use rdkafka::bindings::{
    RD_KAFKA_MSG_F_COPY, rd_kafka_flush, rd_kafka_header_add, rd_kafka_headers_destroy,
    rd_kafka_headers_new, rd_kafka_headers_t, rd_kafka_producev,
    rd_kafka_vtype_t::{
        RD_KAFKA_VTYPE_END, RD_KAFKA_VTYPE_HEADERS, RD_KAFKA_VTYPE_KEY, RD_KAFKA_VTYPE_MSGFLAGS,
        RD_KAFKA_VTYPE_OPAQUE, RD_KAFKA_VTYPE_PARTITION, RD_KAFKA_VTYPE_RKT,
        RD_KAFKA_VTYPE_TIMESTAMP, RD_KAFKA_VTYPE_VALUE,
    },
};

use super::{Client, Code, Topic, millis};
use crate::client::{ProduceRecord, rdkafka::deliveries::Tag};

impl Client {
    /// Sends the buffered records at once, and waits until all of them are reported. Returns
    /// whether they are.
    pub(in super::super) fn flush(&self, wait: Duration) -> bool {
        // SAFETY: the handle is valid.
        let code = unsafe { rd_kafka_flush(self.as_ptr(), millis(wait)) };
        code as i32 == 0
    }
}

impl Topic {
    /// Copies a record into the open batch of a partition. Its delivery report carries `tag`.
    pub(in super::super) fn produce(
        &self,
        partition: i32,
        record: ProduceRecord<'_>,
        tag: Tag,
    ) -> Result<(), Code> {
        let (key, key_length) = raw(record.key);
        let (value, value_length) = raw(record.value);
        let headers = NativeHeaders::new(record)?;
        // SAFETY: each type is followed by the arguments that librdkafka documents for it; the
        // bytes are copied. A null list of headers stands for none, another one is librdkafka's if
        // the call succeeds.
        let code = unsafe {
            rd_kafka_producev(
                self.client.as_ptr(),
                RD_KAFKA_VTYPE_RKT,
                self.as_ptr(),
                RD_KAFKA_VTYPE_PARTITION,
                partition,
                RD_KAFKA_VTYPE_MSGFLAGS,
                RD_KAFKA_MSG_F_COPY,
                RD_KAFKA_VTYPE_VALUE,
                value,
                value_length,
                RD_KAFKA_VTYPE_KEY,
                key,
                key_length,
                RD_KAFKA_VTYPE_OPAQUE,
                ptr::without_provenance_mut::<c_void>(tag.to_word()),
                RD_KAFKA_VTYPE_TIMESTAMP,
                record.timestamp,
                RD_KAFKA_VTYPE_HEADERS,
                headers.as_ptr(),
                RD_KAFKA_VTYPE_END,
            )
        };
        if code as i32 == 0 {
            std::mem::forget(headers);
            Ok(())
        } else {
            Err(Code::new(code as i32))
        }
    }
}

/// Start and length of bytes; null for none.
fn raw(bytes: Option<&[u8]>) -> (*mut c_void, usize) {
    bytes.map_or((ptr::null_mut(), 0), |bytes| (bytes.as_ptr().cast_mut().cast(), bytes.len()))
}

/// Headers for a record.
struct NativeHeaders(Option<NonNull<rd_kafka_headers_t>>);

impl NativeHeaders {
    fn new(record: ProduceRecord<'_>) -> Result<Self, Code> {
        if record.headers.is_empty() {
            return Ok(Self(None));
        }
        // SAFETY: the call has no preconditions.
        let headers = Self(NonNull::new(unsafe { rd_kafka_headers_new(record.headers.len()) }));
        for (name, value) in record.headers.iter() {
            let (start, length) = raw(value);
            let name_length = isize::try_from(name.len()).unwrap_or(0);
            let length = isize::try_from(length).unwrap_or(0);
            let name = name.as_ptr().cast();
            // SAFETY: the list is valid, name and value have the given lengths and are copied; a
            // null value is null.
            let code =
                unsafe { rd_kafka_header_add(headers.as_ptr(), name, name_length, start, length) };
            if code as i32 != 0 {
                return Err(Code::new(code as i32));
            }
        }
        Ok(headers)
    }

    fn as_ptr(&self) -> *mut rd_kafka_headers_t {
        self.0.map_or(ptr::null_mut(), NonNull::as_ptr)
    }
}

impl Drop for NativeHeaders {
    fn drop(&mut self) {
        if let Some(headers) = self.0 {
            // SAFETY: no record took them.
            unsafe { rd_kafka_headers_destroy(headers.as_ptr()) };
        }
    }
}
