//! A thread as a member of its group: its target, and the last contact.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    super::{app::App, stored_state::Reporter},
    patience::Patience,
    restores::Restores,
    tasks::Tasks,
};
use crate::{
    Error, ErrorKind, Result, TaskId, TopicPartition,
    client::{Answer, GroupMetadata, Lease, Membership, OffsetAndMetadata},
    membership::{TaskAssignment, TaskOffsets},
    time::duration_ms,
};

/// The thread's membership in its group.
pub(super) struct Member {
    app: Arc<App>,
    thread: String,
    membership: Box<dyn Membership>,
    /// The coordinator's target.
    target: Option<Arc<TaskAssignment>>,
    /// Time of the last contact with the coordinator.
    heard_ms: i64,
    /// True if a member of the group asked all instances to close.
    asked_to_close: bool,
    stored_state: Reporter,
}

impl Member {
    pub(super) fn new(app: &Arc<App>, index: usize, thread: &str) -> Result<Self> {
        Ok(Self {
            app: Arc::clone(app),
            thread: thread.to_owned(),
            membership: app.clients.membership(app.join_group(index))?,
            target: None,
            heard_ms: app.clock.now_ms(),
            asked_to_close: false,
            stored_state: Reporter::new(Arc::clone(app), index),
        })
    }

    pub(super) fn target(&self) -> Option<&Arc<TaskAssignment>> {
        self.target.as_ref()
    }

    pub(super) fn is_asked_to_close(&self) -> bool {
        self.asked_to_close
    }

    pub(super) fn group_metadata(&self) -> GroupMetadata {
        self.membership.group_metadata()
    }

    pub(super) fn lease(&self) -> Lease {
        self.membership.lease()
    }

    pub(super) fn commit_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Answer<()> {
        self.membership.commit_offsets(offsets)
    }

    pub(super) fn committed_offsets(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Answer<BTreeMap<TopicPartition, OffsetAndMetadata>> {
        self.membership.committed_offsets(partitions)
    }

    /// Sends a heartbeat; returns whether there is a new target. Work continues without an answer
    /// for as long as the session lasts; a possible zombie must not write.
    pub(super) fn heartbeat(
        &mut self,
        tasks: &Tasks,
        restores: &Restores,
        patience: &mut Patience,
        now_ms: i64,
    ) -> Result<bool> {
        let owned = tasks.owned(self.target.as_deref());
        let offsets = self.task_offsets(tasks, restores);
        let heartbeat = self.membership.heartbeat(&owned, &offsets);
        if heartbeat.as_ref().is_err_and(|error| error.kind() == ErrorKind::Fenced) {
            // Others have its tasks. If it ran them until it is told new ones, it would commit as
            // the new member that it joins as, which the coordinator accepts.
            self.target = None;
        }
        let session_ms = duration_ms(self.app.config.session_timeout());
        let heartbeat = if heartbeat.is_ok() {
            self.heard_ms = now_ms;
            heartbeat?
        } else if now_ms - self.heard_ms < session_ms {
            patience.pass_over(heartbeat, now_ms)?
        } else {
            heartbeat?
        };
        if heartbeat.shutdown && !self.asked_to_close {
            tracing::warn!(thread = %self.thread, "a member of the group asks all instances to close");
            self.asked_to_close = true;
        }
        let Some(assignment) = heartbeat.assignment else { return Ok(false) };
        tracing::info!(thread = %self.thread, active = ?assignment.active, standby = ?assignment.standby, warmup = ?assignment.warmup, "assigned");
        self.target = Some(Arc::new(assignment));
        Ok(true)
    }

    /// Returns whether a task was told to stop reading a partition. That happens when the topic
    /// matched a pattern, and was deleted.
    pub(super) fn is_gone(&self, task: TaskId, partition: &TopicPartition) -> bool {
        self.target.as_ref().is_some_and(|target| {
            let inputs = target.inputs.get(&task).filter(|_| target.active.contains(&task));
            inputs.is_some_and(|inputs| !inputs.contains(partition))
        })
    }

    /// Notes that an input topic may be gone. If topics are read by pattern the group finds out,
    /// and reports which topics are read from now on. Returns whether they are.
    pub(super) fn misses_topic(&mut self) -> bool {
        let by_pattern = self.app.topology.has_patterns();
        if by_pattern {
            self.membership.misses_topic();
        }
        by_pattern
    }

    /// Makes the thread wait for a new target if a call failed because of a missing topic that is
    /// read by pattern.
    pub(super) fn without_topic<T>(&mut self, called: Result<T>) -> Result<T> {
        called.map_err(|error| {
            if error.kind() != ErrorKind::InvalidTopic || !self.misses_topic() {
                return error;
            }
            let text = "a topic that matches a pattern may be gone, and the group is yet to say so";
            Error::with_source(ErrorKind::Unavailable, text, error)
        })
    }

    /// The report to the group on this thread's state.
    fn task_offsets(&self, tasks: &Tasks, restores: &Restores) -> TaskOffsets {
        let in_restorer = tasks.ids(|slot| slot.is_standby() || slot.is_restoring());
        let mut offsets = restores.offsets(&in_restorer);
        let sums = &mut offsets.offset_sums;
        for (task, sum) in self.stored_state.offset_sums() {
            sums.entry(task).or_insert(sum);
        }
        sums.extend(tasks.at_rest().filter_map(|(task, databases)| {
            Some((*task, self.app.offset_sum(*task, databases, false)?))
        }));
        let at_end = tasks.ids(|slot| slot.is_restored() || slot.is_running());
        offsets.lags.extend(at_end.into_iter().map(|task| (task, 0)));
        offsets.lags.retain(|task, _| self.app.has_stores(*task));
        offsets
    }

    /// Returns whether the thread has all its assigned tasks, and processes them.
    pub(super) fn is_running(&self, tasks: &Tasks) -> bool {
        self.target
            .as_ref()
            .is_some_and(|target| target.active.iter().all(|task| tasks.runs(*task)))
    }

    /// Asks all instances to close, once its own tasks are given up: joins the group again and
    /// reports the request. Returns whether the group has heard; until then the call must be
    /// repeated.
    pub(super) fn shut_application_down(&mut self) -> Result<bool> {
        self.membership.shutdown_application();
        let heartbeat =
            self.membership.heartbeat(&TaskAssignment::default(), &TaskOffsets::default())?;
        Ok(heartbeat.shutdown)
    }

    /// Leaves the group. The tasks of a static member wait for it until the session expires, unless
    /// it leaves `for_good`.
    pub(super) fn leave(&mut self, for_good: bool) -> Result {
        if self.app.config.group_instance_id().is_some() && !for_good {
            return Ok(());
        }
        self.target = None;
        self.membership.leave(for_good)
    }
}
