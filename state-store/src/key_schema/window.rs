//! Window keys of changelogs, and of the local store, where a segment of time comes first so that
//! expiry removes whole ranges of files. Java's `WindowKeySchema` and `AbstractSegments`.
//!
//! Window starts are not negative, as record timestamps aren't: bounds are cut off at 0.

use std::ops::RangeInclusive;

use super::split_last_i64;

const SEGMENT_BYTES: usize = 8;
const TIME_AND_SEQNUM_BYTES: usize = 12;

/// The span of a segment in milliseconds: half the retention, at least a minute.
#[must_use]
pub fn segment_interval(retention_ms: i64) -> i64 {
    (retention_ms / 2).max(60_000)
}

/// The segment that holds the windows with a start. Both are in milliseconds.
#[must_use]
pub fn segment_id(segment_interval: i64, start: i64) -> i64 {
    start.div_euclid(segment_interval.max(1))
}

/// The ids of the segments that hold windows with `from <= start <= to`.
#[must_use]
pub fn segments(segment_interval: i64, from: i64, to: i64) -> RangeInclusive<i64> {
    segment_id(segment_interval, from.max(0))..=segment_id(segment_interval, to)
}

/// The local keys `[lower, upper)` of all segments that hold windows with `from <= start <= to`,
/// whatever their key.
///
/// Segments are whole: their first and last hold other windows too, which the caller filters.
#[must_use]
pub fn segment_bounds(segment_interval: i64, from: i64, to: i64) -> (Vec<u8>, Vec<u8>) {
    let ids = segments(segment_interval, from, to);
    let (lower, upper) = (*ids.start(), ids.end().saturating_add(1).max(0));
    (lower.to_be_bytes().to_vec(), upper.to_be_bytes().to_vec())
}

/// The local keys `[lower, upper]`, both inclusive, of one key's windows with `from <= start <= to`
/// in a segment.
///
/// Between them may lie windows of longer keys that begin with the same bytes, which the caller
/// filters.
#[must_use]
pub fn key_bounds(segment_id: i64, key: &[u8], from: i64, to: i64) -> (Vec<u8>, Vec<u8>) {
    let mut lower = segment_id.to_be_bytes().to_vec();
    let mut upper = lower.clone();
    write_window_key(&mut lower, key, from.max(0), 0);
    write_window_key(&mut upper, key, to.max(0), i32::MAX);
    (lower, upper)
}

/// Appends the changelog key `key ‖ i64 start ‖ i32 seqnum`.
pub fn write_window_key(out: &mut Vec<u8>, key: &[u8], start: i64, seqnum: i32) {
    out.reserve(key.len() + TIME_AND_SEQNUM_BYTES);
    out.extend_from_slice(key);
    out.extend_from_slice(&start.to_be_bytes());
    out.extend_from_slice(&seqnum.to_be_bytes());
}

/// Splits a changelog key into `(key, start, seqnum)`.
#[must_use]
pub fn parse_window_key(bytes: &[u8]) -> Option<(&[u8], i64, i32)> {
    let (rest, seqnum) = bytes.split_last_chunk::<4>()?;
    let (key, start) = split_last_i64(rest)?;
    Some((key, start, i32::from_be_bytes(*seqnum)))
}

/// Appends the local key `i64 segment id ‖ key ‖ i64 start ‖ i32 seqnum`.
pub fn local_window_key(
    out: &mut Vec<u8>,
    segment_interval: i64,
    key: &[u8],
    start: i64,
    seqnum: i32,
) {
    out.reserve(SEGMENT_BYTES + key.len() + TIME_AND_SEQNUM_BYTES);
    out.extend_from_slice(&segment_id(segment_interval, start).to_be_bytes());
    write_window_key(out, key, start, seqnum);
}

/// Splits a local key into `(key, start, seqnum)`.
#[must_use]
pub fn parse_local_window_key(bytes: &[u8]) -> Option<(&[u8], i64, i32)> {
    parse_window_key(bytes.get(SEGMENT_BYTES..)?)
}

/// Appends the local key of a changelog key and returns the window's start.
#[must_use]
pub fn changelog_to_local(
    out: &mut Vec<u8>,
    segment_interval: i64,
    changelog_key: &[u8],
) -> Option<i64> {
    let (_, start, _) = parse_window_key(changelog_key)?;
    out.reserve(SEGMENT_BYTES + changelog_key.len());
    out.extend_from_slice(&segment_id(segment_interval, start).to_be_bytes());
    out.extend_from_slice(changelog_key);
    Some(start)
}

/// The changelog key within a local key.
#[must_use]
pub fn local_to_changelog(local_key: &[u8]) -> Option<&[u8]> {
    let changelog_key = local_key.get(SEGMENT_BYTES..)?;
    (changelog_key.len() >= TIME_AND_SEQNUM_BYTES).then_some(changelog_key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn local(interval: i64, key: &[u8], start: i64, seqnum: i32) -> Vec<u8> {
        let mut out = Vec::new();
        local_window_key(&mut out, interval, key, start, seqnum);
        out
    }

    #[test]
    fn a_changelog_key_is_key_start_and_seqnum() {
        let mut bytes = Vec::new();
        write_window_key(&mut bytes, b"k", 0x0203, 1);
        assert_eq!(bytes, b"k\0\0\0\0\0\0\x02\x03\0\0\0\x01");
    }

    #[test]
    fn a_segment_spans_half_the_retention_but_a_minute_at_least() {
        assert_eq!(segment_interval(3_600_000), 1_800_000);
        assert_eq!(segment_interval(0), 60_000);
        assert_eq!(segment_id(60_000, 59_999), 0);
        assert_eq!(segment_id(60_000, 60_000), 1);
    }

    #[test]
    fn bounds_before_the_epoch_are_cut_off() {
        let (lower, upper) = segment_bounds(10, -100, 5);
        assert_eq!(lower, 0_i64.to_be_bytes());
        assert_eq!(upper, 1_i64.to_be_bytes());
        let (lower, upper) = segment_bounds(10, -100, -50);
        assert!(lower >= upper);
        assert!(segments(10, -100, -50).is_empty());
    }

    #[test]
    fn an_absurd_interval_does_not_panic() {
        assert_eq!(segment_id(0, i64::MIN), i64::MIN);
        assert_eq!(segment_id(-1, i64::MIN), i64::MIN);
        let _ = segment_bounds(1, i64::MIN, i64::MAX);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn keys_parse_to_their_parts(
            key: Vec<u8>, start in 0..i64::MAX, seqnum: i32, interval in 1..1_000_000_i64,
        ) {
            let mut changelog = Vec::new();
            write_window_key(&mut changelog, &key, start, seqnum);
            prop_assert_eq!(parse_window_key(&changelog), Some((key.as_slice(), start, seqnum)));
            let local = local(interval, &key, start, seqnum);
            prop_assert_eq!(parse_local_window_key(&local), Some((key.as_slice(), start, seqnum)));
            prop_assert_eq!(local_to_changelog(&local), Some(changelog.as_slice()));
            let mut converted = Vec::new();
            prop_assert_eq!(changelog_to_local(&mut converted, interval, &changelog), Some(start));
            prop_assert_eq!(converted, local);
        }

        #[test]
        fn any_bytes_parse_or_do_not(bytes: Vec<u8>) {
            prop_assert_eq!(parse_window_key(&bytes).is_some(), bytes.len() >= 12);
            prop_assert_eq!(parse_local_window_key(&bytes).is_some(), bytes.len() >= 20);
            prop_assert_eq!(local_to_changelog(&bytes).is_some(), bytes.len() >= 20);
            let local = changelog_to_local(&mut Vec::new(), 10, &bytes);
            prop_assert_eq!(local.is_some(), bytes.len() >= 12);
        }

        #[test]
        fn windows_of_a_key_sort_by_start_and_seqnum(
            left in (0..10_000_i64, 0..3_i32), right in (0..10_000_i64, 0..3_i32), key: Vec<u8>,
        ) {
            let order = local(100, &key, left.0, left.1).cmp(&local(100, &key, right.0, right.1));
            prop_assert_eq!(order, left.cmp(&right));
        }

        #[test]
        fn bounds_hold_exactly_the_segments_and_windows_asked_for(
            start in 0..5_000_i64, from in -100..5_000_i64, span in 0..1_000_i64,
            seqnum in 0..i32::MAX,
        ) {
            let (interval, to) = (100, from + span);
            let row = local(interval, b"key", start, seqnum);
            let (lower, upper) = segment_bounds(interval, from, to);
            let wanted = from.max(0) / interval..=to.div_euclid(interval);
            let wanted = wanted.contains(&(start / interval));
            prop_assert_eq!(lower <= row && row < upper, wanted);
            let found = segments(interval, from, to).any(|segment| {
                let (lower, upper) = key_bounds(segment, b"key", from, to);
                to >= 0 && lower <= row && row <= upper
            });
            prop_assert_eq!(found, (from..=to).contains(&start));
        }
    }
}
