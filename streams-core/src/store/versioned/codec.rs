//! The form of a version in the database.

use state_store::key_schema::{split_version, write_version};

use super::VersionedRecord;
use crate::{
    BoxError,
    serde::{SerdeRef, Written},
    store::ValueCodec,
};

/// A version, or the deletion of a key.
#[derive(Clone, Debug)]
pub(super) struct Version<V> {
    pub(super) value: Option<V>,
    pub(super) from: i64,
    /// Number of the put since the store was opened; 0 if it comes from the database.
    pub(super) number: u64,
}

impl<V> Version<V> {
    /// The record, unless it is a deletion.
    pub(super) fn record(self, valid_to: Option<i64>) -> Option<VersionedRecord<V>> {
        let timestamp = self.from;
        self.value.map(|value| VersionedRecord { value, timestamp, valid_to })
    }
}

pub(super) struct VersionCodec<V>(pub(super) SerdeRef<V>);

impl<V> ValueCodec<Version<V>> for VersionCodec<V> {
    fn write(
        &self,
        topic: &str,
        version: &Version<V>,
        out: &mut Vec<u8>,
    ) -> Result<Written, BoxError> {
        let start = out.len();
        if let Some(value) = &version.value {
            write_version(out, version.from, Some(&[]));
            if self.0.serialize(topic, value, out)? == Written::Bytes {
                return Ok(Written::Bytes);
            }
            // A value whose serde writes a null deletes the key.
            out.truncate(start);
        }
        write_version(out, version.from, None);
        Ok(Written::Bytes)
    }

    fn read(&self, topic: &str, bytes: &[u8]) -> Result<Version<V>, BoxError> {
        let (from, value) = split_version(bytes).ok_or("it is no version")?;
        let value = value.map(|value| self.0.deserialize(topic, Some(value))).transpose()?;
        Ok(Version { value, from, number: 0 })
    }

    fn changelog<'b>(&self, bytes: &'b [u8], record_timestamp: i64) -> (&'b [u8], i64) {
        let version = split_version(bytes);
        version.map_or((bytes, record_timestamp), |(from, value)| (value.unwrap_or_default(), from))
    }
}
