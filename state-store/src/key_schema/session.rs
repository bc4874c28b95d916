//! Session keys of changelogs, and of the local store, where the segment of the session's end comes
//! first. Java's `SessionKeySchema`.

use super::{segment_id, split_last_i64};

const SEGMENT_BYTES: usize = 8;

/// Appends `key ‖ i64 end ‖ i64 start`; mind the order of the times, both in milliseconds.
pub fn write_session_key(out: &mut Vec<u8>, key: &[u8], end: i64, start: i64) {
    out.reserve(key.len() + 16);
    out.extend_from_slice(key);
    out.extend_from_slice(&end.to_be_bytes());
    out.extend_from_slice(&start.to_be_bytes());
}

/// Splits a session key into `(key, end, start)`.
#[must_use]
pub fn parse_session_key(bytes: &[u8]) -> Option<(&[u8], i64, i64)> {
    let (rest, start) = split_last_i64(bytes)?;
    let (key, end) = split_last_i64(rest)?;
    Some((key, end, start))
}

/// Appends the local key `i64 segment id ‖ key ‖ i64 end ‖ i64 start`.
pub fn local_session_key(
    out: &mut Vec<u8>,
    segment_interval: i64,
    key: &[u8],
    end: i64,
    start: i64,
) {
    out.reserve(SEGMENT_BYTES + key.len() + 16);
    out.extend_from_slice(&segment_id(segment_interval, end).to_be_bytes());
    write_session_key(out, key, end, start);
}

/// Splits a local key into `(key, end, start)`.
#[must_use]
pub fn parse_local_session_key(bytes: &[u8]) -> Option<(&[u8], i64, i64)> {
    parse_session_key(bytes.get(SEGMENT_BYTES..)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_end_comes_before_the_start() {
        let mut bytes = Vec::new();
        write_session_key(&mut bytes, b"a", 2, 1);
        assert_eq!(bytes, b"a\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn a_session_key_parses_to_its_parts(
            key: Vec<u8>, end: i64, start: i64, interval in 1..1_000_000_i64,
        ) {
            let mut bytes = Vec::new();
            write_session_key(&mut bytes, &key, end, start);
            prop_assert_eq!(parse_session_key(&bytes), Some((key.as_slice(), end, start)));
            let mut local = Vec::new();
            local_session_key(&mut local, interval, &key, end, start);
            prop_assert_eq!(parse_local_session_key(&local), Some((key.as_slice(), end, start)));
            prop_assert_eq!(&local[8..], bytes.as_slice());
        }

        #[test]
        fn any_bytes_parse_or_do_not(bytes: Vec<u8>) {
            prop_assert_eq!(parse_session_key(&bytes).is_some(), bytes.len() >= 16);
            prop_assert_eq!(parse_local_session_key(&bytes).is_some(), bytes.len() >= 24);
        }
    }
}
