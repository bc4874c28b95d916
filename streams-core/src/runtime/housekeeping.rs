//! What is due now and then, whichever stream thread gets to it: removing obsolete state, and the summary in
//! the log.

use std::time::Duration;

use super::{app::App, metrics::StreamsMetrics};
use crate::time::duration_ms;

/// When the next of each is due, on the instance's clock.
#[derive(Debug, Default)]
pub(crate) struct Housekeeping {
    clean_up_ms: Option<i64>,
    summary_ms: Option<i64>,
    logged: StreamsMetrics,
}

impl App {
    /// Does what is due, unless another thread is at it. For an instance that runs: while it rebalances, tasks that
    /// it is about to open may look obsolete.
    pub(crate) fn keep_house(&self, now_ms: i64) {
        let Some(mut due) = self.housekeeping.try_lock() else { return };
        // First after one delay: until then tasks come back to the state that they left here.
        let delay = self.config.state_cleanup_delay();
        let next = now_ms.saturating_add(duration_ms(delay).max(1));
        if now_ms >= *due.clean_up_ms.get_or_insert(next) {
            due.clean_up_ms = Some(next);
            self.remove_obsolete_tasks(delay, now_ms);
        }
        let Some(interval) = self.config.log_summary_interval() else { return };
        let next = now_ms.saturating_add(duration_ms(interval).max(1));
        if now_ms >= *due.summary_ms.get_or_insert(next) {
            due.summary_ms = Some(next);
            self.log_summary(&mut due.logged);
        }
    }

    /// Removes state of tasks that nobody has used for `state.cleanup.delay.ms`.
    fn remove_obsolete_tasks(&self, delay: Duration, now_ms: i64) {
        let Some(storage) = &self.storage else { return };
        match storage.remove_unowned(delay, now_ms) {
            Ok(removed) if removed.is_empty() => {}
            Ok(removed) => {
                tracing::info!(tasks = ?removed, "removed state not used for {delay:?}");
                self.forget_stored_state(&removed);
            }
            Err(error) => tracing::warn!("obsolete state is not removed: {error}"),
        }
    }

    fn log_summary(&self, logged: &mut StreamsMetrics) {
        let now = self.counters.snapshot();
        let before = std::mem::replace(logged, now);
        tracing::info!(
            processed = now.processed - before.processed,
            produced = now.produced - before.produced,
            dropped = now.dropped - before.dropped,
            commits = now.commits - before.commits,
            processed_total = now.processed,
            "since the last summary"
        );
    }
}
