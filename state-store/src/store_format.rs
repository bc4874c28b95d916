//! Conversion of changelog records to rows of a store, and of row keys back to record keys.

use crate::key_schema::{
    HeaderRef, Span, history_key, is_time_entry, parse_local_window_key, parse_session_key,
    parse_versioned_key, parse_window_key, segment_id, segment_interval, write_headers,
    write_time_entry, write_timestamped_value, write_version,
};
use crate::{Error, ErrorKind, Result};

/// The bytes of a segment before a local key.
const SEGMENT_BYTES: usize = 8;

/// Layout of the rows of a window or session store: segments of time, so that old rows are dropped
/// together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    /// Time for which a row is kept, in milliseconds of stream time.
    pub retention_ms: i64,
    /// The span of a segment in milliseconds.
    pub interval_ms: i64,
    /// True if an index finds rows in the order of their times.
    pub by_time: bool,
}

impl Segments {
    /// Segments of Java's span, without an index.
    #[must_use]
    pub fn new(retention_ms: i64) -> Self {
        Self { retention_ms, interval_ms: segment_interval(retention_ms), by_time: false }
    }

    /// The segment of a time.
    #[must_use]
    pub fn of(&self, time: i64) -> i64 {
        segment_id(self.interval_ms, time)
    }
}

/// The layout of a store's rows. Java's record converters and key schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFormat {
    /// Keys and values as in the changelog.
    KeyValue,
    /// Values behind the timestamp of their record.
    TimestampedKeyValue,
    /// Values behind the headers and the timestamp of their record.
    HeadersKeyValue,
    /// Window keys behind their segment: that of the window's start.
    Window(Segments),
    /// Window keys behind their segment, and values behind the timestamp of their record.
    TimestampedWindow(Segments),
    /// Session keys behind their segment: that of the session's end.
    Session(Segments),
    /// Versions of values, of which the retention says how long those are kept that are not the
    /// latest.
    Versioned(Segments),
}

impl StoreFormat {
    /// Turns a record of the changelog into a local row, in buffers that are overwritten.
    ///
    /// Returns whether the row is put (`true`) or deleted (`false`, by a tombstone). A version is
    /// always put, and its key is that of a [deletion](crate::key_schema::Span::is_deletion) at its
    /// time, whatever its value.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the key is too short for a window key.
    pub fn from_changelog<'h>(
        &self,
        (key, value): (&[u8], Option<&[u8]>),
        timestamp: i64,
        headers: impl Iterator<Item = HeaderRef<'h>>,
        local_key: &mut Vec<u8>,
        local_value: &mut Vec<u8>,
    ) -> Result<bool> {
        local_key.clear();
        local_value.clear();
        if let Self::Versioned(_) = self {
            // Not yet its place, which depends on the versions that are there; but it has one for
            // each version.
            history_key(local_key, 1, key, Span { to: timestamp, from: timestamp });
            write_version(local_value, timestamp, value);
            return Ok(true);
        }
        if let Some(segments) = self.segments() {
            let time = self.split(key).map(|(_, time)| time);
            let time = time.filter(|time| *time >= 0 || !segments.by_time).ok_or_else(|| {
                let message = format!("a windowed key of {} bytes in the changelog", key.len());
                Error::new(ErrorKind::Corrupt, message)
            })?;
            local_key.extend_from_slice(&segments.of(time).to_be_bytes());
        }
        local_key.extend_from_slice(key);
        let Some(value) = value else {
            return Ok(false);
        };
        if let Self::HeadersKeyValue = self {
            write_headers(local_value, headers);
            write_timestamped_value(local_value, timestamp, value);
        } else if self.is_timestamped() {
            write_timestamped_value(local_value, timestamp, value);
        } else {
            local_value.extend_from_slice(value);
        }
        Ok(true)
    }

    /// The changelog key of a row's key; `None` if the key isn't one of this format, or there need
    /// be no record for the row: it is an entry of an index, or a version of a key that has another
    /// row.
    #[must_use]
    pub fn to_changelog_key<'a>(&self, local_key: &'a [u8]) -> Option<&'a [u8]> {
        if let Self::Versioned(_) = self {
            let (key, span) = parse_versioned_key(local_key)?;
            // Each key that has versions has a latest one, or has been deleted.
            return span.is_none_or(|span| span.is_deletion()).then_some(key);
        }
        let Some(segments) = self.segments() else { return Some(local_key) };
        if segments.by_time && is_time_entry(local_key) {
            return None;
        }
        let changelog_key = local_key.get(SEGMENT_BYTES..)?;
        self.split(changelog_key).map(|_| changelog_key)
    }

    /// Splits a changelog key of windows or sessions into the plain key and the time that its
    /// segment is of: a window's start, a session's end.
    #[must_use]
    pub fn split<'a>(&self, changelog_key: &'a [u8]) -> Option<(&'a [u8], i64)> {
        match self {
            Self::KeyValue
            | Self::TimestampedKeyValue
            | Self::HeadersKeyValue
            | Self::Versioned(_) => None,
            Self::Window(_) | Self::TimestampedWindow(_) => {
                parse_window_key(changelog_key).map(|(key, start, _)| (key, start))
            }
            Self::Session(_) => parse_session_key(changelog_key).map(|(key, end, _)| (key, end)),
        }
    }

    /// The time that the segment of a row is of; `None` in a store without windows.
    #[must_use]
    pub fn time_of(&self, local_key: &[u8]) -> Option<i64> {
        self.segments()?;
        self.split(local_key.get(SEGMENT_BYTES..)?).map(|(_, time)| time)
    }

    /// The sequence number of a window's row; 0 in any other store.
    pub(crate) fn seqnum_of(&self, local_key: &[u8]) -> i32 {
        match self {
            Self::Window(_) | Self::TimestampedWindow(_) => {
                parse_local_window_key(local_key).map_or(0, |(_, _, seqnum)| seqnum)
            }
            Self::KeyValue
            | Self::HeadersKeyValue
            | Self::TimestampedKeyValue
            | Self::Session(_)
            | Self::Versioned(_) => 0,
        }
    }

    /// Appends the entry of a row in the index by time. Returns whether the store has one.
    pub fn time_entry(&self, local_key: &[u8], out: &mut Vec<u8>) -> bool {
        let indexed = self.segments().is_some_and(|segments| segments.by_time);
        let changelog_key = local_key.get(SEGMENT_BYTES..).filter(|_| indexed);
        let Some((key, time)) = changelog_key.zip(self.time_of(local_key)) else { return false };
        write_time_entry(out, time, key);
        true
    }

    /// Returns whether a timestamp precedes each value.
    #[must_use]
    pub fn is_timestamped(&self) -> bool {
        matches!(self, Self::TimestampedKeyValue | Self::TimestampedWindow(_))
    }

    /// Layout of the rows of a window or session store.
    #[must_use]
    pub fn segments(&self) -> Option<Segments> {
        match *self {
            Self::KeyValue
            | Self::TimestampedKeyValue
            | Self::HeadersKeyValue
            | Self::Versioned(_) => None,
            Self::Window(segments)
            | Self::TimestampedWindow(segments)
            | Self::Session(segments) => Some(segments),
        }
    }

    /// Retention and layout of a store's versions; `None` if it has none.
    #[must_use]
    pub fn versions(&self) -> Option<Segments> {
        match *self {
            Self::Versioned(segments) => Some(segments),
            _ => None,
        }
    }

    /// Returns whether the store has a stream time, by which its rows expire.
    #[must_use]
    pub fn has_stream_time(&self) -> bool {
        self.segments().is_some() || self.versions().is_some()
    }

    /// The same as [`segments`](Self::segments), to change it before the store has rows.
    pub fn segments_mut(&mut self) -> Option<&mut Segments> {
        match self {
            Self::KeyValue
            | Self::TimestampedKeyValue
            | Self::HeadersKeyValue
            | Self::Versioned(_) => None,
            Self::Window(segments)
            | Self::TimestampedWindow(segments)
            | Self::Session(segments) => Some(segments),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_schema::{
        local_session_key, local_window_key, parse_time_entry, write_session_key, write_window_key,
    };

    const SEGMENTS: Segments =
        Segments { retention_ms: 240_000, interval_ms: 120_000, by_time: false };
    const WINDOW: StoreFormat = StoreFormat::TimestampedWindow(SEGMENTS);

    #[test]
    fn a_record_becomes_a_row_in_reused_buffers() {
        let (mut key, mut value) = (b"old".to_vec(), b"old".to_vec());
        let put = StoreFormat::KeyValue
            .from_changelog((b"k", Some(b"v")), 5, std::iter::empty(), &mut key, &mut value)
            .unwrap();
        assert_eq!((put, key.as_slice(), value.as_slice()), (true, &b"k"[..], &b"v"[..]));
        let put = StoreFormat::TimestampedKeyValue
            .from_changelog((b"k", Some(b"v")), 5, std::iter::empty(), &mut key, &mut value)
            .unwrap();
        assert_eq!((put, value.as_slice()), (true, &b"\0\0\0\0\0\0\0\x05v"[..]));
    }

    #[test]
    fn a_tombstone_deletes_the_row() {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        let put = StoreFormat::TimestampedKeyValue
            .from_changelog((b"k", None), 5, std::iter::empty(), &mut key, &mut value)
            .unwrap();
        assert_eq!((put, key.as_slice()), (false, &b"k"[..]));
    }

    #[test]
    fn a_window_key_gets_its_segment_and_loses_it_again() {
        let mut changelog = Vec::new();
        write_window_key(&mut changelog, b"k", 250_000, 0);
        let (mut key, mut value) = (Vec::new(), Vec::new());
        assert!(
            WINDOW
                .from_changelog(
                    (&changelog, Some(b"v")),
                    7,
                    std::iter::empty(),
                    &mut key,
                    &mut value
                )
                .unwrap()
        );
        let mut expected = Vec::new();
        local_window_key(&mut expected, 120_000, b"k", 250_000, 0);
        assert_eq!(key, expected);
        assert_eq!(WINDOW.to_changelog_key(&key), Some(changelog.as_slice()));
        assert!(!WINDOW.time_entry(&key, &mut Vec::new()));
    }

    #[test]
    fn a_session_lies_in_the_segment_of_its_end() {
        let format = StoreFormat::Session(Segments { by_time: true, ..SEGMENTS });
        let mut changelog = Vec::new();
        write_session_key(&mut changelog, b"k", 130_000, 110_000);
        let (mut key, mut value) = (Vec::new(), Vec::new());
        assert!(
            format
                .from_changelog(
                    (&changelog, Some(b"v")),
                    7,
                    std::iter::empty(),
                    &mut key,
                    &mut value
                )
                .unwrap()
        );
        let mut expected = Vec::new();
        local_session_key(&mut expected, 120_000, b"k", 130_000, 110_000);
        assert_eq!((key.as_slice(), value.as_slice()), (expected.as_slice(), &b"v"[..]));
        assert_eq!(format.to_changelog_key(&key), Some(changelog.as_slice()));
        assert_eq!(format.time_of(&key), Some(130_000));
        let mut entry = Vec::new();
        assert!(format.time_entry(&key, &mut entry));
        assert_eq!(parse_time_entry(&entry), Some((130_000, changelog.as_slice())));
        assert_eq!(format.to_changelog_key(&entry), None);
    }

    /// The first byte of its segment would be that of the entries.
    #[test]
    fn a_negative_time_is_corrupt_where_rows_have_an_index() {
        let format = StoreFormat::Session(Segments { by_time: true, ..SEGMENTS });
        let mut changelog = Vec::new();
        write_session_key(&mut changelog, b"k", -1, -1);
        let (mut key, mut value) = (Vec::new(), Vec::new());
        let error = format
            .from_changelog((&changelog, None), 0, std::iter::empty(), &mut key, &mut value)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn a_key_that_is_no_window_key_is_corrupt() {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        let error = WINDOW
            .from_changelog((b"short", None), 0, std::iter::empty(), &mut key, &mut value)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert_eq!(WINDOW.to_changelog_key(b"short"), None);
    }
}
