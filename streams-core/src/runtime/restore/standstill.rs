//! Restores that get no further.
//!
//! A changelog that is deleted and made anew while it is read may never get as long as it was, so
//! that the end up to which it is restored does not come.

use super::{changelog::Changelog, restorer::Restorer};
use crate::{Result, TopicPartition, client::IsolationLevel};

/// Time without progress after which the ends of changelogs are looked up again, in milliseconds.
pub(super) const STANDSTILL_MS: i64 = 5_000;

/// Time without progress.
#[derive(Debug, Default)]
pub(super) struct Standstill {
    since_ms: Option<i64>,
}

impl Standstill {
    /// Returns whether nothing has `moved` for some time; then that time begins again.
    fn lasts(&mut self, moved: bool, now_ms: i64) -> bool {
        let since_ms = self.since_ms.filter(|_| !moved).unwrap_or(now_ms);
        let lasts = now_ms.saturating_sub(since_ms) >= STANDSTILL_MS;
        self.since_ms = (!moved && !lasts).then_some(since_ms);
        lasts
    }
}

impl Restorer {
    /// Starts over if restores stand still and a changelog is shorter than when its restore began.
    /// Returns whether it has.
    ///
    /// # Errors
    /// The errors of [`add`](Self::add).
    pub(super) fn check_ends(&mut self, moved: bool, now_ms: i64) -> Result<bool> {
        let active = self.tasks.values().filter(|task| !task.is_standby());
        let waiting: Vec<(TopicPartition, i64)> = active
            .flat_map(|task| &task.changelogs)
            .filter(|changelog| changelog.is_filling() && !changelog.is_at_end())
            .map(|changelog: &Changelog| (changelog.partition().clone(), changelog.log_end()))
            .collect();
        if !self.standstill.lasts(moved || waiting.is_empty(), now_ms) {
            return Ok(false);
        }
        let partitions: Vec<_> = waiting.iter().map(|(partition, _)| partition.clone()).collect();
        let ends = self.admin.latest_offsets(&partitions, IsolationLevel::ReadUncommitted).all();
        let ends = match ends.wait() {
            Ok(ends) => ends,
            Err(error) => {
                tracing::debug!("the ends of changelogs are looked up again later: {error}");
                return Ok(false);
            }
        };
        for (partition, expected) in &waiting {
            let Some(end) = ends.get(partition).filter(|end| *end < expected) else { continue };
            tracing::warn!(
                "{partition} ends at offset {end}, not at {expected} as when its restore began: it was deleted and made \
                 anew; restore starts over"
            );
            self.start_over(now_ms)?;
            return Ok(true);
        }
        Ok(false)
    }
}
