//! Rows of a key-value store that expire.
//!
//! A row that has expired is hidden from readers at once. It is deleted from the store and the
//! changelog by a sweep, which each commit advances. Invariant: rows deleted by a sweep were no
//! longer readable.

use std::ops::{Bound, ControlFlow};

use state_store::Direction;

use super::rows::Rows;
use crate::Result;

/// Least number of rows that a commit sweeps, however little was written.
const LEAST_ROWS: usize = 1_000;
/// Number of further rows swept per written row, so that a growing store is swept completely, too.
const ROWS_PER_WRITE: usize = 4;

/// Decides which rows have expired, and keeps the position of the sweep.
pub(super) struct Ttl<V> {
    lifetime_ms: i64,
    timestamp: fn(&V) -> i64,
    stream_time: i64,
    /// Stream time at the beginning of the current attempt.
    time_before: i64,
    /// The key after which the sweep continues; `None` is the beginning.
    behind: Option<Vec<u8>>,
}

impl<V: Clone> Ttl<V> {
    pub(super) fn new(lifetime_ms: i64, timestamp: fn(&V) -> i64) -> Self {
        Self { lifetime_ms, timestamp, stream_time: -1, time_before: -1, behind: None }
    }

    /// Begins at this stream time, when the store is opened.
    pub(super) fn begin(&mut self, stream_time: i64) {
        (self.stream_time, self.behind) = (stream_time, None);
    }

    pub(super) fn stream_time(&self) -> i64 {
        self.stream_time
    }

    /// Advances stream time to that of a value that is put.
    pub(super) fn advance(&mut self, value: &V) {
        self.stream_time = self.stream_time.max((self.timestamp)(value));
    }

    pub(super) fn is_expired(&self, value: &V) -> bool {
        (self.timestamp)(value).saturating_add(self.lifetime_ms) <= self.stream_time
    }

    pub(super) fn begin_attempt(&mut self) {
        self.time_before = self.stream_time;
    }

    pub(super) fn undo_attempt(&mut self) {
        self.stream_time = self.time_before;
    }

    /// Deletes the expired rows among the next ones.
    pub(super) fn sweep<K>(&mut self, rows: &mut Rows<K, V>) -> Result {
        let mut left = LEAST_ROWS + ROWS_PER_WRITE * rows.written_len();
        let from = self.behind.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let (mut expired, mut last): (Vec<Box<[u8]>>, Option<Vec<u8>>) = (Vec::new(), None);
        let ended =
            rows.scan((from, Bound::Unbounded), Direction::Forward, &mut |key, value| {
                if value.read(|value| self.is_expired(value))? {
                    expired.push(key.into());
                }
                left -= 1;
                if left > 0 {
                    return Ok(ControlFlow::Continue(()));
                }
                last = Some(key.to_vec());
                Ok(ControlFlow::Break(()))
            })?;
        self.behind = if ended.is_break() { last } else { None };
        for key in expired {
            rows.at_row(&key).erase();
        }
        Ok(())
    }
}
