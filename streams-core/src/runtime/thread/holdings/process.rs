//! Reading and processing.

use std::time::Duration;

use super::{
    super::{member::Member, patience::Patience, tasks::Slot, work::Work},
    Holdings,
};
use crate::{
    Error, ErrorKind, Result,
    client::answer::wait_for_a_wake,
    task::{ActiveTask, Readiness},
};

/// How long a poll may wait while a task is on its way, an answer of the control plane, or a record in flight, or while the
/// producer has no room.
const ANSWER_WAIT: Duration = Duration::from_millis(5);

/// Whether what was polled is not there any more, so that it is to be seen anew where tasks begin.
fn is_lost(error: &Error, member: &mut Member) -> bool {
    match error.kind() {
        ErrorKind::InvalidState => {
            member.misses_topic();
            true
        }
        ErrorKind::InvalidTopic => member.misses_topic(),
        _ => false,
    }
}

impl Holdings {
    /// Polls, for at most `max_wait`.
    pub(in super::super) fn poll(
        &mut self,
        member: &mut Member,
        patience: &mut Patience,
        now_ms: i64,
        max_wait: Duration,
    ) -> Result<bool> {
        let mut wait = self.wait(now_ms, max_wait);
        if self.has_in_flight() || self.awaits_writer() {
            // What is in flight wakes this thread, but not a poll. So do answers to the producer, and nobody says that there is
            // room again.
            wait_for_a_wake(std::mem::take(&mut wait));
        }
        match self.input.poll(&mut self.tasks, wait) {
            Err(error) if is_lost(&error, member) => {
                // The log was truncated there, this is a zombie and the next owner has purged what it read, or the topic is gone.
                tracing::warn!(thread = %self.thread, "tasks start over from their committed offsets: {error}");
                self.input.doubt(&self.tasks);
                self.start_over();
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::InvalidTopic => {
                let text = "a source topic is not there any more; was it deleted? Create it, then start again: what \
                            was committed of it is void";
                Err(Error::with_source(ErrorKind::MissingSourceTopic, text, error))
            }
            polled => patience.pass_over(polled, now_ms),
        }
    }

    /// How long a poll may wait: not at all while there is work, and not past what is due next.
    fn wait(&mut self, now_ms: i64, max_wait: Duration) -> Duration {
        if !self.app.is_paused() && !self.awaits_writer() && self.is_any_ready(now_ms) {
            return Duration::ZERO;
        }
        let awaits = self.awaits_answers() || self.awaits_writer() || self.has_in_flight();
        if awaits || self.tasks.any(Slot::is_on_its_way) {
            return max_wait.min(ANSWER_WAIT);
        }
        let punctuations = self.tasks.running().filter_map(|(_, task)| task.next_punctuation());
        let commit = self.commits.due_ms(&self.writer);
        let retries = self.tasks.running().filter_map(|(_, task)| task.retry_due_ms());
        let idle = self.tasks.running().filter_map(|(_, task)| task.idle_due());
        let due = punctuations.chain(retries).chain(idle).chain([commit]);
        let due = due.min().unwrap_or(commit);
        let until_due = u64::try_from(due - now_ms).unwrap_or(0);
        max_wait.min(Duration::from_millis(until_due.max(1)))
    }

    fn is_any_ready(&mut self, now_ms: i64) -> bool {
        let lag = |partition: &_| self.input.lag(partition);
        let ready = |task: &mut ActiveTask| task.readiness(now_ms, lag) == Readiness::Ready;
        self.tasks.running_mut().any(|(_, task)| ready(task))
    }

    /// Processes and punctuates.
    pub(in super::super) fn work(&mut self, member: &Member) -> Result<bool> {
        let mut work = Work {
            app: &self.app,
            tasks: &mut self.tasks,
            input: &self.input,
            writer: &mut self.writer,
            member,
            commits: &self.commits,
            pace: &mut self.pace,
        };
        let (processed, interrupted) = work.process(self.interrupted.take())?;
        let punctuated = work.punctuate()?;
        let now_ms = self.app.clock.now_ms();
        let (idle, until_ms) = self.idle.look(work.tasks, &mut *self.admin, now_ms);
        let closed = work.close_idle(&idle, until_ms)?;
        self.interrupted = interrupted;
        Ok(processed > 0 || punctuated || closed)
    }

    fn has_in_flight(&self) -> bool {
        self.tasks.running().any(|(_, task)| !task.in_flight().is_empty())
    }

    /// Whether nothing can be written now.
    fn awaits_writer(&self) -> bool {
        self.writer.is_full() || self.writer.has_asked()
    }

    fn awaits_answers(&self) -> bool {
        self.mend.is_at_work() || self.idle.is_open()
    }
}
