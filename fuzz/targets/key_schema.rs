//! The layouts of keys and values in changelogs and stores.
#![no_main]

use libfuzzer_sys::fuzz_target;
use state_store::key_schema::{
    changelog_to_local, key_bounds, local_to_changelog, local_window_key, parse_local_window_key,
    parse_session_key, parse_window_key, segment_bounds, segment_id, segment_interval, segments,
    split_timestamped_value, write_session_key, write_timestamped_value, write_window_key,
};

/// What `write` appends.
fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fuzz_target!(|input: (i64, i64, &[u8])| {
    let (retention_ms, to, data) = input;
    let interval = segment_interval(retention_ms);
    if let Some((timestamp, value)) = split_timestamped_value(data) {
        assert_eq!(written(|out| write_timestamped_value(out, timestamp, value)), data);
    }
    if let Some((key, end, start)) = parse_session_key(data) {
        assert_eq!(written(|out| write_session_key(out, key, end, start)), data);
    }
    if let Some((key, start, seqnum)) = parse_window_key(data) {
        assert_eq!(written(|out| write_window_key(out, key, start, seqnum)), data);
        let mut local = Vec::new();
        assert_eq!(changelog_to_local(&mut local, interval, data), Some(start));
        assert_eq!(written(|out| local_window_key(out, interval, key, start, seqnum)), local);
        assert_eq!(parse_local_window_key(&local), Some((key, start, seqnum)));
        assert_eq!(local_to_changelog(&local), Some(data));
        let (low, high) = key_bounds(segment_id(interval, start), key, start, to);
        let inside = start >= 0 && seqnum >= 0 && to >= start;
        assert!(!inside || (low <= local && local <= high));
        let (low, high) = segment_bounds(interval, start, to);
        assert!(!inside || (low <= local && local < high));
        assert!(!inside || segments(interval, start, to).contains(&segment_id(interval, start)));
    }
    assert_eq!(parse_local_window_key(data).is_some(), local_to_changelog(data).is_some());
});
