//! Going on with time while no record comes.
//!
//! Stream time stands still then. Nodes that are to go on nevertheless are told what it would be, had it gone on with the wall
//! clock since the last record. Invariant: that happens to a settled task only: what caches held back has reached the nodes, and
//! nothing is in flight, so that no result of a record that was taken comes behind it.

use super::{ActiveTask, active::lend};
use crate::{Result, client::Collector, processor::Event};

impl ActiveTask {
    /// When it is to be looked next whether the task is idle; `None` if no node asks.
    pub(crate) fn idle_due(&self) -> Option<i64> {
        self.state.idle.due_ms().filter(|_| self.is_empty())
    }

    /// The wall clock when it took its last record, or began.
    pub(crate) fn taken_ms(&self) -> i64 {
        self.state.idle.taken_ms()
    }

    /// Whether all that it has taken is through and committed.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_empty() && !self.commit.progress
    }

    fn is_empty(&self) -> bool {
        self.buffered() == 0 && self.state.in_flight.is_empty()
    }

    /// It is looked whether the task is idle. Returns whether it is settled; if not, it asks for a commit.
    pub(crate) fn looks_idle(&mut self, now_ms: i64) -> bool {
        if self.is_settled() {
            self.state.idle.looks(now_ms);
            return true;
        }
        self.state.commit_requested = true;
        false
    }

    /// Whether a node would let go of something if the task were idle until then.
    pub(crate) fn would_close(&mut self, until_ms: i64) -> Result<bool> {
        self.state.idle.would_close = false;
        self.tell_idle(until_ms, |node, time| Event::AskIdle { node, time })?;
        Ok(self.state.idle.would_close)
    }

    /// The task is idle until then: nodes let go of what no longer has to wait.
    pub(crate) fn close_idle(
        &mut self,
        (until_ms, now_ms): (i64, i64),
        collector: &mut Option<Box<Collector>>,
    ) -> Result {
        lend(self, collector, |task| {
            task.state.now_ms = now_ms;
            task.commit.progress = true;
            task.tell_idle(until_ms, |node, time| Event::Idle { node, time })
        })
    }

    fn tell_idle(&mut self, until_ms: i64, event: impl Fn(usize, i64) -> Event) -> Result {
        let (elapsed_ms, nodes) = self.state.idle.idle_at(until_ms);
        if self.state.stream_time < 0 {
            // Without a record there is no time that could go on.
            return Ok(());
        }
        let time = self.state.stream_time.saturating_add(elapsed_ms);
        nodes.into_iter().try_for_each(|node| self.control_all(event(node, time)))
    }
}
