//! Progress with time while no record comes.
//!
//! Stream time stands still then. Nodes that must continue nevertheless get the stream time that
//! would result if it had followed the wall clock since the last record. Invariant: that happens to
//! a settled task only: changes that caches held back have reached the nodes, and nothing is in
//! flight, so no result of an earlier record comes after it.

use super::{ActiveTask, active::lend};
use crate::{Result, client::Collector, processor::Event};

impl ActiveTask {
    /// Time of the next check whether the task is idle; `None` if no node asks.
    pub(crate) fn idle_due(&self) -> Option<i64> {
        self.state.idle.due_ms().filter(|_| self.is_empty())
    }

    /// The wall clock when it took its last record, or began.
    pub(crate) fn taken_ms(&self) -> i64 {
        self.state.idle.taken_ms()
    }

    /// Returns whether the nodes that follow the time have been asked since the last record, and
    /// have done what they answered.
    pub(crate) fn has_looked_idle(&self) -> bool {
        self.state.idle.has_looked()
    }

    /// Returns whether everything that it has taken is processed and committed.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_empty() && !self.commit.progress && self.commit.staged.is_none()
    }

    fn is_empty(&self) -> bool {
        self.buffered() == 0 && self.state.in_flight.is_empty()
    }

    /// Checks whether the task is idle. Returns whether it is settled; if not, it asks for a
    /// commit.
    pub(crate) fn looks_idle(&mut self, now_ms: i64) -> bool {
        if self.is_settled() {
            self.state.idle.looks(now_ms);
            return true;
        }
        // Otherwise a commit in transit settles it.
        self.state.commit_requested |= self.commit.progress;
        false
    }

    /// Returns whether a node would release something if the task were idle until then.
    pub(crate) fn would_close(&mut self, until_ms: i64) -> Result<bool> {
        self.state.idle.would_close = false;
        self.tell_idle(until_ms, |node, time| Event::AskIdle { node, time })?;
        Ok(self.state.idle.would_close)
    }

    /// Tells the nodes that the task is idle until then: they release whatever no longer has to
    /// wait.
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
            // Without a record there is no time to continue from.
            return Ok(());
        }
        let time = self.state.stream_time.saturating_add(elapsed_ms);
        nodes.into_iter().try_for_each(|node| self.control_all(event(node, time)))
    }
}
