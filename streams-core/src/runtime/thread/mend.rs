//! Rows in a changelog that its task did not write.
//!
//! Without transactions nothing keeps a member that was given up from writing what it had in hand already: older rows
//! come between those of the task's next owner, and the next restore would take them for the newest. So do those of a
//! producer that this thread gave up itself. The owner sees by the offsets of its own records that there are others, and
//! writes those rows anew, as it has them. In Java they stay.
//!
//! Invariant: rows are written anew only behind a commit of offsets that the coordinator accepted after they were seen.
//! To a member that was given up and does not know it, the rows of the next owner look foreign, too.
//!
//! Until then the database counts only as far as nobody else had written: who loses the task reads those rows again.
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

/// How often it is looked behind the ends of changelogs, to which nothing may be written meanwhile; and after what time
/// again if the cluster did not say.
const LOOK_INTERVAL_MS: i64 = 30_000;
const LOOK_AGAIN_MS: i64 = 300_000;

/// How long a task that is to be given up may wait for its changelogs to be mended, in milliseconds.
const HAND_OVER_MS: i64 = 5_000;

/// What a thread knows of the changelogs of its running tasks.
pub(super) struct Mend {
    app: Arc<App>,
    thread: String,
    logs: LogEnds,
    looking: Asked<PartitionOffsets>,
    look_at_ms: i64,
    reading: Option<Reading>,
    hand_over: Option<HandOver>,
}

/// The keys of some gaps, on their way or known.
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

    /// All tasks are given up.
    pub(super) fn forget_all(&mut self) {
        *self = Self::new(&self.app, &self.thread);
    }

    /// Where changelogs end, and what others wrote to them.
    pub(super) fn logs(&mut self) -> &mut LogEnds {
        &mut self.logs
    }

    /// Whether there are rows to be written anew.
    pub(super) fn has_gaps(&self) -> bool {
        !self.logs.gaps().is_empty()
    }

    /// The databases count as far as others have written nothing: should this thread lose a task before it has written
    /// their rows anew, the next restore reads them as everybody will.
    pub(super) fn hold_back(&self, written: &mut Written) {
        for gap in self.logs.gaps() {
            if let Some(next) = written.get_mut(&gap.changelog) {
                *next = gap.from.min(*next);
            }
        }
    }

    /// Begins to look behind the ends of all changelogs. Whoever takes a task over takes what is there for the newest.
    pub(super) fn look(&mut self, admin: &mut dyn Admin, now_ms: i64) {
        self.look_at_ms = now_ms.saturating_add(LOOK_INTERVAL_MS);
        let changelogs = self.logs.changelogs();
        if !changelogs.is_empty() {
            let ends = admin.latest_offsets(&changelogs, IsolationLevel::ReadUncommitted);
            self.looking.ask(ends, now_ms.saturating_add(ANSWER_MS));
        }
    }

    /// Whether something is found or read that can go on only behind a commit.
    pub(super) fn waits_for_commit(&self) -> bool {
        let reads = self.reading.as_ref().is_some_and(|reading| reading.keys.is_none());
        self.has_gaps() && !reads
    }

    /// Whether it waits for the cluster.
    pub(super) fn is_at_work(&self) -> bool {
        self.looking.is_open() || self.reading.is_some()
    }

    /// Whether it waits for where changelogs end.
    pub(super) fn is_looking(&self) -> bool {
        self.looking.is_open()
    }

    /// Looks if that was long ago, takes what was found, and reads on. It never waits.
    pub(super) fn advance(&mut self, admin: &mut dyn Admin, now_ms: i64) {
        if now_ms >= self.look_at_ms && !self.looking.is_open() {
            self.look(admin, now_ms);
        }
        match self.looking.answer(now_ms) {
            None => {}
            Some(Ok(ends)) => {
                for (changelog, end) in ends {
                    match end {
                        Ok(end) => self.logs.grew(&changelog, end),
                        Err(error) => {
                            tracing::info!(thread = %self.thread, "it is not known where changelog {changelog} ends: {error}");
                        }
                    }
                }
            }
            Some(Err(error)) => {
                self.look_at_ms = now_ms.saturating_add(LOOK_AGAIN_MS);
                tracing::info!(thread = %self.thread, "the cluster does not say where changelogs end: {error}");
            }
        }
        // Where the tasks were given up meanwhile there is nothing to write anew, and no commit would come for it.
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

    /// Whether tasks may be given up now: it was looked behind the ends of their changelogs, and nothing of others is left
    /// there, or that took too long.
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

    /// The tasks that waited are given up.
    pub(super) fn has_let_go(&mut self) {
        self.hand_over = None;
    }

    /// Warns of what the next owner will go on from.
    pub(super) fn warn_of(&self, tasks: &[TaskId]) {
        for task in tasks.iter().filter(|task| self.has_rows_of(**task)) {
            tracing::warn!(thread = %self.thread, %task, "its changelogs end with rows of another writer, from which its next owner will go on");
        }
    }

    /// Whether rows in the changelogs of a task are still to be written anew.
    pub(super) fn has_rows_of(&self, task: TaskId) -> bool {
        let changelogs = self.app.changelogs(task);
        self.logs
            .gaps()
            .iter()
            .any(|gap| changelogs.values().any(|changelog| *changelog == gap.changelog))
    }

    /// Behind a commit: writes anew what others wrote to the changelogs of running tasks, if its keys are known. Returns what
    /// is mended when that is [flushed](Self::flushed). What can't be done now is left to the next commit.
    ///
    /// # Errors
    /// `Fenced` if the member is given up meanwhile, or those of the databases.
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

    /// Writes the rows of these keys to their changelogs, as they are now.
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

    /// The rows of these gaps are on the cluster, if the reports say so.
    ///
    /// # Errors
    /// Those of [`mend`](Self::mend).
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

    /// Rows of these gaps are not written anew yet.
    fn failed(&mut self, gaps: Vec<Gap>, error: Error, writer: &mut Writer) -> Result {
        if matches!(error.kind(), ErrorKind::Fenced | ErrorKind::State) {
            return Err(error);
        }
        tracing::warn!(thread = %self.thread, "rows that another writer left in changelogs are written anew later: {error}");
        self.logs.reopen(gaps);
        // What it holds of them must not go out with the next commit.
        writer.abandon();
        Ok(())
    }

    /// Begins to read the keys of what others wrote, if there is something.
    ///
    /// # Errors
    /// Why there is no reader.
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
