//! Deletes consumed records of repartition topics: nobody else reads them, and they have no
//! retention.

use std::sync::Arc;

use super::{
    super::app::App,
    asked::{ANSWER_MS, Asked},
    tasks::Tasks,
};
use crate::{client::Admin, time::duration_ms};

/// Deletes records after commits, every `repartition.purge.interval.ms`.
pub(super) struct Purge {
    app: Arc<App>,
    thread: String,
    purging: Asked<()>,
    last_ms: i64,
}

impl Purge {
    pub(super) fn new(app: &Arc<App>, thread: &str) -> Self {
        Self {
            app: Arc::clone(app),
            thread: thread.to_owned(),
            purging: Asked::default(),
            last_ms: app.clock.now_ms(),
        }
    }

    /// Begins to delete the records that the running tasks have committed, if it is time to.
    pub(super) fn purge(&mut self, tasks: &Tasks, admin: &mut dyn Admin, now_ms: i64) {
        if let Some(Err(error)) = self.purging.answer(now_ms) {
            tracing::debug!(thread = %self.thread, "repartition topics are purged later: {error}");
        }
        let interval_ms = duration_ms(self.app.config.repartition_purge_interval());
        if now_ms.saturating_sub(self.last_ms) < interval_ms {
            return;
        }
        self.last_ms = now_ms;
        let positions = tasks.running().flat_map(|(_, task)| task.committed_positions());
        let before: Vec<_> = positions
            .filter(|(partition, _)| self.app.is_repartition_topic(&partition.topic))
            .collect();
        if !before.is_empty() {
            let purged = admin.delete_records(&before);
            self.purging.ask(purged, now_ms.saturating_add(ANSWER_MS));
        }
    }
}
