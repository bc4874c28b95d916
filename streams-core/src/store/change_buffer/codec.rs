//! The bytes of a buffered change, in the database and in the changelog: version 3 of Java's
//! format.
//!
//! ```text
//! row     = origin ‖ prior ‖ old ‖ new ‖ i64 time
//! origin  = i64 timestamp ‖ i64 offset ‖ i32 length ‖ topic ‖ i32 partition ‖ i32 n ‖ n × (text ‖ value)
//! value   = i32 length, or -1 for none ‖ bytes;  of `old` also -2: it equals `prior`
//! ```
//! All integers are big-endian. Java's `BufferValue` and `ProcessorRecordContext`.

use std::sync::Arc;

use super::Origin;
use crate::{BoxError, Headers, RecordMetadata, TopicPartition};

/// No value.
const NULL: i32 = -1;
/// The old value is the prior one.
const SAME_AS_PRIOR: i32 = -2;

/// Bytes of an origin's timestamp, offset and partition.
const ORIGIN_NUMBERS: usize = size_of::<i64>() + size_of::<i64>() + size_of::<i32>();

/// The headers of a changelog record: Java reads the version of the format there.
pub(super) fn version_headers() -> Headers {
    let mut headers = Headers::new();
    headers.add("v", Some(&[3]));
    headers
}

/// A buffered change, its values in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Row<'a> {
    pub(in super::super) time: i64,
    pub(in super::super) origin: Origin,
    pub(in super::super) prior: Option<&'a [u8]>,
    pub(in super::super) old: Option<&'a [u8]>,
    pub(in super::super) new: Option<&'a [u8]>,
}

impl<'a> Row<'a> {
    pub(in super::super) fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let Origin { timestamp, metadata, headers } = &self.origin;
        out.extend_from_slice(&timestamp.to_be_bytes());
        out.extend_from_slice(&metadata.offset.to_be_bytes());
        write_value(&mut out, Some(metadata.topic().unwrap_or_default().as_bytes()));
        out.extend_from_slice(&metadata.partition().to_be_bytes());
        let headers = headers.as_deref();
        out.extend_from_slice(&length(headers.map_or(0, Headers::len)).to_be_bytes());
        for (name, value) in headers.into_iter().flat_map(Headers::iter) {
            write_value(&mut out, Some(name.as_bytes()));
            write_value(&mut out, value);
        }
        write_value(&mut out, self.prior);
        if self.old.is_some() && self.old == self.prior {
            out.extend_from_slice(&SAME_AS_PRIOR.to_be_bytes());
        } else {
            write_value(&mut out, self.old);
        }
        write_value(&mut out, self.new);
        out.extend_from_slice(&self.time.to_be_bytes());
        out
    }

    /// Size of the row in bytes, with a key of `key` bytes, where a buffer has a limit: Java's
    /// estimate of its memory, so that the same rows are released. It is the sum of the time, the
    /// key, the values (once if the old value is the prior one) and the origin without the lengths
    /// of its parts.
    pub(super) fn size(&self, key: usize) -> usize {
        let Origin { metadata, headers, .. } = &self.origin;
        let header = |(name, value): (&str, Option<&[u8]>)| {
            // Java counts the characters of a name in UTF-16.
            name.encode_utf16().count() + value.map_or(0, <[u8]>::len)
        };
        let headers: usize = headers.iter().flat_map(|headers| headers.iter()).map(header).sum();
        let origin = ORIGIN_NUMBERS + metadata.topic().map_or(0, str::len) + headers;
        let old = self.old.filter(|_| self.old != self.prior);
        let values = [self.prior, old, self.new].into_iter().flatten().map(<[u8]>::len);
        size_of::<i64>() + key + values.sum::<usize>() + origin
    }

    /// # Errors
    /// If the bytes are too short, too long, or not in this format.
    pub(in super::super) fn read(bytes: &'a [u8]) -> Result<Self, BoxError> {
        let mut input = Input(bytes);
        let timestamp = input.long()?;
        let offset = input.long()?;
        let topic = input.text()?;
        let partition = input.int()?;
        let count = input.int()?;
        let mut headers = Headers::new();
        for _ in 0..count {
            let name = input.text()?;
            headers.add(name, input.value()?);
        }
        let prior = input.value()?;
        let old = match input.int()? {
            SAME_AS_PRIOR => prior,
            length => input.bytes(length)?,
        };
        let new = input.value()?;
        let time = input.long()?;
        if !input.0.is_empty() {
            return Err(format!("{} bytes are left behind a buffered change", input.0.len()).into());
        }
        let partition = (!topic.is_empty()).then(|| TopicPartition::new(topic, partition));
        let metadata = RecordMetadata { topic_partition: partition, offset };
        let headers = (!headers.is_empty()).then(|| Arc::new(headers));
        Ok(Self { time, origin: Origin { timestamp, metadata, headers }, prior, old, new })
    }
}

fn write_value(out: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        Some(bytes) => {
            out.extend_from_slice(&length(bytes.len()).to_be_bytes());
            out.extend_from_slice(bytes);
        }
        None => out.extend_from_slice(&NULL.to_be_bytes()),
    }
}

/// A length; brokers take nothing beyond 2 GiB.
fn length(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// The bytes that have not been read yet.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], BoxError> {
        let (taken, rest) =
            self.0.split_first_chunk::<N>().ok_or("a buffered change is cut off")?;
        self.0 = rest;
        Ok(*taken)
    }

    fn int(&mut self) -> Result<i32, BoxError> {
        Ok(i32::from_be_bytes(self.take()?))
    }

    fn long(&mut self) -> Result<i64, BoxError> {
        Ok(i64::from_be_bytes(self.take()?))
    }

    fn value(&mut self) -> Result<Option<&'a [u8]>, BoxError> {
        let length = self.int()?;
        self.bytes(length)
    }

    fn text(&mut self) -> Result<&'a str, BoxError> {
        Ok(std::str::from_utf8(self.value()?.unwrap_or_default())?)
    }

    fn bytes(&mut self, length: i32) -> Result<Option<&'a [u8]>, BoxError> {
        if length == NULL {
            return Ok(None);
        }
        let length = usize::try_from(length)
            .map_err(|_| format!("a value of a buffered change has a length of {length}"))?;
        let (taken, rest) =
            self.0.split_at_checked(length).ok_or("a value of a buffered change is cut off")?;
        self.0 = rest;
        Ok(Some(taken))
    }
}
