//! A record as it is in a log.

use crate::{Headers, client::RecordView};

/// An owned copy of a record in the embedded cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// Partition of the topic.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
    /// Timestamp in milliseconds since the epoch.
    pub timestamp: i64,
    /// Key bytes.
    pub key: Option<Vec<u8>>,
    /// Value bytes.
    pub value: Option<Vec<u8>>,
    /// Headers.
    pub headers: Headers,
}

impl StoredRecord {
    pub(super) fn new(partition: i32, record: &RecordView<'_>) -> Self {
        let mut headers = Headers::new();
        record.read_headers(&mut headers);
        Self {
            partition,
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers,
        }
    }
}
