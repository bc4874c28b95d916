//! Records that nodes of a task hold: processing continues in each turn and before a commit.
//!
//! Invariant: a commit is prepared only when nothing is in flight. Its offsets are therefore those
//! of completed records, and their results are in the same commit; records dropped with the task
//! are processed again.

use super::{ActiveTask, active::lend};
use crate::{
    Error, ErrorKind, Result,
    client::Collector,
    planted::{PlantedBug, is_planted},
    processor::{Event, NodesInFlight},
};

impl ActiveTask {
    /// Records that its nodes hold.
    pub(crate) fn in_flight(&self) -> &NodesInFlight {
        &self.state.in_flight
    }

    /// Makes the nodes that hold records continue with those that are ready.
    pub(crate) fn resume(&mut self, now_ms: i64, collector: &mut Option<Box<Collector>>) -> Result {
        if self.state.in_flight.is_empty() {
            return Ok(());
        }
        lend(self, collector, |task| {
            task.state.now_ms = now_ms;
            // Nodes below get the records forwarded from above in this turn or in the next.
            let nodes = task.state.in_flight.nodes();
            nodes.into_iter().try_for_each(|node| task.control_all(Event::Resume { node }))
        })
    }

    /// Continues with the records in flight, and forwards the changes that caches hold back after
    /// that, which may then be in flight. Returns whether nothing is left, so that a commit may be
    /// prepared; otherwise it must be called again.
    pub(crate) fn drain(
        &mut self,
        now_ms: i64,
        collector: &mut Option<Box<Collector>>,
    ) -> Result<bool> {
        self.resume(now_ms, collector)?;
        if !self.state.in_flight.is_empty() {
            return Ok(false);
        }
        if self.state.in_flight.may_hold() {
            self.flush_caches(collector)?;
        }
        Ok(self.state.in_flight.is_empty())
    }

    /// Checks, when a commit is prepared, that its offsets are those of completed records.
    ///
    /// # Errors
    /// `Topology` if a node holds records without having announced that in its `init`.
    pub(super) fn check_nothing_in_flight(&self) -> Result {
        let nodes = self.state.in_flight.nodes();
        let Some(node) = nodes.first().filter(|_| !is_planted(PlantedBug::CommitInFlight)) else {
            return Ok(());
        };
        let name = self.state.shared.names.nodes.get(*node);
        let name = name.map_or("", |name| &**name);
        let text = format!(
            "node `{name}` of task {} holds records at a commit; call `set_in_flight` in its `init`, and not in a \
             processor of a global store",
            self.state.id
        );
        Err(Error::new(ErrorKind::Topology, text))
    }
}
