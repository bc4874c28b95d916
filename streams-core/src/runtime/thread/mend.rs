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
//! With transactions there are none: the cluster refuses them, and offsets are not contiguous.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{super::app::App, member::Member, tasks::Tasks, writer::Writer};
use crate::{
    Error, ErrorKind, Result, TaskId, TopicPartition,
    client::{Admin, ConsumerRole, ConsumerSettings, IsolationLevel},
    planted::{PlantedBug, is_planted},
};

/// So many polls without anything end a reading; each waits so long.
const IDLE_POLLS: usize = 20;
const POLL_WAIT: Duration = Duration::from_millis(100);
const POLL_RECORDS: usize = 10_000;
/// How often it is looked behind the ends of changelogs, to which nothing may be written meanwhile; and after what time
/// again if the cluster did not say.
const LOOK_INTERVAL_MS: i64 = 30_000;
const LOOK_AGAIN_MS: i64 = 300_000;

/// The keys of foreign rows by changelog, with the timestamps of their records.
type Keys = BTreeMap<TopicPartition, BTreeMap<Vec<u8>, i64>>;

/// What a thread knows of the changelogs of its running tasks.
pub(super) struct Mend {
    app: Arc<App>,
    thread: String,
    admin: Box<dyn Admin>,
    /// Where each ends, as far as this thread wrote or restored it.
    ends: BTreeMap<TopicPartition, i64>,
    /// What others wrote, and was not written anew.
    gaps: Vec<Gap>,
    look_at_ms: i64,
}

/// Offsets of a changelog that another writer got.
#[derive(Debug)]
struct Gap {
    changelog: TopicPartition,
    from: i64,
    to: i64,
}

impl Mend {
    pub(super) fn new(app: &Arc<App>, thread: &str) -> Result<Self> {
        Ok(Self {
            app: Arc::clone(app),
            thread: thread.to_owned(),
            admin: app.clients.admin()?,
            ends: BTreeMap::new(),
            gaps: Vec::new(),
            look_at_ms: 0,
        })
    }

    /// All tasks are given up.
    pub(super) fn forget_all(&mut self) {
        self.ends.clear();
        self.gaps.clear();
        self.look_at_ms = 0;
    }

    /// A task begins to write to a changelog, which is restored up to here.
    pub(super) fn track(&mut self, changelog: TopicPartition, end: i64) {
        self.ends.insert(changelog, end);
    }

    /// A task is given up that wrote to it.
    pub(super) fn forget(&mut self, changelog: &TopicPartition) {
        self.ends.remove(changelog);
        self.gaps.retain(|gap| gap.changelog != *changelog);
    }

    /// All tasks are restored from their last commit, to begin again. What was seen in the log is still to be mended.
    pub(super) fn start_over(&mut self) {
        self.ends.clear();
    }

    /// Records of this thread are in a log.
    pub(super) fn wrote(&mut self, to: &TopicPartition, base: i64, next: i64) {
        self.grew(to, base);
        if let Some(end) = self.ends.get_mut(to) {
            *end = next.max(*end);
        }
    }

    /// What is below `end` and this thread did not write, others did.
    fn grew(&mut self, changelog: &TopicPartition, end: i64) {
        let Some(known) = self.ends.get_mut(changelog) else { return };
        let from = *known;
        if end > from {
            *known = end;
            self.gaps.push(Gap { changelog: changelog.clone(), from, to: end });
        }
    }

    /// Whether there are rows to be written anew.
    pub(super) fn has_gaps(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Looks behind the ends of all changelogs. Whoever takes a task over takes what is there for the newest.
    pub(super) fn look(&mut self, now_ms: i64) {
        self.look_at_ms = now_ms.saturating_add(LOOK_INTERVAL_MS);
        let changelogs: Vec<_> = self.ends.keys().cloned().collect();
        if changelogs.is_empty() {
            return;
        }
        match self.admin.latest_offsets(&changelogs, IsolationLevel::ReadUncommitted).all().wait() {
            Ok(ends) => {
                for (changelog, end) in ends {
                    self.grew(&changelog, end);
                }
            }
            Err(error) => {
                self.look_at_ms = now_ms.saturating_add(LOOK_AGAIN_MS);
                tracing::info!(thread = %self.thread, "the cluster does not say where changelogs end: {error}");
            }
        }
    }

    /// The same if that was long ago.
    pub(super) fn look_if_due(&mut self, now_ms: i64) {
        if now_ms >= self.look_at_ms {
            self.look(now_ms);
        }
    }

    /// Whether rows in the changelogs of a task are still to be written anew.
    pub(super) fn has_rows_of(&self, task: TaskId) -> bool {
        let changelogs = self.app.changelogs(task);
        self.gaps.iter().any(|gap| changelogs.values().any(|changelog| *changelog == gap.changelog))
    }

    /// Writes anew what others wrote to the changelogs of running tasks. What can't be done now is left to the next
    /// commit, as are rows that are seen only by the offsets of these.
    ///
    /// # Errors
    /// `Fenced` if the member is given up meanwhile, or those of the databases.
    pub(super) fn mend(
        &mut self,
        tasks: &mut Tasks,
        writer: &mut Writer,
        member: &Member,
    ) -> Result {
        let gaps = std::mem::take(&mut self.gaps);
        let runs = |gap: &Gap| tasks.running().any(|(_, task)| task.logs_to(&gap.changelog));
        let (gaps, waiting): (Vec<Gap>, Vec<Gap>) = gaps.into_iter().partition(runs);
        self.gaps = waiting;
        if gaps.is_empty() || is_planted(PlantedBug::ForgetForeignRows) {
            return Ok(());
        }
        let keys = writer.ensure(member).and_then(|()| self.foreign_keys(&gaps));
        let mended = keys.and_then(|keys| self.log_again(&keys, tasks, writer));
        match mended {
            Ok(()) => Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::Fenced | ErrorKind::State) => {
                Err(error)
            }
            Err(error) => {
                tracing::warn!(thread = %self.thread, "rows that another writer left in changelogs are written anew later: {error}");
                self.gaps.extend(gaps);
                // What it holds of them must not go out with the next commit.
                writer.abandon();
                Ok(())
            }
        }
    }

    /// Writes the rows of these keys to their changelogs, as they are now.
    fn log_again(&mut self, keys: &Keys, tasks: &mut Tasks, writer: &mut Writer) -> Result {
        for (changelog, keys) in keys {
            let task = tasks.running_mut().find(|(_, task)| task.logs_to(changelog));
            let (Some((_, task)), Some(producer)) = (task, writer.producer()) else { continue };
            let rows = keys.len();
            tracing::warn!(thread = %self.thread, "another writer left rows in changelog {changelog}; {rows} of them are written anew");
            task.log_again(changelog, keys, &mut **producer)?;
        }
        let written = writer.flush(self)?;
        tasks.running().try_for_each(|(_, task)| task.apply_changelogs(&written))
    }

    /// Reads the keys of what others wrote.
    fn foreign_keys(&mut self, gaps: &[Gap]) -> Result<Keys> {
        let mut ranges: BTreeMap<TopicPartition, (i64, i64)> = BTreeMap::new();
        for Gap { changelog, from, to } in gaps {
            let range = ranges.entry(changelog.clone()).or_insert((*from, *to));
            *range = (range.0.min(*from), range.1.max(*to));
        }
        let changelogs: Vec<_> = ranges.keys().cloned().collect();
        let firsts = self.admin.earliest_offsets(&changelogs).all().wait()?;
        let settings = ConsumerSettings {
            client_id: format!("{}-foreign-rows-consumer", self.thread),
            role: ConsumerRole::Restore,
            isolation: IsolationLevel::ReadUncommitted,
        };
        let mut consumer = self.app.clients.consumer(&settings)?;
        // What is deleted of the log is nobody's newest row.
        for (changelog, (from, _)) in &mut ranges {
            *from = (*from).max(firsts.get(changelog).copied().unwrap_or(0));
        }
        ranges.retain(|_, (from, to)| from < to);
        for (changelog, (from, _)) in &ranges {
            consumer.assign(changelog, *from)?;
        }
        let (mut keys, mut idle) = (Keys::new(), 0);
        while !ranges.is_empty() {
            let batches = consumer.poll(POLL_RECORDS, POLL_WAIT)?;
            idle = if batches.is_empty() { idle + 1 } else { 0 };
            if idle > IDLE_POLLS {
                let text = format!("nothing of {ranges:?} can be read");
                return Err(Error::new(ErrorKind::Unavailable, text));
            }
            for batch in &batches {
                let place = batch.topic_partition();
                for record in batch.iter() {
                    let is_foreign = |gap: &Gap| {
                        gap.changelog == *place && (gap.from..gap.to).contains(&record.offset)
                    };
                    if let Some(key) = record.key.filter(|_| gaps.iter().any(is_foreign)) {
                        let keys = keys.entry(place.clone()).or_default();
                        keys.insert(key.to_vec(), record.timestamp);
                    }
                }
            }
            ranges.retain(|changelog, (_, to)| {
                let is_open = consumer.position(changelog).is_none_or(|position| position < *to);
                if !is_open {
                    consumer.unassign(changelog);
                }
                is_open
            });
        }
        Ok(keys)
    }
}
