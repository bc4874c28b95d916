//! Runs of records, and punctuations, of the tasks that may work now.

use std::sync::Arc;

use super::{
    super::{app::App, metrics::count},
    commit::Commits,
    input::Input,
    member::Member,
    pace::Pace,
    tasks::{Slot, Tasks},
    writer::Writer,
};
use crate::{Error, ErrorKind, Result, TaskId, task::Readiness, time::duration_ms};

/// Number of records that a task processes per turn before others have their share.
const RECORDS_PER_TURN: usize = 1_000;

/// Time for which a turn processes, in milliseconds, before the group and the consumer have their
/// share.
const TURN_MS: i64 = 100;

/// The parts needed to process.
pub(super) struct Work<'a> {
    pub(super) app: &'a Arc<App>,
    pub(super) tasks: &'a mut Tasks,
    pub(super) input: &'a Input,
    pub(super) writer: &'a mut Writer,
    pub(super) member: &'a Member,
    pub(super) commits: &'a Commits,
    pub(super) pace: &'a mut Pace,
    /// Number of punctuations in this turn.
    pub(super) punctuations: u64,
}

/// Result of a task's share of a turn.
enum Share {
    /// It has processed its share.
    Done,
    /// Other work is due.
    Interrupted,
}

impl Work<'_> {
    /// Processes records, run by run, until all tasks have had their share or other work is due.
    /// The tasks after `last` come first. Returns the number of records, and the task that was
    /// interrupted.
    pub(super) fn process(&mut self, last: Option<TaskId>) -> Result<(u64, Option<TaskId>)> {
        if !self.writer.has_room()? {
            return Ok((0, last));
        }
        let mut ids = self.tasks.ids(Slot::is_running);
        let at = ids.iter().position(|id| Some(*id) > last).unwrap_or(0);
        ids.rotate_left(at);
        let deadline_ms = self.deadline_ms(self.app.clock.now_ms());
        let mut processed = 0;
        let mut interrupted = None;
        for id in ids {
            let share = self.share(id, deadline_ms, &mut processed);
            self.settle(id);
            if let Share::Interrupted = share? {
                interrupted = Some(id);
                break;
            }
        }
        count(&self.app.shared.counters.processed, processed);
        Ok((processed, interrupted))
    }

    /// The time at which processing is interrupted: at a commit, a punctuation, or the end of its
    /// share.
    fn deadline_ms(&self, now_ms: i64) -> i64 {
        let punctuations = self.tasks.running().filter_map(|(_, task)| task.next_punctuation());
        let due = [self.commits.due_ms(self.writer), now_ms.saturating_add(TURN_MS)];
        punctuations.chain(due).min().unwrap_or(now_ms)
    }

    fn share(&mut self, id: TaskId, deadline_ms: i64, processed: &mut u64) -> Result<Share> {
        let mut left = RECORDS_PER_TURN;
        let mut now_ms = self.app.clock.now_ms();
        while left > 0 {
            self.resume(id, now_ms)?;
            if self.writer.is_full() {
                return Ok(Share::Interrupted);
            }
            let wanted = self.pace.records().min(left);
            let done = self.run(id, wanted, now_ms)?;
            let began_ms = std::mem::replace(&mut now_ms, self.app.clock.now_ms());
            if done == 0 {
                return Ok(Share::Done);
            }
            *processed += u64::try_from(done).unwrap_or(0);
            let elapsed_ms = now_ms.saturating_sub(began_ms);
            self.pace.took(done, elapsed_ms);
            if let Some(task) = self.tasks.running_task(id) {
                task.run_ends(now_ms);
            }
            if done == 1 {
                self.check_speed(id, elapsed_ms)?;
            }
            if now_ms >= deadline_ms || self.asks_for_commit(id) || self.writer.is_full() {
                return Ok(Share::Interrupted);
            }
            if done < wanted {
                return Ok(Share::Done);
            }
            left -= done;
        }
        Ok(Share::Done)
    }

    /// Returns whether user code asked for a commit, or uncommitted writes need too much memory.
    fn asks_for_commit(&mut self, id: TaskId) -> bool {
        let requested = self.tasks.running_task(id).is_some_and(|task| task.commit_requested());
        requested || self.app.settings.budget.overlay_exceeded()
    }

    /// Continues with the records in flight in the operators of a task.
    fn resume(&mut self, id: TaskId, now_ms: i64) -> Result {
        let Some(task) = self.tasks.running_task(id) else { return Ok(()) };
        if task.in_flight().is_empty() {
            return Ok(());
        }
        if !self.writer.begin(self.member, now_ms)? {
            return Ok(());
        }
        task.resume(now_ms, self.writer.collector())
    }

    /// Processes at most `records` records of a task.
    fn run(&mut self, id: TaskId, records: usize, now_ms: i64) -> Result<usize> {
        let Some(task) = self.tasks.running_task(id) else { return Ok(0) };
        let lag = |partition: &_| self.input.lag(partition);
        if task.readiness(now_ms, lag) != Readiness::Ready {
            return Ok(0);
        }
        if !self.writer.begin(self.member, now_ms)? {
            return Ok(0);
        }
        Ok(task.process_run(now_ms, records, lag, self.writer.collector())?.processed)
    }

    /// A record that takes longer than a transaction may can never be committed; one that takes
    /// longer than the group waits costs the membership each time.
    fn check_speed(&mut self, id: TaskId, elapsed_ms: i64) -> Result {
        let config = &self.app.config;
        let transaction_ms = duration_ms(config.transaction_timeout());
        let transactional = self.writer.is_transactional() && elapsed_ms >= transaction_ms;
        if !transactional && elapsed_ms < duration_ms(config.max_poll_interval()) {
            return Ok(());
        }
        let position =
            self.tasks.running_task(id).map(|task| task.record_position()).unwrap_or_default();
        if transactional {
            let text = format!(
                "task {id} took {elapsed_ms} ms for {position}, longer than a transaction may ({transaction_ms} ms), so \
                 that it can't be committed: raise producer.transaction.timeout.ms, or have user code do less"
            );
            return Err(Error::new(ErrorKind::Processing, text));
        }
        tracing::error!(
            task = %id,
            "user code took {elapsed_ms} ms for {position}, longer than max.poll.interval.ms: the group may have given \
             this member up, and will again when the record comes back; raise the setting, or have it do less"
        );
        Ok(())
    }

    /// Runs the wall-clock punctuations that are due. Returns whether there was one.
    pub(super) fn punctuate(&mut self) -> Result<bool> {
        let mut worked = false;
        for id in self.tasks.ids(Slot::is_running) {
            let now_ms = self.app.clock.now_ms();
            let Some(task) = self.tasks.running_task(id) else { continue };
            if task.next_punctuation().is_none_or(|due| due > now_ms) {
                continue;
            }
            if self.writer.is_full() || !self.writer.begin(self.member, now_ms)? {
                break;
            }
            worked |= task.punctuate_wall_clock(now_ms, self.writer.collector())?;
            self.settle(id);
        }
        Ok(worked)
    }

    /// Lets these tasks, which were idle until then, release whatever no longer has to wait.
    /// Returns whether one did.
    pub(super) fn close_idle(&mut self, tasks: &[TaskId], until_ms: i64) -> Result<bool> {
        let mut closed = false;
        for id in tasks {
            let now_ms = self.app.clock.now_ms();
            let Some(task) = self.tasks.running_task(*id) else { continue };
            if !task.would_close(until_ms)? {
                continue;
            }
            if self.writer.is_full() || !self.writer.begin(self.member, now_ms)? {
                // They stay due, and are looked at again.
                break;
            }
            let Some(task) = self.tasks.running_task(*id) else { continue };
            task.close_idle((until_ms, now_ms), self.writer.collector())?;
            self.settle(*id);
            closed = true;
        }
        Ok(closed)
    }

    /// Takes the counts of a task.
    fn settle(&mut self, id: TaskId) {
        if let Some(task) = self.tasks.running_task(id) {
            let counted = task.take_counted();
            self.app.shared.counters.add(counted);
            self.punctuations += counted.punctuations;
        }
    }
}
