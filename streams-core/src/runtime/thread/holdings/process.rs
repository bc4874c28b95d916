//! Polling and processing.

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

/// Longest wait of a poll while a task is being started, a request is unanswered, a record is in
/// flight, or the producer has no room.
const ANSWER_WAIT: Duration = Duration::from_millis(5);

/// Returns whether the polled log is gone, so that the start positions of tasks must be determined
/// again.
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
        // Nothing else sends the producer's open batches while this thread waits.
        let due = self.writer.send_due();
        wait = due.map_or(wait, |due| wait.min(due));
        if self.has_in_flight() || self.awaits_writer() || self.commit_is_pending() {
            // Records in flight wake this thread, but not a poll. So do answers to a commit and to
            // the producer, and nobody reports that there is room again.
            wait_for_a_wake(std::mem::take(&mut wait));
        }
        let began_ms = self.app.clock.now_ms();
        let polled = self.input.poll(&mut self.tasks, wait);
        let records = polled.as_ref().ok().copied().flatten().unwrap_or(0);
        self.measuring.figures().polled(records, began_ms, self.app.clock.now_ms());
        if records == 0
            && due.is_some_and(|due| due.is_zero())
            && let Some(collector) = self.writer.collector()
        {
            collector.send_idle();
        }
        match polled.map(|came| came.is_some()) {
            Err(error) if is_lost(&error, member) => {
                // The log was truncated there, this is a zombie and the next owner has purged what
                // it read, or the topic is gone.
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

    /// Longest wait of a poll: none while there is work, and not past the next due time.
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
    ///
    /// # Errors
    /// The error of a task: all uncommitted work is in doubt.
    pub(in super::super) fn work(&mut self, member: &Member) -> Result<bool> {
        let worked = self.process(member);
        self.has_failed |= worked.is_err();
        worked
    }

    fn process(&mut self, member: &Member) -> Result<bool> {
        let mut work = Work {
            app: &self.app,
            tasks: &mut self.tasks,
            input: &self.input,
            writer: &mut self.writer,
            member,
            commits: &self.commits,
            pace: &mut self.pace,
            punctuations: 0,
        };
        let began_ms = self.app.clock.now_ms();
        let (processed, interrupted) = work.process(self.interrupted.take())?;
        let processed_ms = self.app.clock.now_ms();
        let punctuated = work.punctuate()?;
        let now_ms = self.app.clock.now_ms();
        let punctuations = work.punctuations;
        let (idle, until_ms) = self.idle.look(work.tasks, &mut *self.admin, now_ms);
        let closed = work.close_idle(&idle, until_ms)?;
        self.interrupted = interrupted;
        let mut figures = self.measuring.figures();
        figures.processed(processed, began_ms, processed_ms);
        figures.punctuated(punctuations, processed_ms, now_ms);
        Ok(processed > 0 || punctuated || closed)
    }

    fn has_in_flight(&self) -> bool {
        self.tasks.running().any(|(_, task)| !task.in_flight().is_empty())
    }

    /// Returns whether nothing can be written now.
    fn awaits_writer(&self) -> bool {
        self.writer.is_full() || self.writer.has_asked()
    }

    fn awaits_answers(&self) -> bool {
        self.mend.is_at_work() || self.idle.is_open() || self.commit_is_pending()
    }
}
