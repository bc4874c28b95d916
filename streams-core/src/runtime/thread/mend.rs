//! Foreign rows: rows in a changelog that its task did not write.
//!
//! Without transactions nothing keeps an expelled member from writing the records it already has:
//! older rows come between those of the task's next owner, and the next restore would take them for
//! the newest. So do those of a producer that this thread itself gave up. The owner notices foreign
//! records by the offsets of its own, and rewrites those rows with its current values. In Java they
//! stay.
//!
//! Invariant: rows are rewritten only after a commit of offsets that the coordinator accepted after
//! they were seen. To an expelled member that does not know it, the rows of the next owner look
//! foreign, too.
//!
//! Until then the database's offset counts only up to the first foreign row: a member that loses
//! the task makes the next one read those rows again.
//!
//! With transactions there are none: the cluster refuses them, and offsets are not contiguous.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    super::app::App,
    asked::{ANSWER_MS, Asked},
    foreign_keys::{KeyReader, Keys},
    log_ends::{Gap, LogEnds},
    member::Member,
    tasks::Tasks,
    writer::{Writer, Written},
};
use crate::{
    Error, ErrorKind, Result, TaskId,
    client::{Admin, BatchReport, IsolationLevel, PartitionOffsets},
    planted::{PlantedBug, is_planted},
};

/// Interval between checks for rows past the known end of a changelog, and the back-off after a
/// failed check.
const LOOK_INTERVAL_MS: i64 = 30_000;
const LOOK_AGAIN_MS: i64 = 300_000;

/// Time for which a task that is to be given up may wait for its changelogs to be mended, in
/// milliseconds.
const HAND_OVER_MS: i64 = 5_000;

/// A thread's view of the changelogs of its running tasks.
pub(super) struct Mend {
    app: Arc<App>,
    thread: String,
    logs: LogEnds,
    looking: Asked<PartitionOffsets>,
    look_at_ms: i64,
    reading: Option<Reading>,
    hand_over: Option<HandOver>,
}

/// The keys of some gaps, being read or known.
struct Reading {
    gaps: Vec<Gap>,
    reader: KeyReader,
    keys: Option<Keys>,
}

/// Tasks that wait to be given up.
struct HandOver {
    tasks: BTreeSet<TaskId>,
    until_ms: i64,
    looked: bool,
}

impl Mend {
    pub(super) fn new(app: &Arc<App>, thread: &str) -> Self {
        Self {
            app: Arc::clone(app),
            thread: thread.to_owned(),
            logs: LogEnds::default(),
            looking: Asked::default(),
            look_at_ms: 0,
            reading: None,
            hand_over: None,
        }
    }

    /// Notes that all tasks are given up.
    pub(super) fn forget_all(&mut self) {
        *self = Self::new(&self.app, &self.thread);
    }

    /// Ends of changelogs, and the foreign rows in them.
    pub(super) fn logs(&mut self) -> &mut LogEnds {
        &mut self.logs
    }

    /// Returns whether there are rows to be rewritten.
    pub(super) fn has_gaps(&self) -> bool {
        !self.logs.gaps().is_empty()
    }

    /// Limits the databases' offsets to the first foreign rows: should this thread lose a task
    /// before it has rewritten them, the next restore reads them like everybody else.
    pub(super) fn hold_back(&self, written: &mut Written) {
        for gap in self.logs.gaps() {
            if let Some(next) = written.get_mut(&gap.changelog) {
                *next = gap.from.min(*next);
            }
        }
    }

    /// Begins to look past the ends of all changelogs. The next owner of a task takes the rows
    /// there for the newest.
    pub(super) fn look(&mut self, admin: &mut dyn Admin, now_ms: i64) {
        self.look_at_ms = now_ms.saturating_add(LOOK_INTERVAL_MS);
        let changelogs = self.logs.changelogs();
        if !changelogs.is_empty() {
            let ends = admin.latest_offsets(&changelogs, IsolationLevel::ReadUncommitted);
            self.looking.ask(ends, now_ms.saturating_add(ANSWER_MS));
        }
    }

    /// Returns whether something was found or read that can be dealt with only after a commit.
    pub(super) fn waits_for_commit(&self) -> bool {
        let reads = self.reading.as_ref().is_some_and(|reading| reading.keys.is_none());
        self.has_gaps() && !reads
    }

    /// Returns whether there are rows to be rewritten, which takes a commit during which tasks wait.
    pub(super) fn is_due(&self) -> bool {
        self.has_gaps() || self.reading.is_some()
    }

    /// Returns whether it waits for the cluster.
    pub(super) fn is_at_work(&self) -> bool {
        self.is_looking() || self.reading.is_some()
    }

    /// Returns whether it waits for the ends of changelogs.
    pub(super) fn is_looking(&self) -> bool {
        self.looking.is_open()
    }

    /// Checks again if the interval has passed, takes results, and reads on. It never waits.
    pub(super) fn advance(&mut self, admin: &mut dyn Admin, now_ms: i64) {
        if now_ms >= self.look_at_ms && !self.looking.is_open() {
            self.look(admin, now_ms);
        }
        match self.looking.answer(now_ms) {
            None => {}
            Some(Ok(ends)) => ends.into_iter().for_each(|(changelog, end)| match end {
                Ok(end) => self.logs.grew(&changelog, end),
                Err(error) => {
                    tracing::info!(thread = %self.thread, "it is not known where changelog {changelog} ends: {error}");
                }
            }),
            Some(Err(error)) => {
                self.look_at_ms = now_ms.saturating_add(LOOK_AGAIN_MS);
                tracing::info!(thread = %self.thread, "the cluster does not say where changelogs end: {error}");
            }
        }
        // For tasks that were given up meanwhile no commit would come.
        let gaps = self.logs.gaps();
        self.reading.take_if(|reading| !reading.gaps.iter().any(|gap| gaps.contains(gap)));
        let Some(reading) = self.reading.as_mut().filter(|reading| reading.keys.is_none()) else {
            return;
        };
        match reading.reader.read(&reading.gaps, now_ms) {
            Ok(keys) => reading.keys = keys,
            Err(error) => {
                tracing::warn!(thread = %self.thread, "rows that another writer left in changelogs are written anew later: {error}");
                self.reading = None;
            }
        }
    }

    /// Returns whether tasks may be given up now: the ends of their changelogs have been checked
    /// and no foreign rows are left there, or that took too long.
    pub(super) fn lets_go(&mut self, gone: &[TaskId], admin: &mut dyn Admin, now_ms: i64) -> bool {
        let tasks: BTreeSet<TaskId> = gone.iter().copied().collect();
        if self.hand_over.as_ref().is_none_or(|hand_over| hand_over.tasks != tasks) {
            let until_ms = now_ms.saturating_add(HAND_OVER_MS);
            self.hand_over = Some(HandOver { tasks, until_ms, looked: false });
            self.look(admin, now_ms);
            self.advance(admin, now_ms);
        }
        let is_looking = self.looking.is_open();
        let has_rows = gone.iter().any(|task| self.has_rows_of(*task));
        let Some(hand_over) = &mut self.hand_over else { return true };
        hand_over.looked |= !is_looking;
        if now_ms < hand_over.until_ms && (!hand_over.looked || has_rows) {
            return false;
        }
        if has_rows || !hand_over.looked {
            self.warn_of(gone);
        }
        true
    }

    /// Notes that the waiting tasks are given up.
    pub(super) fn has_let_go(&mut self) {
        self.hand_over = None;
    }

    /// Warns of foreign rows that the next owner will start from.
    pub(super) fn warn_of(&self, tasks: &[TaskId]) {
        for task in tasks.iter().filter(|task| self.has_rows_of(**task)) {
            tracing::warn!(thread = %self.thread, %task, "its changelogs end with rows of another writer, from which its next owner will go on");
        }
    }

    /// Returns whether the changelogs of a task still have rows to be rewritten.
    pub(super) fn has_rows_of(&self, task: TaskId) -> bool {
        let changelogs = self.app.changelogs(task);
        self.logs
            .gaps()
            .iter()
            .any(|gap| changelogs.values().any(|changelog| *changelog == gap.changelog))
    }

    /// After a commit: rewrites the foreign rows in the changelogs of running tasks, if their keys
    /// are known. Returns the gaps that are mended once the rows are [flushed](Self::flushed). The
    /// rest is left to the next commit.
    ///
    /// # Errors
    /// `Fenced` if the member is expelled meanwhile, and errors of the databases.
    pub(super) fn mend(
        &mut self,
        tasks: &mut Tasks,
        writer: &mut Writer,
        member: &Member,
    ) -> Result<Option<Vec<Gap>>> {
        if is_planted(PlantedBug::ForgetForeignRows) {
            let gaps = self.logs.gaps().to_vec();
            self.logs.close(&gaps);
        }
        let Some(reading) = self.reading.take() else { return Ok(None) };
        let Reading { gaps, keys: Some(keys), .. } = reading else {
            self.reading = Some(reading);
            return Ok(None);
        };
        self.logs.close(&gaps);
        let is_there = writer.ensure(member);
        let logged = is_there.and_then(|_| self.log_again(&keys, tasks, writer));
        match logged {
            Ok(()) => Ok(Some(gaps)),
            Err(error) => self.failed(gaps, error, writer).map(|()| None),
        }
    }

    /// Writes the rows with these keys to their changelogs, with their current values.
    fn log_again(&self, keys: &Keys, tasks: &mut Tasks, writer: &mut Writer) -> Result {
        for (changelog, keys) in keys {
            let task = tasks.running_mut().find(|(_, task)| task.logs_to(changelog));
            let (Some((_, task)), Some(collector)) = (task, writer.collector()) else { continue };
            let rows = keys.len();
            tracing::warn!(thread = %self.thread, "another writer left rows in changelog {changelog}; {rows} of them are written anew");
            task.log_again(changelog, keys, collector)?;
        }
        Ok(())
    }

    /// Notes that the rows of these gaps are on the cluster, if the reports confirm it.
    ///
    /// # Errors
    /// The errors of [`mend`](Self::mend).
    pub(super) fn flushed(
        &mut self,
        gaps: Vec<Gap>,
        reports: Result<Vec<BatchReport>>,
        (tasks, writer): (&mut Tasks, &mut Writer),
    ) -> Result {
        let noted = writer.flushed(reports, &mut self.logs).and_then(|mut written| {
            self.hold_back(&mut written);
            tasks.running().try_for_each(|(_, task)| task.apply_changelogs(&written))
        });
        noted.or_else(|error| self.failed(gaps, error, writer))
    }

    /// Notes that the rows of these gaps are not rewritten yet.
    fn failed(&mut self, gaps: Vec<Gap>, error: Error, writer: &mut Writer) -> Result {
        if matches!(error.kind(), ErrorKind::Fenced | ErrorKind::State) {
            return Err(error);
        }
        tracing::warn!(thread = %self.thread, "rows that another writer left in changelogs are written anew later: {error}");
        self.logs.reopen(gaps);
        // Records that it still holds must not be sent with the next commit.
        writer.abandon();
        Ok(())
    }

    /// Begins to read the keys of foreign rows, if there are any.
    ///
    /// # Errors
    /// The reason why there is no reader.
    pub(super) fn read_gaps(&mut self, tasks: &Tasks, now_ms: i64) -> Result {
        let runs = |gap: &&Gap| tasks.running().any(|(_, task)| task.logs_to(&gap.changelog));
        let gaps: Vec<Gap> = self.logs.gaps().iter().filter(runs).cloned().collect();
        if self.reading.is_none() && !gaps.is_empty() {
            let reader = KeyReader::new(&self.app, &self.thread, &gaps, now_ms)?;
            self.reading = Some(Reading { gaps, reader, keys: None });
        }
        Ok(())
    }
}
