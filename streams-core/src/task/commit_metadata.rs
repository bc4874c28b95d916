//! The text that is stored with a committed offset: Java's `TopicPartitionMetadata`, version 2.
//!
//! Base64 of: byte 2, partition time as big-endian `i64`, then, if there are any, the number of
//! processor entries as `i32` and for each the length of its name as `i32`, its name and an `i64`.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};

const VERSION: u8 = 2;

/// Partition time, and close times of emit-on-close stores, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommitMetadata {
    pub(crate) partition_time: i64,
    pub(crate) processors: BTreeMap<String, i64>,
}

impl CommitMetadata {
    pub(crate) fn encode(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.partition_time.to_be_bytes());
        if !self.processors.is_empty() {
            let length = |length: usize| i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes();
            bytes.extend_from_slice(&length(self.processors.len()));
            for (name, value) in &self.processors {
                bytes.extend_from_slice(&length(name.len()));
                bytes.extend_from_slice(name.as_bytes());
                bytes.extend_from_slice(&value.to_be_bytes());
            }
        }
        STANDARD.encode(bytes)
    }

    /// Decodes the text; if it is empty or malformed, or of a newer version, the result is unknown
    /// (time -1), as in Java.
    pub(crate) fn decode(text: &str) -> Self {
        let unknown = Self { partition_time: -1, processors: BTreeMap::new() };
        let Ok(bytes) = STANDARD.decode(text) else { return unknown };
        Self::read(&bytes).unwrap_or(unknown)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (version, mut rest) = bytes.split_first()?;
        let partition_time = i64::from_be_bytes(*take::<8>(&mut rest)?);
        let mut processors = BTreeMap::new();
        if *version == VERSION && !rest.is_empty() {
            let count = i32::from_be_bytes(*take::<4>(&mut rest)?);
            for _ in 0..count {
                let length = usize::try_from(i32::from_be_bytes(*take::<4>(&mut rest)?)).ok()?;
                let (name, after) = rest.split_at_checked(length)?;
                rest = after;
                let name = std::str::from_utf8(name).ok()?.to_owned();
                processors.insert(name, i64::from_be_bytes(*take::<8>(&mut rest)?));
            }
        } else if *version > VERSION {
            return None;
        }
        Some(Self { partition_time, processors })
    }
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(taken)
}
