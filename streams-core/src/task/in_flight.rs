//! Records that nodes of a task hold: going on with them, in each turn and before a commit.
//!
//! Invariant: a commit is prepared only when nothing is in flight. So its offsets are those of complete records, and what
//! was forwarded of them is in the same commit; what is dropped with the task is done again.

use super::{ActiveTask, active::lend};
use crate::{
    Error, ErrorKind, Result,
    client::Collector,
    planted::{PlantedBug, is_planted},
    processor::{Event, NodesInFlight},
};

impl ActiveTask {
    /// What its nodes hold.
    pub(crate) fn in_flight(&self) -> &NodesInFlight {
        &self.state.in_flight
    }

    /// Has the nodes that hold records go on with those that are through.
    pub(crate) fn resume(&mut self, now_ms: i64, collector: &mut Option<Box<Collector>>) -> Result {
        if self.state.in_flight.is_empty() {
            return Ok(());
        }
        lend(self, collector, |task| {
            task.state.now_ms = now_ms;
            // Those below get what those above forward, in this turn or in the next.
            let nodes = task.state.in_flight.nodes();
            nodes.into_iter().try_for_each(|node| task.control_all(Event::Resume { node }))
        })
    }

    /// Goes on with what is in flight, and forwards what caches hold back behind that, which may be in flight then. Returns
    /// whether nothing is left, so that a commit may be prepared; else it is to be called again.
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

    /// A commit is prepared: its offsets must be those of complete records.
    ///
    /// # Errors
    /// `Topology` if a node holds records that has not said in its `init` that it may.
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
