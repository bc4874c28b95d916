//! Versions of values: where they lie in the local store, and what a new one changes there. After
//! Java's `RocksDBVersionedStore`, whose changelog has plain keys and values in records of the
//! versions' timestamps.
//!
//! ```text
//! latest     0x00 ‖ key
//! history    0x01 ‖ i64 segment of `to` ‖ key ‖ i64 to ‖ i64 from
//! row        u8 1, or 0 for a deletion ‖ i64 from ‖ value
//! ```
//! A version is valid from its timestamp up to the next one's, which is when it becomes history;
//! the segment says when it can be forgotten. Where a key was deleted nothing is valid up to its
//! next version; so that the time is known, there is a row from it to itself.

use super::{segment_id, split_last_i64};

const LATEST: u8 = 0;
const HISTORY: u8 = 1;
const SEGMENT_END: usize = 9;

/// The time in which a version in the history is valid: `from <= time < to`. Both are the same for
/// a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Start of the next version, in milliseconds since the epoch.
    pub to: i64,
    /// The version's own timestamp.
    pub from: i64,
}

impl Span {
    /// Returns whether this span is a deletion of the key rather than a version.
    #[must_use]
    pub fn is_deletion(&self) -> bool {
        self.from == self.to
    }
}

/// Appends the local key of the latest version of a key.
pub fn latest_key(out: &mut Vec<u8>, key: &[u8]) {
    out.push(LATEST);
    out.extend_from_slice(key);
}

/// Appends the local key of a version in the history.
pub fn history_key(out: &mut Vec<u8>, segment_interval: i64, key: &[u8], span: Span) {
    history_prefix(out, segment_id(segment_interval, span.to), key);
    out.extend_from_slice(&span.to.to_be_bytes());
    out.extend_from_slice(&span.from.to_be_bytes());
}

/// Appends the bounds, both inclusive, of the versions of a key in a segment that end after `time`.
///
/// Between them may lie versions of longer keys that begin with the same bytes, which the caller
/// filters.
pub fn history_bounds(
    (lower, upper): (&mut Vec<u8>, &mut Vec<u8>),
    segment: i64,
    key: &[u8],
    time: i64,
) {
    history_prefix(lower, segment, key);
    lower.extend_from_slice(&time.saturating_add(1).to_be_bytes());
    history_prefix(upper, segment, key);
    upper.extend_from_slice(&[u8::MAX; 16]);
}

/// The first key of the history of a segment: what lies before has expired when the segment is the
/// first that lives.
#[must_use]
pub fn history_segment_bound(segment: i64) -> Vec<u8> {
    let mut bound = Vec::with_capacity(SEGMENT_END);
    history_prefix(&mut bound, segment, &[]);
    bound
}

fn history_prefix(out: &mut Vec<u8>, segment: i64, key: &[u8]) {
    out.push(HISTORY);
    out.extend_from_slice(&segment.to_be_bytes());
    out.extend_from_slice(key);
}

/// Splits a local key: the plain key, and the span of a version in the history or `None` for the
/// latest one.
#[must_use]
pub fn parse_versioned_key(local_key: &[u8]) -> Option<(&[u8], Option<Span>)> {
    match local_key.split_first()? {
        (&LATEST, key) => Some((key, None)),
        (&HISTORY, _) => {
            let (rest, from) = split_last_i64(local_key.get(SEGMENT_END..)?)?;
            let (key, to) = split_last_i64(rest)?;
            Some((key, Some(Span { to, from })))
        }
        _ => None,
    }
}

/// Appends a version; no value is a deletion.
pub fn write_version(out: &mut Vec<u8>, from: i64, value: Option<&[u8]>) {
    out.push(u8::from(value.is_some()));
    out.extend_from_slice(&from.to_be_bytes());
    out.extend_from_slice(value.unwrap_or_default());
}

/// Splits a version into timestamp and value.
#[must_use]
pub fn split_version(bytes: &[u8]) -> Option<(i64, Option<&[u8]>)> {
    let (kind, rest) = bytes.split_first()?;
    let (from, value) = rest.split_first_chunk::<8>()?;
    let value = match kind {
        0 if value.is_empty() => None,
        1 => Some(value),
        _ => return None,
    };
    Some((i64::from_be_bytes(*from), value))
}

/// The version of a key nearest behind a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbours {
    /// Timestamp of the latest version; `None` if there is none.
    pub latest: Option<i64>,
    /// The first span in the history that ends after the time. It need not be known if the time is
    /// not before `latest`.
    pub behind: Option<Span>,
}

/// A change of one row of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionEdit {
    /// The latest version becomes history.
    Retire(Span),
    /// A version in the history ends sooner.
    Shorten(Span, i64),
    /// A version in the history goes.
    Remove(Span),
    /// The latest version goes.
    RemoveLatest,
    /// The new value is the latest version.
    PutLatest,
    /// The new value, or the deletion, is history.
    Put(Span),
}

/// The changes that putting a value (or a deletion, without one) at a time makes, and the start of
/// the next version.
#[must_use]
pub fn plan_version(
    time: i64,
    has_value: bool,
    Neighbours { latest, behind }: Neighbours,
) -> (Vec<VersionEdit>, Option<i64>) {
    let mut edits = Vec::new();
    let deletion = Span { from: time, to: time };
    if let Some(latest) = latest.filter(|latest| *latest <= time) {
        if latest < time {
            edits.push(VersionEdit::Retire(Span { from: latest, to: time }));
        }
        if has_value {
            edits.push(VersionEdit::PutLatest);
        } else {
            edits.extend([VersionEdit::RemoveLatest, VersionEdit::Put(deletion)]);
        }
        return (edits, None);
    }
    let covering = behind.filter(|span| span.from <= time);
    let next = match (covering, behind) {
        (Some(span), _) => Some(span.to),
        (None, Some(span)) => Some(span.from),
        (None, None) => latest,
    };
    match covering {
        Some(span) if span.from < time => edits.push(VersionEdit::Shorten(span, time)),
        Some(span) => edits.push(VersionEdit::Remove(span)),
        None => {}
    }
    match next {
        _ if !has_value => edits.push(VersionEdit::Put(deletion)),
        None => edits.extend([VersionEdit::Remove(deletion), VersionEdit::PutLatest]),
        Some(next) => edits.extend([
            VersionEdit::Remove(deletion),
            VersionEdit::Put(Span { from: time, to: next }),
        ]),
    }
    (edits, next)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Rows of one key, as the edits make them.
    #[derive(Debug, Default)]
    struct Rows {
        latest: Option<(i64, u8)>,
        history: BTreeMap<Span, Option<u8>>,
    }

    impl Rows {
        fn put(&mut self, time: i64, value: Option<u8>) -> Option<i64> {
            let behind = self.behind(time).map(|(span, _)| span);
            let latest = self.latest.map(|(from, _)| from);
            let (edits, next) = plan_version(time, value.is_some(), Neighbours { latest, behind });
            for edit in edits {
                match edit {
                    VersionEdit::Retire(span) => {
                        self.history.insert(span, self.latest.map(|(_, value)| value));
                    }
                    VersionEdit::Shorten(span, to) => {
                        let value = self.history.remove(&span).unwrap();
                        self.history.insert(Span { to, ..span }, value);
                    }
                    VersionEdit::Remove(span) => drop(self.history.remove(&span)),
                    VersionEdit::RemoveLatest => self.latest = None,
                    VersionEdit::PutLatest => self.latest = value.map(|value| (time, value)),
                    VersionEdit::Put(span) => drop(self.history.insert(span, value)),
                }
            }
            next
        }

        fn behind(&self, time: i64) -> Option<(Span, Option<u8>)> {
            let first = Span { to: time + 1, from: i64::MIN };
            self.history.range(first..).next().map(|(span, value)| (*span, *value))
        }

        fn get(&self, time: i64) -> Option<u8> {
            if let Some((from, value)) = self.latest
                && from <= time
            {
                return Some(value);
            }
            self.behind(time).filter(|(span, _)| span.from <= time)?.1
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn versions_are_valid_from_their_times_up_to_the_next(
            puts in proptest::collection::vec((0..20_i64, any::<Option<u8>>()), 0..30),
        ) {
            let (mut rows, mut model) = (Rows::default(), BTreeMap::new());
            for (time, value) in puts {
                let next = rows.put(time, value);
                model.insert(time, value);
                let expected = model.range(time + 1..).next().map(|(time, _)| *time);
                prop_assert_eq!(next, expected);
                for time in 0..21 {
                    let valid = model.range(..=time).next_back().and_then(|(_, value)| *value);
                    prop_assert_eq!(rows.get(time), valid, "at {}", time);
                }
                let last = model.last_key_value().and_then(|(time, value)| Some((*time, (*value)?)));
                prop_assert_eq!(rows.latest, last);
            }
        }

        #[test]
        fn keys_and_rows_parse_to_their_parts(key: Vec<u8>, to: i64, from: i64, value: Option<Vec<u8>>) {
            let (mut latest, mut history, mut row) = (Vec::new(), Vec::new(), Vec::new());
            latest_key(&mut latest, &key);
            prop_assert_eq!(parse_versioned_key(&latest), Some((key.as_slice(), None)));
            history_key(&mut history, 60_000, &key, Span { to, from });
            let span = Some(Span { to, from });
            prop_assert_eq!(parse_versioned_key(&history), Some((key.as_slice(), span)));
            write_version(&mut row, from, value.as_deref());
            prop_assert_eq!(split_version(&row), Some((from, value.as_deref())));
        }

        #[test]
        fn any_bytes_parse_or_do_not(bytes: Vec<u8>) {
            let _ = (parse_versioned_key(&bytes), split_version(&bytes));
        }

        #[test]
        fn the_bounds_hold_the_versions_of_a_key_that_end_later(
            to in 1..1_000_i64, time in 0..1_000_i64, key: Vec<u8>,
        ) {
            let mut row = Vec::new();
            history_key(&mut row, 100, &key, Span { to, from: 0 });
            let (mut lower, mut upper) = (Vec::new(), Vec::new());
            history_bounds((&mut lower, &mut upper), to / 100, &key, time);
            prop_assert_eq!(lower <= row && row <= upper, to > time);
            prop_assert!(history_segment_bound(to / 100) <= row);
            prop_assert!(history_segment_bound(to / 100 + 1) > row);
        }
    }
}
