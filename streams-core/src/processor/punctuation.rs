//! Scheduled calls.

use std::time::Duration;

use crate::time::duration_ms;

/// The clock that a punctuation follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PunctuationType {
    /// The task's stream time: the greatest timestamp seen. Aligned to the epoch, so the first
    /// record triggers it; it never runs without records.
    StreamTime,
    /// The machine's clock; first called one interval after it is scheduled.
    WallClockTime,
}

/// Names a punctuation within its node, for [`Processor::punctuate`](super::Processor::punctuate)
/// and for cancelling it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PunctuatorId(pub(crate) u32);

/// A punctuation that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Punctuation {
    /// Identifies the punctuation within its node.
    pub id: PunctuatorId,
    /// The time of its clock in milliseconds since the epoch.
    pub timestamp: i64,
}

/// The punctuations of a task. Java's `PunctuationQueue`, one for both clocks.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    entries: Vec<Entry>,
    next_id: u32,
    is_attempt: bool,
    /// The entries at the beginning of the current attempt, once one was added or ended.
    before: Option<Vec<Entry>>,
}

#[derive(Clone, Debug)]
struct Entry {
    id: PunctuatorId,
    node: usize,
    kind: PunctuationType,
    interval_ms: i64,
    /// `None` once its next time is out of range.
    due: Option<i64>,
}

impl Schedule {
    /// Schedules a call of `node`; `now` is the wall clock, and stream time begins at the epoch.
    pub(crate) fn add(
        &mut self,
        node: usize,
        interval: Duration,
        kind: PunctuationType,
        now: i64,
    ) -> PunctuatorId {
        self.note();
        let interval_ms = duration_ms(interval).max(1);
        let due = match kind {
            PunctuationType::StreamTime => Some(0),
            PunctuationType::WallClockTime => now.checked_add(interval_ms),
        };
        let id = PunctuatorId(self.next_id);
        self.next_id += 1;
        self.entries.push(Entry { id, node, kind, interval_ms, due });
        id
    }

    /// Returns whether nothing is scheduled.
    pub(crate) const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Ends a punctuation; it may be the one that is running.
    pub(crate) fn cancel(&mut self, id: PunctuatorId) {
        self.note();
        self.entries.retain(|entry| entry.id != id);
    }

    fn note(&mut self) {
        if self.is_attempt && self.before.is_none() {
            self.before = Some(self.entries.clone());
        }
    }

    /// Starts to note the punctuations that are added and ended.
    pub(crate) fn begin_attempt(&mut self) {
        (self.is_attempt, self.before) = (true, None);
    }

    /// Takes back the additions and ends since the attempt began.
    pub(crate) fn undo_attempt(&mut self) {
        self.is_attempt = false;
        if let Some(before) = self.before.take() {
            self.entries = before;
        }
    }

    /// Keeps the additions and ends of the attempt.
    pub(crate) fn end_attempt(&mut self) {
        (self.is_attempt, self.before) = (false, None);
    }

    /// The next punctuation that is due at `time`, earliest first, and advances it: missed
    /// intervals collapse into one call, and the next is aligned to the interval.
    pub(crate) fn next_due(
        &mut self,
        kind: PunctuationType,
        time: i64,
    ) -> Option<(usize, Punctuation)> {
        let of_kind = self.entries.iter_mut().filter(|entry| entry.kind == kind);
        let due = of_kind.filter_map(|entry| Some((entry.due.filter(|due| *due <= time)?, entry)));
        let (due, entry) = due.min_by_key(|(due, _)| *due)?;
        let missed = (time - due) / entry.interval_ms;
        let intervals = (missed + 1).checked_mul(entry.interval_ms);
        entry.due = intervals.and_then(|intervals| due.checked_add(intervals));
        Some((entry.node, Punctuation { id: entry.id, timestamp: time }))
    }

    /// Time of the next wall-clock punctuation.
    pub(crate) fn next_wall_clock(&self) -> Option<i64> {
        let wall = self.entries.iter().filter(|entry| entry.kind == PunctuationType::WallClockTime);
        wall.filter_map(|entry| entry.due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_intervals_collapse_into_one_aligned_call() {
        let mut schedule = Schedule::default();
        schedule.add(0, Duration::from_millis(10), PunctuationType::StreamTime, 0);
        let mut due = |time| schedule.next_due(PunctuationType::StreamTime, time).is_some();
        assert!(due(3), "aligned to the epoch, so the first record triggers it");
        assert!(!due(9));
        assert!(due(10));
        assert!(due(57));
        assert!(!due(57));
        assert!(!due(59));
        assert!(due(60));
        assert!(due(80), "a punctuation that is missed by a whole interval");
        assert!(!due(80), "does not run again at once");
        assert!(due(90));
    }

    /// A timestamp at the end of time made the next one overflow: a panic, or millions of calls.
    #[test]
    fn at_the_end_of_time_there_is_one_call_and_none_is_due_after_it() {
        for kind in [PunctuationType::StreamTime, PunctuationType::WallClockTime] {
            let mut schedule = Schedule::default();
            schedule.add(0, Duration::from_millis(10), kind, 0);
            assert!(schedule.next_due(kind, i64::MAX - 1).is_some());
            assert!(schedule.next_due(kind, i64::MAX).is_none(), "{kind:?}");
            assert_eq!(schedule.next_wall_clock(), None);
            schedule.add(0, Duration::from_millis(10), PunctuationType::WallClockTime, i64::MAX);
            assert!(schedule.next_due(PunctuationType::WallClockTime, i64::MAX).is_none());
        }
    }

    #[test]
    fn wall_clock_punctuation_first_runs_after_one_interval() {
        let mut schedule = Schedule::default();
        let every = Duration::from_millis(10);
        let id = schedule.add(4, every, PunctuationType::WallClockTime, 100);
        assert_eq!(schedule.next_wall_clock(), Some(110));
        assert!(schedule.next_due(PunctuationType::WallClockTime, 109).is_none());
        let (node, punctuation) = schedule.next_due(PunctuationType::WallClockTime, 112).unwrap();
        assert_eq!((node, punctuation), (4, Punctuation { id, timestamp: 112 }));
        schedule.cancel(id);
        assert_eq!(schedule.next_wall_clock(), None);
    }
}
