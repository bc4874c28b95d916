//! For how long a database has had writes that a crash would take back.

use parking_lot::Mutex;

/// The time of what is not flushed. Times are the caller's, in milliseconds since the epoch.
#[derive(Debug, Default)]
pub(super) struct Unflushed(Mutex<Age>);

#[derive(Debug, Default)]
struct Age {
    written: bool,
    /// The oldest record behind a write that is not flushed is no older.
    since_ms: Option<i64>,
    looked_ms: Option<i64>,
}

impl Unflushed {
    /// Something was written.
    pub(super) fn wrote(&self) {
        self.0.lock().written = true;
    }

    /// Returns whether the oldest write that is not flushed is `age_ms` old, for a caller that has
    /// just written: what is new comes from records since the last look.
    pub(super) fn is_due(&self, now_ms: i64, age_ms: i64) -> bool {
        let age = &mut *self.0.lock();
        let looked_ms = age.looked_ms.replace(now_ms).unwrap_or(now_ms);
        if !age.written {
            return false;
        }
        // A clock that was set back must not put the flush off.
        let since_ms = age.since_ms.unwrap_or(looked_ms).min(now_ms);
        age.since_ms = Some(since_ms);
        now_ms.saturating_sub(since_ms) >= age_ms
    }

    /// Like [`is_due`](Self::is_due), for a caller that has not written and knows of no new
    /// records.
    pub(super) fn is_overdue(&self, now_ms: i64, age_ms: i64) -> bool {
        let since_ms = self.0.lock().since_ms;
        since_ms.is_some_and(|since_ms| now_ms.saturating_sub(since_ms) >= age_ms)
    }

    /// Returns whether there are unflushed writes.
    pub(super) fn is_any(&self) -> bool {
        self.0.lock().written
    }

    /// Begins again, for all is being flushed.
    pub(super) fn clear(&self) {
        let age = &mut *self.0.lock();
        (age.written, age.since_ms) = (false, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_commits_are_due_when_the_first_of_them_is_old() {
        let unflushed = Unflushed::default();
        for now_ms in [0, 1_000, 4_000, 4_999] {
            unflushed.wrote();
            assert!(!unflushed.is_due(now_ms, 5_000), "at {now_ms}");
        }
        assert!(unflushed.is_due(5_000, 5_000));
        unflushed.clear();
        unflushed.wrote();
        assert!(!unflushed.is_due(5_100, 5_000));
        assert!(unflushed.is_due(10_000, 5_000), "since the look before the first write");
    }

    #[test]
    fn commits_that_come_as_seldom_as_flushes_may_are_all_due() {
        let unflushed = Unflushed::default();
        unflushed.wrote();
        assert!(!unflushed.is_due(0, 30_000));
        for now_ms in [30_000, 60_000, 90_000] {
            unflushed.wrote();
            assert!(unflushed.is_due(now_ms, 30_000), "at {now_ms}");
            unflushed.clear();
        }
    }

    #[test]
    fn a_database_without_writes_is_never_due() {
        let unflushed = Unflushed::default();
        assert!(!unflushed.is_due(0, 0));
        assert!(!unflushed.is_due(1_000_000, 0));
        assert!(!unflushed.is_overdue(1_000_000, 0));
    }

    #[test]
    fn others_see_only_what_its_owner_has_timed() {
        let unflushed = Unflushed::default();
        unflushed.wrote();
        assert!(!unflushed.is_overdue(9_000, 5_000), "its records may be new");
        assert!(!unflushed.is_due(9_000, 5_000));
        assert!(!unflushed.is_overdue(13_999, 5_000));
        assert!(unflushed.is_overdue(14_000, 5_000));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_put_a_flush_off() {
        let unflushed = Unflushed::default();
        unflushed.wrote();
        assert!(!unflushed.is_due(1_000_000, 5_000));
        assert!(!unflushed.is_due(0, 5_000));
        assert!(unflushed.is_due(5_000, 5_000));
    }
}
