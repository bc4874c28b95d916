//! Log lines about the progress of restore.

use std::collections::BTreeMap;

use super::restorer::RestoringTask;
use crate::TaskId;

/// Time between two lines.
const INTERVAL_MS: i64 = 10_000;

/// Time of the last line, and the state that it reported.
#[derive(Debug, Default)]
pub(super) struct Progress {
    last: Option<Look>,
}

/// Progress of all restores of active tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    at_ms: i64,
    /// Number of records read for active tasks.
    records: u64,
}

impl Progress {
    /// Logs a line if some active task is being restored and the last line is old enough. `records`
    /// is the number of records read so far.
    pub(super) fn log(
        &mut self,
        tasks: &BTreeMap<TaskId, RestoringTask>,
        records: u64,
        now_ms: i64,
    ) {
        let Some(last) = self.last else {
            self.last = Some(Look { at_ms: now_ms, records });
            return;
        };
        if now_ms.saturating_sub(last.at_ms) < INTERVAL_MS {
            return;
        }
        self.last = Some(Look { at_ms: now_ms, records });
        let active = tasks.values().filter(|task| !task.is_standby());
        let stores = active.flat_map(|task| &task.changelogs);
        let (mut open, mut remaining) = (0, 0_i64);
        for changelog in stores.filter(|changelog| !changelog.is_done()) {
            open += 1;
            remaining = remaining.saturating_add(changelog.remaining());
        }
        if open > 0 {
            let rate = rate(records.saturating_sub(last.records), now_ms - last.at_ms);
            tracing::info!(stores = open, remaining, rate, "restoring");
        }
    }
}

/// Records per second.
pub(super) fn rate(records: u64, elapsed_ms: i64) -> u64 {
    let elapsed_ms = u64::try_from(elapsed_ms).unwrap_or(0).max(1);
    records.saturating_mul(1_000) / elapsed_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_at_an_interval_and_know_what_was_read_since_the_last() {
        let (mut progress, tasks) = (Progress::default(), BTreeMap::new());
        let mut known = |now_ms, records| {
            progress.log(&tasks, records, now_ms);
            progress.last
        };
        let look = |at_ms, records| Some(Look { at_ms, records });
        assert_eq!(known(1_000, 5), look(1_000, 5));
        assert_eq!(known(10_999, 90), look(1_000, 5));
        assert_eq!(known(11_000, 100), look(11_000, 100));
        assert_eq!(rate(95, 10_000), 9);
        assert_eq!(rate(7, 0), 7_000);
    }
}
