//! A record of unknown types.

use std::any::Any;

use crate::{Headers, Record};

/// A view of one record whose key and value types the code does not know; it can ask for them by
/// type.
///
/// A null key or value is `None` of an `Option` type; so ask for a key by the node's type, `String`
/// or `Option<String>`.
#[derive(Clone, Copy, Debug)]
pub struct AnyRecord<'a> {
    key: &'a dyn Any,
    value: &'a dyn Any,
    timestamp: i64,
    headers: &'a Headers,
}

impl<'a> AnyRecord<'a> {
    pub(super) fn new<K: 'static, V: 'static>(record: Record<'a, K, V>) -> Self {
        let Record { key, value, timestamp, headers } = record;
        Self { key, value, timestamp, headers }
    }

    /// The record with its types; `None` if it has others.
    pub(super) fn typed<K: 'static, V: 'static>(self) -> Option<Record<'a, K, V>> {
        let (key, value) = (self.key()?, self.value()?);
        Some(Record::new(key, value, self.timestamp, self.headers))
    }

    /// The key; `None` if it has another type.
    pub fn key<K: 'static>(self) -> Option<&'a K> {
        self.key.downcast_ref()
    }

    /// The value; `None` if it has another type.
    pub fn value<V: 'static>(self) -> Option<&'a V> {
        self.value.downcast_ref()
    }

    /// Event time in milliseconds since the epoch.
    pub fn timestamp(self) -> i64 {
        self.timestamp
    }

    /// The headers.
    pub fn headers(self) -> &'a Headers {
        self.headers
    }

    /// The same record with another value, which must be of the same type.
    #[must_use]
    pub fn with_value(self, value: &'a dyn Any) -> Self {
        Self { value, ..self }
    }

    /// The same record at another time, in milliseconds since the epoch.
    #[must_use]
    pub fn with_timestamp(self, timestamp: i64) -> Self {
        Self { timestamp, ..self }
    }

    /// The same record with other headers.
    #[must_use]
    pub fn with_headers(self, headers: &'a Headers) -> Self {
        Self { headers, ..self }
    }
}
