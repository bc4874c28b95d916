//! Periodic chores, done by whichever stream thread gets there first: removing obsolete state, and
//! the summary in the log.

use std::time::Duration;

use super::{
    super::{storage::TaskStorage, stored_state::StoredState},
    metrics::{Counters, StreamsMetrics},
};
use crate::{config::ValidConfig, time::duration_ms};

/// Due times of the chores, on the instance's clock.
#[derive(Debug, Default)]
pub(crate) struct Housekeeping {
    clean_up_ms: Option<i64>,
    summary_ms: Option<i64>,
    logged: StreamsMetrics,
}

/// The parts of the instance that the chores need.
pub(crate) struct House<'a> {
    pub(crate) config: &'a ValidConfig,
    pub(crate) storage: Option<&'a dyn TaskStorage>,
    pub(crate) stored_state: &'a StoredState,
    pub(crate) counters: &'a Counters,
}

impl Housekeeping {
    /// Does the chores that are due. For a running instance: while it rebalances, tasks that it is
    /// about to open may look obsolete.
    pub(crate) fn keep(&mut self, house: &House<'_>, now_ms: i64) {
        // The first removal comes after one delay: until then tasks return to the state that they
        // left here.
        let delay = house.config.state_cleanup_delay();
        let next = now_ms.saturating_add(duration_ms(delay).max(1));
        if now_ms >= *self.clean_up_ms.get_or_insert(next) {
            self.clean_up_ms = Some(next);
            house.remove_obsolete_tasks(delay, now_ms);
        }
        let Some(interval) = house.config.log_summary_interval() else { return };
        let next = now_ms.saturating_add(duration_ms(interval).max(1));
        if now_ms >= *self.summary_ms.get_or_insert(next) {
            self.summary_ms = Some(next);
            house.log_summary(&mut self.logged);
        }
    }
}

impl House<'_> {
    /// Removes state of tasks that nobody has used for `state.cleanup.delay.ms`.
    fn remove_obsolete_tasks(&self, delay: Duration, now_ms: i64) {
        let Some(storage) = self.storage else { return };
        match storage.remove_unowned(delay, now_ms) {
            Ok(removed) if removed.is_empty() => {}
            Ok(removed) => {
                tracing::info!(tasks = ?removed, "removed state not used for {delay:?}");
                self.stored_state.forget(&removed);
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
