//! Byte layouts of keys and values: those of Java's changelogs, and ours on the local disk.
//!
//! All integers are big-endian, so that keys sort by their bytes as their parts do. The functions
//! that write append to a buffer that the caller reuses. The functions that parse take any bytes
//! and answer `None` to those that aren't of the layout.
//!
//! | | changelog | local |
//! |---|---|---|
//! | window key | `key ‖ i64 start ‖ i32 seqnum` | `i64 segment id ‖ key ‖ i64 start ‖ i32 seqnum` |
//! | session key | `key ‖ i64 end ‖ i64 start` | `i64 segment id ‖ key ‖ i64 end ‖ i64 start` |
//! | version | `key`, at the version's timestamp | see [`latest_key`] and [`history_key`] |
//! | timestamped value | `value`, the timestamp is the record's | `i64 timestamp ‖ value` |

mod by_time;
mod headers;
mod session;
mod timestamped;
mod versioned;
mod window;

pub use by_time::{
    is_time_entry, parse_time_entry, time_bound, time_bound_behind, write_time_entry,
};
pub use headers::{HeaderRef, split_headers, write_headers};
pub use session::{
    local_session_key, parse_local_session_key, parse_session_key, write_session_key,
};
pub use timestamped::{split_timestamped_value, write_timestamped_value};
pub use versioned::{
    Neighbours, Span, VersionEdit, history_bounds, history_key, history_segment_bound, latest_key,
    parse_versioned_key, plan_version, split_version, write_version,
};
pub use window::{
    changelog_to_local, key_bounds, local_to_changelog, local_window_key, parse_local_window_key,
    parse_window_key, segment_bounds, segment_id, segment_interval, segments, write_window_key,
};

/// Splits the last eight bytes off as an integer.
fn split_last_i64(bytes: &[u8]) -> Option<(&[u8], i64)> {
    let (rest, last) = bytes.split_last_chunk::<8>()?;
    Some((rest, i64::from_be_bytes(*last)))
}
