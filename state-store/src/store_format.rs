//! How a record of a changelog becomes a row of a store, and a row's key the key of a record.

use crate::key_schema::{changelog_to_local, local_to_changelog, write_timestamped_value};
use crate::{Error, ErrorKind, Result};

/// The layout of a store's rows. Java's record converters and key schemas.
///
/// Session stores are [`KeyValue`](Self::KeyValue): their keys are the same in changelog and store,
/// and their values have no timestamp.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StoreFormat {
    /// Keys and values as in the changelog.
    KeyValue,
    /// Values behind the timestamp of their record.
    TimestampedKeyValue,
    /// Window keys behind their segment.
    Window {
        /// For how many milliseconds of stream time a window is kept.
        retention_ms: i64,
        /// The span of a segment in milliseconds.
        segment_interval_ms: i64,
    },
    /// Window keys behind their segment, and values behind the timestamp of their record.
    TimestampedWindow {
        /// For how many milliseconds of stream time a window is kept.
        retention_ms: i64,
        /// The span of a segment in milliseconds.
        segment_interval_ms: i64,
    },
}

impl StoreFormat {
    /// Turns a record of the changelog into a local row, in buffers that are overwritten.
    ///
    /// Returns whether the row is put (`true`) or deleted (`false`, by a tombstone).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the key is too short for a window key.
    pub fn from_changelog(
        &self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: i64,
        local_key: &mut Vec<u8>,
        local_value: &mut Vec<u8>,
    ) -> Result<bool> {
        local_key.clear();
        local_value.clear();
        match self.window() {
            None => local_key.extend_from_slice(key),
            Some((_, segment_interval_ms)) => {
                changelog_to_local(local_key, segment_interval_ms, key).ok_or_else(|| {
                    let message = format!("a window key of {} bytes in the changelog", key.len());
                    Error::new(ErrorKind::Corrupt, message)
                })?;
            }
        }
        let Some(value) = value else {
            return Ok(false);
        };
        if self.is_timestamped() {
            write_timestamped_value(local_value, timestamp, value);
        } else {
            local_value.extend_from_slice(value);
        }
        Ok(true)
    }

    /// The changelog key of a row's key; empty if the key isn't one of this format.
    #[must_use]
    pub fn to_changelog_key<'a>(&self, local_key: &'a [u8]) -> &'a [u8] {
        match self.window() {
            None => local_key,
            Some(_) => local_to_changelog(local_key).unwrap_or_default(),
        }
    }

    /// Whether values stand behind a timestamp.
    #[must_use]
    pub fn is_timestamped(&self) -> bool {
        matches!(self, Self::TimestampedKeyValue | Self::TimestampedWindow { .. })
    }

    /// Retention and segment interval of a window store, in milliseconds.
    #[must_use]
    pub fn window(&self) -> Option<(i64, i64)> {
        match *self {
            Self::KeyValue | Self::TimestampedKeyValue => None,
            Self::Window { retention_ms, segment_interval_ms }
            | Self::TimestampedWindow { retention_ms, segment_interval_ms } => {
                Some((retention_ms, segment_interval_ms))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_schema::{local_window_key, write_window_key};

    const WINDOW: StoreFormat =
        StoreFormat::TimestampedWindow { retention_ms: 240_000, segment_interval_ms: 120_000 };

    #[test]
    fn a_record_becomes_a_row_in_reused_buffers() {
        let (mut key, mut value) = (b"old".to_vec(), b"old".to_vec());
        let put = StoreFormat::KeyValue
            .from_changelog(b"k", Some(b"v"), 5, &mut key, &mut value)
            .unwrap();
        assert_eq!((put, key.as_slice(), value.as_slice()), (true, &b"k"[..], &b"v"[..]));
        let put = StoreFormat::TimestampedKeyValue
            .from_changelog(b"k", Some(b"v"), 5, &mut key, &mut value)
            .unwrap();
        assert_eq!((put, value.as_slice()), (true, &b"\0\0\0\0\0\0\0\x05v"[..]));
    }

    #[test]
    fn a_tombstone_deletes_the_row() {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        let put = StoreFormat::TimestampedKeyValue
            .from_changelog(b"k", None, 5, &mut key, &mut value)
            .unwrap();
        assert_eq!((put, key.as_slice()), (false, &b"k"[..]));
    }

    #[test]
    fn a_window_key_gets_its_segment_and_loses_it_again() {
        let mut changelog = Vec::new();
        write_window_key(&mut changelog, b"k", 250_000, 0);
        let (mut key, mut value) = (Vec::new(), Vec::new());
        assert!(WINDOW.from_changelog(&changelog, Some(b"v"), 7, &mut key, &mut value).unwrap());
        let mut expected = Vec::new();
        local_window_key(&mut expected, 120_000, b"k", 250_000, 0);
        assert_eq!(key, expected);
        assert_eq!(WINDOW.to_changelog_key(&key), changelog);
    }

    #[test]
    fn a_key_that_is_no_window_key_is_corrupt() {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        let error = WINDOW.from_changelog(b"short", None, 0, &mut key, &mut value).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert_eq!(WINDOW.to_changelog_key(b"short"), b"");
    }
}
