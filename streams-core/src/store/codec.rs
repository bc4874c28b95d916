//! Conversion of a store's values to bytes, for the database and for the changelog.

use state_store::key_schema::{
    HeaderRef, split_headers, split_timestamped_value, write_headers, write_timestamped_value,
};

use crate::{
    BoxError, Headers,
    serde::{SerdeRef, Written},
};

/// A value with the timestamp of the record that made it. Java's `ValueAndTimestamp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueAndTimestamp<V> {
    /// The value.
    pub value: V,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
}

/// Writes and reads the values of a store.
pub trait ValueCodec<V>: Send + Sync {
    /// Appends the database's bytes of `value`; [`Written::Null`] deletes the key.
    ///
    /// # Errors
    /// Errors of the value's serde.
    fn write(&self, topic: &str, value: &V, out: &mut Vec<u8>) -> Result<Written, BoxError>;

    /// Reads the database's bytes.
    ///
    /// # Errors
    /// Errors of the value's serde; or the bytes are too short.
    fn read(&self, topic: &str, bytes: &[u8]) -> Result<V, BoxError>;

    /// The changelog's value and timestamp for the bytes of `write`, in a record of this timestamp.
    fn changelog<'b>(&self, bytes: &'b [u8], record_timestamp: i64) -> (&'b [u8], i64);

    /// The headers of the changelog's record for the bytes of `write`; `None` if the value has none
    /// of its own.
    fn headers(&self, bytes: &[u8]) -> Option<Headers> {
        let _ = bytes;
        None
    }
}

/// A value with the timestamp and the headers of the record that made it. Java's
/// `ValueTimestampHeaders` (KIP-1271).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueTimestampHeaders<V> {
    /// The value.
    pub value: V,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// The headers.
    pub headers: Headers,
}

/// The value's own bytes; the changelog record has the timestamp of the record that wrote it.
pub struct PlainCodec<V>(pub SerdeRef<V>);

impl<V> ValueCodec<V> for PlainCodec<V> {
    fn write(&self, topic: &str, value: &V, out: &mut Vec<u8>) -> Result<Written, BoxError> {
        self.0.serialize(topic, value, out)
    }

    fn read(&self, topic: &str, bytes: &[u8]) -> Result<V, BoxError> {
        self.0.deserialize(topic, Some(bytes))
    }

    fn changelog<'b>(&self, bytes: &'b [u8], record_timestamp: i64) -> (&'b [u8], i64) {
        (bytes, record_timestamp)
    }
}

impl<V> std::fmt::Debug for PlainCodec<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PlainCodec")
    }
}

/// An `i64` timestamp before the value; the changelog has the plain value at that timestamp.
pub struct TimestampedCodec<V>(pub SerdeRef<V>);

impl<V> ValueCodec<ValueAndTimestamp<V>> for TimestampedCodec<V> {
    fn write(
        &self,
        topic: &str,
        value: &ValueAndTimestamp<V>,
        out: &mut Vec<u8>,
    ) -> Result<Written, BoxError> {
        let start = out.len();
        write_timestamped_value(out, value.timestamp, &[]);
        let written = self.0.serialize(topic, &value.value, out)?;
        if written == Written::Null {
            out.truncate(start);
        }
        Ok(written)
    }

    fn read(&self, topic: &str, bytes: &[u8]) -> Result<ValueAndTimestamp<V>, BoxError> {
        let (timestamp, value) = split_timestamped_value(bytes)
            .ok_or_else(|| format!("a row of {} bytes has no timestamp", bytes.len()))?;
        Ok(ValueAndTimestamp { value: self.0.deserialize(topic, Some(value))?, timestamp })
    }

    fn changelog<'b>(&self, bytes: &'b [u8], record_timestamp: i64) -> (&'b [u8], i64) {
        split_timestamped_value(bytes)
            .map_or((bytes, record_timestamp), |(timestamp, value)| (value, timestamp))
    }
}

impl<V> std::fmt::Debug for TimestampedCodec<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TimestampedCodec")
    }
}

/// Headers and an `i64` timestamp before the value; the changelog has the plain value, in a record
/// with both.
pub struct HeadersCodec<V>(pub SerdeRef<V>);

impl<V> ValueCodec<ValueTimestampHeaders<V>> for HeadersCodec<V> {
    fn write(
        &self,
        topic: &str,
        value: &ValueTimestampHeaders<V>,
        out: &mut Vec<u8>,
    ) -> Result<Written, BoxError> {
        let start = out.len();
        write_headers(out, value.headers.iter());
        write_timestamped_value(out, value.timestamp, &[]);
        let written = self.0.serialize(topic, &value.value, out)?;
        if written == Written::Null {
            out.truncate(start);
        }
        Ok(written)
    }

    fn read(&self, topic: &str, bytes: &[u8]) -> Result<ValueTimestampHeaders<V>, BoxError> {
        let split = split_headers(bytes);
        let split =
            split.and_then(|(headers, rest)| Some((headers, split_timestamped_value(rest)?)));
        let (all, (timestamp, value)) =
            split.ok_or_else(|| format!("a row of {} bytes has no headers", bytes.len()))?;
        let headers = owned(&all);
        let value = self.0.deserialize(topic, Some(value))?;
        Ok(ValueTimestampHeaders { value, timestamp, headers })
    }

    fn changelog<'b>(&self, bytes: &'b [u8], record_timestamp: i64) -> (&'b [u8], i64) {
        split_headers(bytes)
            .and_then(|(_, rest)| split_timestamped_value(rest))
            .map_or((bytes, record_timestamp), |(timestamp, value)| (value, timestamp))
    }

    fn headers(&self, bytes: &[u8]) -> Option<Headers> {
        split_headers(bytes).map(|(all, _)| owned(&all))
    }
}

impl<V> std::fmt::Debug for HeadersCodec<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HeadersCodec")
    }
}

fn owned(all: &[HeaderRef<'_>]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in all {
        headers.add(name, *value);
    }
    headers
}
