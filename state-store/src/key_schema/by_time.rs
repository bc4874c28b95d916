//! The index by which rows of windows and sessions are found in the order of their times, whatever
//! their keys.
//!
//! An entry is `0xff ‖ i64 time ‖ changelog key` and has no value. Local keys of rows begin with a
//! segment, which is not negative, so that entries lie behind all rows. Java has the rows
//! themselves in order of time, and an index in order of keys, in its time-ordered stores.

const PREFIX: u8 = 0xff;
const PREFIX_AND_TIME_BYTES: usize = 9;

/// Appends the entry of a row. Its time is in milliseconds since the epoch, and not negative.
pub fn write_time_entry(out: &mut Vec<u8>, time: i64, changelog_key: &[u8]) {
    out.reserve(PREFIX_AND_TIME_BYTES + changelog_key.len());
    out.push(PREFIX);
    out.extend_from_slice(&time.to_be_bytes());
    out.extend_from_slice(changelog_key);
}

/// Splits an entry into time and changelog key; `None` if it is a row.
#[must_use]
pub fn parse_time_entry(local_key: &[u8]) -> Option<(i64, &[u8])> {
    let (prefix, rest) = local_key.split_first()?;
    let (time, changelog_key) = rest.split_first_chunk::<8>()?;
    (*prefix == PREFIX).then_some((i64::from_be_bytes(*time), changelog_key))
}

/// Returns whether a local key belongs to an index entry rather than a row.
#[must_use]
pub fn is_time_entry(local_key: &[u8]) -> bool {
    local_key.first() == Some(&PREFIX)
}

/// The first key of the entries of `time`, inclusive.
#[must_use]
pub fn time_bound(time: i64) -> [u8; PREFIX_AND_TIME_BYTES] {
    bound(time.unsigned_abs())
}

/// The bound behind the entries of `time`, exclusive.
#[must_use]
pub fn time_bound_behind(time: i64) -> [u8; PREFIX_AND_TIME_BYTES] {
    bound(time.unsigned_abs() + 1)
}

fn bound(time: u64) -> [u8; PREFIX_AND_TIME_BYTES] {
    let mut bound = [PREFIX; PREFIX_AND_TIME_BYTES];
    if let Some(bytes) = bound.last_chunk_mut::<8>() {
        *bytes = time.to_be_bytes();
    }
    bound
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key_schema::local_window_key;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn an_entry_parses_to_its_parts_and_lies_between_its_bounds(
            time in 0..=i64::MAX, key: Vec<u8>, other in 0..=i64::MAX,
        ) {
            let mut entry = Vec::new();
            write_time_entry(&mut entry, time, &key);
            prop_assert_eq!(parse_time_entry(&entry), Some((time, key.as_slice())));
            prop_assert!(is_time_entry(&entry));
            prop_assert_eq!(entry.as_slice() >= &time_bound(other)[..], other <= time);
            prop_assert_eq!(entry.as_slice() < &time_bound_behind(other)[..], time <= other);
        }

        #[test]
        fn rows_lie_before_all_entries(time in 0..=i64::MAX, key: Vec<u8>, interval in 1..i64::MAX) {
            let mut row = Vec::new();
            local_window_key(&mut row, interval, &key, time, 0);
            prop_assert!(!is_time_entry(&row) && row.as_slice() < &time_bound(0)[..]);
        }
    }
}
