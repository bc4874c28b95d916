//! The commit of a task, in steps between which its thread talks to the cluster.
//!
//! 1. `stage`: caches forward the changes they held back; overlays are serialised into one batch and
//!    changelog records. The batch is laid over the databases, so the task may process the next
//!    records from here on: what it writes belongs to the next commit.
//! 2. The thread flushes the producer and learns the changelog offsets.
//! 3. The thread commits the input offsets, as they were in step 1.
//! 4. `apply`: the batch goes to the databases, with the changelog offsets in it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use state_store::WriteBatch;

use super::{
    ActiveTask, TaskDatabases,
    changelog_mark::ChangelogMark,
    commit_metadata::CommitMetadata,
    databases::{StoredOffset, TaskBatch},
};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{Collector, OffsetAndMetadata},
    planted::{PlantedBug, is_planted},
    store::{ChangelogWriter, LogOrder, Position},
};

/// Data of a commit besides the nodes.
pub(crate) struct CommitState {
    pub(super) databases: TaskDatabases,
    /// The changelog partition of each logged store, by number in the topology.
    pub(super) changelogs: BTreeMap<usize, TopicPartition>,
    /// The input partition from which a store is filled, by number of the store in the topology.
    sources: BTreeMap<usize, TopicPartition>,
    /// Nodes that forward for cached stores, in the order of the stores.
    pub(super) flushes: Arc<[usize]>,
    /// True if anything happened since the last commit.
    pub(super) progress: bool,
    committed: BTreeMap<usize, i64>,
    /// The positions of the commit that is staged and not complete.
    pub(super) staged: Option<Vec<(usize, i64)>>,
    /// The batch of a commit in preparation, and the first store that is not in it.
    staging: Option<(usize, TaskBatch)>,
    /// Position of each store in the inputs, by number in the topology, if changelogs carry it.
    positions: BTreeMap<usize, Position>,
}

impl CommitState {
    pub(crate) fn new(
        databases: TaskDatabases,
        changelogs: BTreeMap<usize, TopicPartition>,
        flushes: Vec<usize>,
    ) -> Self {
        Self {
            databases,
            changelogs,
            sources: BTreeMap::new(),
            flushes: flushes.into(),
            progress: false,
            committed: BTreeMap::new(),
            staged: None,
            staging: None,
            positions: BTreeMap::new(),
        }
    }

    /// Sets the stores that are filled from partitions that the task reads.
    pub(crate) fn filled_from(self, sources: BTreeMap<usize, TopicPartition>) -> Self {
        Self { sources, ..self }
    }
}

impl ActiveTask {
    /// Returns whether there is anything to commit that is not staged: records, punctuations, or a
    /// position that moved past control records.
    pub(crate) fn commit_needed(&self) -> bool {
        self.commit.progress || !self.changed_offsets().is_empty()
    }

    /// Returns whether everything that it has done is committed.
    pub(crate) fn is_committed(&self) -> bool {
        self.commit.staged.is_none() && !self.commit_needed()
    }

    /// Returns whether user code asked for a commit.
    pub(crate) fn commit_requested(&self) -> bool {
        self.state.commit_requested
    }

    /// The positions that differ from those of the last commit, which may be staged only.
    fn changed_offsets(&self) -> Vec<(usize, i64)> {
        let CommitState { committed, staged, .. } = &self.commit;
        let is_staged = |now: &(usize, i64)| staged.as_ref().is_some_and(|at| at.contains(now));
        let inputs = 0..self.state.inputs.len();
        let positions = inputs.filter_map(|input| Some((input, self.state.group.position(input)?)));
        positions
            .filter(|now @ (input, position)| {
                committed.get(input) != Some(position) && !is_staged(now)
            })
            .collect()
    }

    /// Step 1. Runs until every dirty store is serialised: a flush may write to any store.
    pub(crate) fn prepare_commit(&mut self, collector: &mut Option<Box<Collector>>) -> Result {
        while self.stage(collector, LogOrder::OfWrites)?.is_none() {
            // The caller looks after records that wait for room.
        }
        Ok(())
    }

    /// A part of step 1: the last returns the offsets to commit in step 3, with each partition's
    /// time. It ends between two stores if something waits for room, so that no more waits than one
    /// of them logged.
    pub(crate) fn stage(
        &mut self,
        collector: &mut Option<Box<Collector>>,
        order: LogOrder,
    ) -> Result<Option<Vec<(TopicPartition, OffsetAndMetadata)>>> {
        let (first, mut batch) = if let Some(staging) = self.commit.staging.take() {
            staging
        } else {
            self.flush_caches(collector)?;
            self.check_nothing_in_flight()?;
            (0, TaskBatch::default())
        };
        for (index, store) in self.state.stores.iter_mut().enumerate().skip(first) {
            let Some(store) = store.as_mut().filter(|store| store.is_dirty()) else { continue };
            let rows = self.commit.databases.batch_of(index, &mut batch);
            let to = self.commit.changelogs.get(&index);
            let changelog = match (to, collector.as_mut()) {
                (Some(to), Some(collector)) => Some((collector.slot(to)?, &mut **collector)),
                _ => None,
            };
            let position =
                self.state.shared_settings.logs_positions.then(|| {
                    (self.commit.positions.entry(index).or_default(), &*self.state.inputs)
                });
            store.stage(&mut ChangelogWriter { batch: rows, changelog, position, order })?;
            if collector.as_ref().is_some_and(|collector| collector.is_full()) {
                self.commit.staging = Some((index + 1, batch));
                return Ok(None);
            }
        }
        if is_planted(PlantedBug::ApplyBatchTwice) {
            self.commit.databases.write(batch.clone())?;
        }
        let offsets = self.offsets();
        self.has_staged(batch);
        Ok(Some(offsets))
    }

    /// Lets the next commit begin: what is staged is clean from now on.
    fn has_staged(&mut self, batch: TaskBatch) {
        self.commit.databases.stage(batch);
        for store in self.state.stores.iter_mut().flatten() {
            store.committed();
        }
        self.commit.staged = Some(self.changed_offsets());
        self.commit.progress = false;
        self.state.emitted_changed = false;
        self.state.commit_requested = false;
    }

    /// Drops the staged commit, which failed: the task ends with it.
    pub(crate) fn drop_staged(&mut self) {
        self.commit.staged = None;
        self.commit.databases.drop_staged();
    }

    /// Rewrites rows to a changelog with their current values. `keys` are those of the changelog,
    /// with the timestamps of the records that required this.
    pub(crate) fn log_again(
        &mut self,
        changelog: &TopicPartition,
        keys: &BTreeMap<Vec<u8>, i64>,
        collector: &mut Collector,
    ) -> Result {
        let found = self.commit.changelogs.iter().find(|(_, partition)| *partition == changelog);
        let store = found.and_then(|(index, _)| self.state.stores.get_mut(*index)?.as_mut());
        let Some(store) = store else { return Ok(()) };
        let mut no_rows = WriteBatch::new();
        let mut writer = ChangelogWriter {
            batch: &mut no_rows,
            changelog: Some((collector.slot(changelog)?, collector)),
            position: None,
            order: LogOrder::default(),
        };
        keys.iter().try_for_each(|(key, timestamp)| store.log_again(key, *timestamp, &mut writer))
    }

    /// Notes how far changelogs have been written; the databases have all of that.
    pub(crate) fn apply_changelogs(&self, written: &HashMap<TopicPartition, i64>) -> Result {
        let mut batch = TaskBatch::default();
        for (store, changelog) in &self.commit.changelogs {
            if let Some(next) = written.get(changelog) {
                self.commit
                    .databases
                    .batch_of(*store, &mut batch)
                    .set_offset(&changelog.topic, *next);
            }
        }
        self.commit.databases.write(batch)
    }

    /// Each changelog that it writes to, with its offset in the databases.
    pub(crate) fn changelogs(&self) -> Result<Vec<(TopicPartition, i64)>> {
        let mut changelogs = Vec::new();
        for (store, changelog) in &self.commit.changelogs {
            let Some((database, _)) = self.commit.databases.of(*store) else { continue };
            let offset = database.offset(&changelog.topic)?;
            changelogs.extend(offset.map(|offset| (changelog.clone(), offset)));
        }
        Ok(changelogs)
    }

    /// Checks that the first records that changelogs got in a commit come after the offsets in the
    /// databases. If not, the databases note that the changelog is lost.
    ///
    /// # Errors
    /// `Timeout` if a changelog was recreated: the written records are in doubt, and the task must
    /// be restored again.
    pub(crate) fn check_logged(&self, began: &HashMap<TopicPartition, i64>) -> Result {
        let mut checked = Ok(());
        for (store, changelog) in &self.commit.changelogs {
            let Some(offset) = began.get(changelog) else { continue };
            let Some((database, _)) = self.commit.databases.of(*store) else { continue };
            let Some(known) = database.offset(&changelog.topic)?.filter(|known| offset < known)
            else {
                continue;
            };
            let mut batch = WriteBatch::new();
            ChangelogMark::Lost.set(&mut batch, &changelog.topic);
            database.write(batch)?;
            let text = format!(
                "a record of changelog {changelog} got offset {offset}, but it was written up to {known} before: the topic \
                 was deleted and made anew"
            );
            checked = checked.and(Err(Error::new(ErrorKind::Timeout, text)));
        }
        checked
    }

    /// Returns whether the task writes to any changelog.
    pub(crate) fn has_changelogs(&self) -> bool {
        !self.commit.changelogs.is_empty()
    }

    /// Returns whether the task writes to this changelog.
    pub(crate) fn logs_to(&self, changelog: &TopicPartition) -> bool {
        self.commit.changelogs.values().any(|partition| partition == changelog)
    }

    /// Commits without a cluster: the writes go to the databases, with the positions of the inputs
    /// in the same write. `fills` has the store of each input.
    pub(crate) fn commit_with_positions(
        &mut self,
        fills: &[usize],
        collector: &mut Option<Box<Collector>>,
    ) -> Result {
        self.prepare_commit(collector)?;
        let staged = self.commit.staged.iter().flatten();
        let positions = staged.filter_map(|(input, offset)| {
            let (partition, store) = (self.state.inputs.get(*input)?, fills.get(*input)?);
            Some((*store, partition.to_string(), *offset))
        });
        let positions: Vec<_> = positions.collect();
        self.apply(&positions)
    }

    /// Sets the start of its inputs: the offsets of the last commit, until there is a newer one.
    pub(crate) fn starts_at(&mut self, positions: &[(TopicPartition, i64)]) {
        for (partition, offset) in positions {
            if let Some(input) = self.state.inputs.iter().position(|input| input == partition) {
                self.commit.committed.insert(input, *offset);
            }
        }
    }

    /// Its positions since the last commit, with each partition's time.
    pub(crate) fn offsets(&self) -> Vec<(TopicPartition, OffsetAndMetadata)> {
        let changed = self.changed_offsets();
        if changed.is_empty() && self.state.emitted_changed {
            // The emission times of windows are committed with offsets, even though no record came.
            return self.committed_offsets();
        }
        self.with_metadata(changed)
    }

    /// The offsets of the last commit, to be committed again.
    pub(crate) fn committed_offsets(&self) -> Vec<(TopicPartition, OffsetAndMetadata)> {
        self.with_metadata(self.commit.committed.iter().map(|(input, offset)| (*input, *offset)))
    }

    fn with_metadata(
        &self,
        offsets: impl IntoIterator<Item = (usize, i64)>,
    ) -> Vec<(TopicPartition, OffsetAndMetadata)> {
        let offsets = offsets.into_iter().filter_map(|(input, offset)| {
            let partition_time = self.state.group.partition_time(input);
            let processors = self.state.emitted_until.clone();
            let metadata = CommitMetadata { partition_time, processors };
            let partition = self.state.inputs.get(input)?.clone();
            let leader_epoch = self.state.group.leader_epoch(input);
            Some((
                partition,
                OffsetAndMetadata { offset, metadata: metadata.encode(), leader_epoch },
            ))
        });
        offsets.collect()
    }

    /// The offsets of the last commit.
    pub(crate) fn committed_positions(&self) -> impl Iterator<Item = (TopicPartition, i64)> + '_ {
        let committed = self.commit.committed.iter();
        committed.filter_map(|(input, offset)| {
            let mut offset = *offset;
            if is_planted(PlantedBug::PurgeUncommitted) {
                let (_, queued) = self.buffered_by_input().nth(*input)?;
                offset += i64::try_from(queued).unwrap_or(0);
            }
            Some((self.state.inputs.get(*input)?.clone(), offset))
        })
    }

    /// Its position in each input partition, and the number of queued records.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (&TopicPartition, i64, usize)> {
        let began = |input: &usize| self.commit.committed.get(input).copied();
        let inputs = self.buffered_by_input().enumerate();
        inputs.filter_map(move |(input, (partition, queued))| {
            let position = self.state.group.position(input).or_else(|| began(&input))?;
            Some((partition, position, queued))
        })
    }

    /// Step 4: everything is on the cluster. `written` tells how far each changelog partition was
    /// written in this commit.
    pub(crate) fn apply_commit(&mut self, written: &HashMap<TopicPartition, i64>) -> Result {
        let mut offsets = Vec::new();
        for (store, changelog) in &self.commit.changelogs {
            let mut next = written.get(changelog);
            if is_planted(PlantedBug::CheckpointWrongOffset) {
                next = next.and(written.values().max());
            }
            offsets.extend(next.map(|next| (*store, changelog.topic.to_string(), *next)));
        }
        for (store, source) in &self.commit.sources {
            // A restore continues after the records whose offsets are committed.
            let mut staged = self.commit.staged.iter().flatten();
            let moved = staged.find(|(input, _)| self.state.inputs.get(*input) == Some(source));
            offsets.extend(moved.map(|(_, offset)| (*store, source.topic.to_string(), *offset)));
        }
        self.apply(&offsets)
    }

    /// Writes what is staged, and these offsets with it.
    fn apply(&mut self, offsets: &[StoredOffset]) -> Result {
        let Some(positions) = self.commit.staged.take() else { return Ok(()) };
        self.commit.databases.write_staged(offsets)?;
        self.commit.databases.flush_older(self.state.now_ms, &self.state.shared_settings);
        self.commit.committed.extend(positions);
        Ok(())
    }
}
