//! The surroundings of a store under test: its database, its changelog, and the roles of its task
//! and the restorer.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

use parking_lot::Mutex;
use state_store::{Database, MemoryBudget, Restorer, StoreId, WriteBatch};

use super::engine::{Engine, STORE};
use crate::{
    Direction, Headers, Result, TopicPartition,
    client::{
        Appended, BatchReport, Collector, GroupMetadata, OffsetAndMetadata, PartitionSlot,
        ProduceRecord, Producer, ProducerId, Slots,
    },
    store::{
        ChangelogWriter, LogOrder, RecordContext, StateStore, StoreBuilder, StoreContext,
        StoreSpec, seen_time_entry, seqnum_entry, stream_time_entry,
    },
};

const TOPIC: &str = "app-store-changelog";
const ID: StoreId = StoreId(0);

/// The end of a transaction or of the store's life.
#[derive(Clone, Copy, Debug)]
pub(super) enum Turn {
    /// Everything is forwarded, staged and applied. With `send_old`, downstream asks for old
    /// values.
    Commit { send_old: bool },
    /// The overlay is dropped.
    Abort,
    /// The overlay is dropped after its rows went to the producer. With `logged` the changelog
    /// keeps the records, as can happen without transactions, and the restore brings them back.
    AbortAfterStage { logged: bool },
    /// The database is closed and opened, with a flush or without.
    Restart { flush: bool },
    /// The database is lost. The changelog is read from the start, `buffer` records at a time;
    /// `compacted` leaves only the last record of each key, and no tombstones.
    RestoreAnew { compacted: bool, buffer: usize },
}

/// A record of the changelog.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Logged {
    key: Vec<u8>,
    value: Option<Vec<u8>>,
    timestamp: i64,
    headers: Headers,
}

/// The changelog.
#[derive(Debug, Default)]
struct Changelog(Vec<Logged>);

impl Changelog {
    fn end(&self) -> i64 {
        i64::try_from(self.0.len()).unwrap()
    }

    /// The records with their offsets: all, or those that compaction leaves.
    fn records(&self, from: i64, compacted: bool) -> Vec<(i64, Logged)> {
        let last: BTreeMap<&[u8], i64> =
            (0..).zip(&self.0).map(|(offset, record)| (record.key.as_slice(), offset)).collect();
        let last: BTreeSet<i64> = last.into_values().collect();
        let records = (0..).zip(self.0.iter().cloned()).filter(|(offset, record)| {
            *offset >= from && (!compacted || last.contains(offset) && record.value.is_some())
        });
        records.collect()
    }
}

/// Writes to a changelog.
#[derive(Debug, Default)]
struct ChangelogProducer {
    log: Arc<Mutex<Vec<Logged>>>,
    slots: Slots<()>,
}

/// The records that `write` writes to the changelog.
fn logged_by(write: impl FnOnce(PartitionSlot, &mut Collector)) -> Vec<Logged> {
    let producer = ChangelogProducer::default();
    let log = Arc::clone(&producer.log);
    let mut collector = Collector::new(Box::new(producer));
    let slot = collector.slot(&TopicPartition::new(TOPIC, 0)).unwrap();
    write(slot, &mut collector);
    std::mem::take(&mut *log.lock())
}

impl Producer for ChangelogProducer {
    fn partitions(&mut self, _: &str) -> Result<i32> {
        Ok(1)
    }

    fn id(&self) -> ProducerId {
        self.slots.producer()
    }

    fn slot(&mut self, to: &TopicPartition) -> Result<PartitionSlot> {
        assert_eq!((&*to.topic, to.partition), (TOPIC, 0));
        self.slots.resolve(to, || Ok(()))
    }

    fn append(&mut self, slot: PartitionSlot, record: ProduceRecord<'_>) -> Result<Appended> {
        self.slots.get(slot)?;
        let key = record.key.unwrap().to_vec();
        let (value, timestamp) = (record.value.map(<[u8]>::to_vec), record.timestamp);
        let headers = record.headers.clone();
        self.log.lock().push(Logged { key, value, timestamp, headers });
        Ok(Appended::Done)
    }

    fn flush(&mut self) -> Result<Vec<BatchReport>> {
        Ok(Vec::new())
    }

    fn init_transactions(&mut self) -> Result {
        Ok(())
    }

    fn begin_transaction(&mut self) -> Result {
        Ok(())
    }

    fn send_offsets(
        &mut self,
        _: &[(TopicPartition, OffsetAndMetadata)],
        _: &GroupMetadata,
    ) -> Result {
        Ok(())
    }

    fn commit_transaction(&mut self) -> Result {
        Ok(())
    }

    fn abort_transaction(&mut self) -> Result {
        Ok(())
    }
}

/// A store with its database and its changelog.
pub(super) struct Bed<E, S> {
    builder: StoreBuilder<S>,
    budget: MemoryBudget,
    caching: bool,
    changelog: Changelog,
    /// Time up to which records are not processed again.
    latest_time: i64,
    /// `None` only while it and the database are replaced.
    store: Option<Box<S>>,
    database: Option<Arc<dyn Database>>,
    /// Dropped after the things that are open in it.
    engine: E,
}

impl<E: Engine, S: StateStore> Bed<E, S> {
    /// A new store, whose overlay may take `overlay_bytes`.
    pub(super) fn new(builder: StoreBuilder<S>, caching: bool, overlay_bytes: usize) -> Self {
        let budget = MemoryBudget::new(16 << 20, overlay_bytes);
        let (changelog, engine) = (Changelog::default(), E::empty());
        let mut bed = Self {
            builder,
            budget,
            caching,
            changelog,
            latest_time: i64::MAX,
            store: None,
            database: None,
            engine,
        };
        bed.open(false, usize::MAX);
        bed
    }

    pub(super) fn spec(&self) -> &StoreSpec {
        &self.builder.spec
    }

    pub(super) fn caching(&self) -> bool {
        self.caching
    }

    pub(super) fn store(&mut self) -> &mut S {
        self.store.as_mut().unwrap()
    }

    /// The changelog keys of all records since the store was made.
    pub(super) fn logged_keys(&self) -> impl Iterator<Item = &[u8]> {
        self.changelog.0.iter().map(|record| record.key.as_slice())
    }

    /// Keys and values of all records of the changelog.
    pub(super) fn logged(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.changelog.0.iter().map(|record| (&*record.key, record.value.as_deref()))
    }

    /// Headers of all records of the changelog.
    pub(super) fn logged_headers(&self) -> impl Iterator<Item = &Headers> {
        self.changelog.0.iter().map(|record| &record.headers)
    }

    /// Returns whether the overlay exceeds its limit.
    pub(super) fn overlay_exceeded(&self) -> bool {
        self.budget.overlay_exceeded()
    }

    /// Begins the processing of a record with this timestamp.
    pub(super) fn begin_record(&mut self, timestamp: i64) {
        let context = RecordContext { timestamp, ..RecordContext::default() };
        self.store().set_record_context(&context);
    }

    /// Commits; changes must have been forwarded before. Returns the number of records in the
    /// changelog.
    pub(super) fn commit(&mut self) -> usize {
        let begin = self.changelog.end();
        let mut batch = self.stage();
        if self.changelog.end() > begin {
            batch.set_offset(TOPIC, self.changelog.end());
        }
        self.database.as_ref().unwrap().write(batch).unwrap();
        self.store().committed();
        assert!(!self.store().is_dirty() && !self.store().has_pending());
        self.assert_logged_again();
        usize::try_from(self.changelog.end() - begin).unwrap()
    }

    /// Drops the overlay, and the store with it, like a thread whose transaction failed.
    pub(super) fn abort(&mut self) {
        self.store = None;
        self.reopen_database(false);
    }

    /// Drops the overlay after its rows have gone to the producer.
    pub(super) fn abort_after_stage(&mut self, logged: bool) {
        let begin = self.changelog.0.len();
        self.stage();
        if !logged {
            self.changelog.0.truncate(begin);
        }
        self.abort();
    }

    /// Closes the database, after a flush or not, and continues with what is on disk.
    pub(super) fn restart(&mut self, flush: bool) {
        self.store = None;
        self.reopen_database(flush);
    }

    /// Continues with an empty database, filled from the changelog.
    pub(super) fn restore_anew(&mut self, compacted: bool, buffer: usize) {
        (self.store, self.database) = (None, None);
        self.engine = E::empty();
        self.open(compacted, buffer);
    }

    /// The same, while records after this time are processed again although the changelog has their
    /// results.
    pub(super) fn restore_anew_behind(&mut self, time: i64) {
        self.latest_time = time;
        self.restore_anew(false, usize::MAX);
    }

    /// Takes a turn, for a store that caches nothing. Returns the content that it has then, of what
    /// it holds now and what it held at the last commit.
    pub(super) fn turned<C>(&mut self, turn: Turn, live: C, committed: C) -> C {
        match turn {
            Turn::Commit { .. } => {
                self.commit();
                return live;
            }
            Turn::Abort => self.abort(),
            Turn::AbortAfterStage { logged } => {
                self.abort_after_stage(logged);
                if logged {
                    return live;
                }
            }
            Turn::Restart { flush } => self.restart(flush),
            Turn::RestoreAnew { compacted, buffer } => self.restore_anew(compacted, buffer),
        }
        committed
    }

    fn stage(&mut self) -> WriteBatch {
        let mut batch = WriteBatch::new();
        let store = self.store.as_mut().unwrap();
        if store.is_dirty() {
            let logged = logged_by(|slot, collector| {
                let changelog = Some((slot, collector));
                let mut writer = ChangelogWriter {
                    batch: &mut batch,
                    changelog,
                    position: None,
                    order: LogOrder::default(),
                };
                store.stage(&mut writer).unwrap();
            });
            self.changelog.0.extend(logged);
        }
        batch
    }

    /// Asserts that the store would log again the last logged record of each key, or an expiry
    /// since.
    fn assert_logged_again(&mut self) {
        let last = self.changelog.0.iter().map(|record| (record.key.clone(), record.clone()));
        let last: BTreeMap<Vec<u8>, Logged> = last.collect();
        let (mut batch, store) = (WriteBatch::new(), self.store.as_mut().unwrap());
        let again = Changelog(logged_by(|slot, collector| {
            for Logged { key, timestamp, .. } in last.values() {
                let changelog = Some((slot, &mut *collector));
                let mut writer = ChangelogWriter {
                    batch: &mut batch,
                    changelog,
                    position: None,
                    order: LogOrder::default(),
                };
                store.log_again(key, *timestamp, &mut writer).unwrap();
            }
        }));
        assert!(batch.is_empty());
        if self.spec().format.versions().is_some() {
            // All versions of each key, not only its last record; the latest is always one of them.
            assert!(again.0.len() >= last.len());
            assert!(
                again
                    .0
                    .iter()
                    .all(|version| self.changelog.0.contains(version) || version.value.is_none())
            );
            return;
        }
        let expires = self.spec().has_stream_time();
        for (last, mut again) in last.into_values().zip(again.0) {
            if expires && again.value.is_none() {
                again.value.clone_from(&last.value);
            }
            if again.value.is_none() {
                // Headers of deletions are not kept.
                again.headers.clone_from(&last.headers);
            }
            assert_eq!(again, last);
        }
    }

    fn reopen_database(&mut self, flush: bool) {
        if let Some(database) = self.database.take()
            && flush
        {
            database.flush().unwrap();
        }
        self.open(false, usize::MAX);
    }

    /// Opens the database, restores it to the end of the changelog and opens the store on it.
    fn open(&mut self, compacted: bool, buffer: usize) {
        let database = self.engine.open(&self.budget);
        self.restore(&*database, compacted, buffer);
        let mut store = (self.builder.make)(&self.builder.spec);
        store
            .open(StoreContext {
                database: database.clone(),
                id: ID,
                budget: self.budget.clone(),
                topic: TOPIC.into(),
                caching: self.caching,
            })
            .unwrap();
        self.database = Some(database);
        let store: Box<dyn Any> = store;
        self.store = Some(store.downcast().unwrap());
    }

    /// Does the work of the runtime's restorer.
    fn restore(&self, database: &dyn Database, compacted: bool, buffer: usize) {
        let stored = database.offset(TOPIC).unwrap();
        let entry = stream_time_entry(STORE);
        let (low, high) = (Bound::Unbounded, Bound::Unbounded);
        let rows = database.range(ID, low, high, Direction::Forward).unwrap().count();
        if stored.is_none() && rows > 0 {
            let mut batch = WriteBatch::new();
            batch.delete_all(ID);
            batch.set_offset(TOPIC, 0);
            batch.set_mark(&entry, -1);
            database.write(batch).unwrap();
        }
        let mut restorer =
            Restorer::new(self.builder.spec.format).with_latest_time(self.latest_time);
        if self.builder.spec.ttl_ms.is_some() {
            restorer = restorer.with_timestamps_counted();
        }
        if self.builder.spec.format.versions().is_some()
            && let Some(time) = database.offset(&entry).unwrap()
        {
            restorer = restorer.with_seen_start(time);
        }
        let records = self.changelog.records(stored.unwrap_or(0), compacted);
        for records in records.chunks(buffer) {
            let mut next_offset = 0;
            for (offset, record) in records {
                let data = (&*record.key, record.value.as_deref());
                restorer.read(data, record.timestamp, record.headers.iter()).unwrap();
                restorer.accept().unwrap();
                next_offset = offset + 1;
            }
            if let Some((start, seen)) = restorer.max_window_start().zip(restorer.seen_start()) {
                let known = database.offset(&entry).unwrap().unwrap_or(-1);
                let mut batch = WriteBatch::new();
                batch.set_mark(&entry, known.max(start));
                batch.set_mark(&seen_time_entry(STORE), seen);
                if self.builder.spec.retain_duplicates {
                    let entry = seqnum_entry(STORE);
                    let known = database.offset(&entry).unwrap().unwrap_or(0);
                    batch.set_mark(&entry, known.max(i64::from(restorer.max_seqnum())));
                }
                database.write(batch).unwrap();
            }
            restorer.apply(database, ID, TOPIC, next_offset).unwrap();
        }
        if compacted {
            let mut batch = WriteBatch::new();
            batch.set_offset(TOPIC, self.changelog.end());
            database.write(batch).unwrap();
        }
    }
}
