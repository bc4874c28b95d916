//! A program's own stores against a map: one that holds all its rows, sorted by value, and one that
//! holds only uncommitted ones.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{Bound, ControlFlow},
};

use proptest::{collection::vec, prelude::*};

use super::{
    bed::{Bed, Turn},
    check,
    engine::{Engine, Memory, STORE},
    model::Model,
    turn,
};
use crate::{
    BoxError, Direction, Error, ErrorKind,
    store::{
        CommittedRows, CustomStateStore, CustomStore, StateStore, StoreBuilder, StoreChanges,
        Stores,
    },
};

type Changes = BTreeMap<u8, (Option<i64>, i64)>;

/// The operations that the test needs of a store.
trait Numbers: CustomStore {
    fn set(&mut self, key: u8, value: Option<i64>, timestamp: i64);

    /// All rows, by value and then by key.
    fn by_value(&self) -> Vec<(i64, u8)>;
}

/// All rows, sorted by value.
#[derive(Default)]
struct Sorted {
    values: BTreeMap<u8, i64>,
    ranks: BTreeSet<(i64, u8)>,
    changes: Changes,
}

impl Sorted {
    fn place(&mut self, key: u8, value: Option<i64>) {
        let before = match value {
            Some(value) => {
                self.ranks.insert((value, key));
                self.values.insert(key, value)
            }
            None => self.values.remove(&key),
        };
        if let Some(before) = before.filter(|before| Some(*before) != value) {
            self.ranks.remove(&(before, key));
        }
    }
}

impl CustomStore for Sorted {
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Result<(), BoxError> {
        let [key] = key else { return Err("a key has one byte".into()) };
        self.place(*key, Some(i64::from_be_bytes(value.try_into()?)));
        Ok(())
    }

    fn flush(&mut self, changes: &mut StoreChanges<'_>) -> Result<(), BoxError> {
        write_all(&std::mem::take(&mut self.changes), changes)
    }
}

impl Numbers for Sorted {
    fn set(&mut self, key: u8, value: Option<i64>, timestamp: i64) {
        self.place(key, value);
        self.changes.insert(key, (value, timestamp));
    }

    fn by_value(&self) -> Vec<(i64, u8)> {
        self.ranks.iter().copied().collect()
    }
}

fn write_all(changed: &Changes, changes: &mut StoreChanges<'_>) -> Result<(), BoxError> {
    for (key, (value, timestamp)) in changed {
        match value {
            // Tests use this value only where they want a failure.
            Some(i64::MIN) => return Err("a value has no bytes".into()),
            Some(value) => changes.put(&[*key], &value.to_be_bytes(), *timestamp)?,
            None => changes.delete(&[*key], *timestamp)?,
        }
    }
    Ok(())
}

/// The uncommitted rows, on top of the committed ones.
#[derive(Default)]
struct Thin {
    rows: Option<CommittedRows>,
    changes: Changes,
}

impl CustomStore for Thin {
    fn init(&mut self, rows: &CommittedRows) -> Result<(), BoxError> {
        self.rows = Some(rows.clone());
        Ok(())
    }

    fn restore(&mut self, _: &[u8], _: &[u8]) -> Result<(), BoxError> {
        unreachable!("`init` does not ask for it")
    }

    fn flush(&mut self, changes: &mut StoreChanges<'_>) -> Result<(), BoxError> {
        write_all(&self.changes, changes)
    }

    fn committed(&mut self) {
        self.changes.clear();
    }
}

impl Numbers for Thin {
    fn set(&mut self, key: u8, value: Option<i64>, timestamp: i64) {
        self.changes.insert(key, (value, timestamp));
    }

    fn by_value(&self) -> Vec<(i64, u8)> {
        let (mut found, rows) = (BTreeMap::new(), self.rows.as_ref().unwrap());
        let all = (Bound::Unbounded, Bound::Unbounded);
        rows.range(all, Direction::Backward, |key, value| {
            assert_eq!(rows.get(key)?.as_deref(), Some(value));
            found.insert(key[0], i64::from_be_bytes(value.try_into()?));
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        for (key, (value, _)) in &self.changes {
            match value {
                Some(value) => found.insert(*key, *value),
                None => found.remove(key),
            };
        }
        let mut sorted: Vec<_> = found.into_iter().map(|(key, value)| (value, key)).collect();
        sorted.sort_unstable();
        sorted
    }
}

#[derive(Clone, Debug)]
enum Step {
    Set(u8, Option<i64>),
    Compare,
    Turn(Turn),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..12_u8, proptest::option::weighted(0.7, -3..4_i64))
            .prop_map(|(key, value)| Step::Set(key, value)),
        1 => Just(Step::Compare),
        3 => turn().prop_map(Step::Turn),
    ]
}

type Store<S> = CustomStateStore<S>;

fn compare<E: Engine, S: Numbers>(bed: &mut Bed<E, Store<S>>, model: &Model<u8, i64>) {
    let mut expected: Vec<_> = model.live.iter().map(|(key, value)| (*value, *key)).collect();
    expected.sort_unstable();
    assert_eq!(bed.store().by_value(), expected);
}

fn turn_of<E: Engine, S: Numbers>(
    bed: &mut Bed<E, Store<S>>,
    model: &mut Model<u8, i64>,
    turn: Turn,
) {
    match turn {
        Turn::Commit { .. } => {
            assert_eq!(bed.commit(), model.written(), "one record for each key written");
            model.commit();
        }
        Turn::Abort => {
            bed.abort();
            model.abort();
        }
        Turn::AbortAfterStage { logged } => {
            bed.abort_after_stage(logged);
            if logged { model.commit() } else { model.abort() }
        }
        Turn::Restart { flush } => {
            bed.restart(flush);
            model.abort();
        }
        Turn::RestoreAnew { compacted, buffer } => {
            bed.restore_anew(compacted, buffer);
            model.abort();
        }
    }
    compare(bed, model);
}

fn reads_like_a_map<E: Engine, S: Numbers>(cases: u32, builder: &StoreBuilder<Store<S>>) {
    check(cases, &(vec(step(), 1..60), any::<bool>()), |(steps, caching)| {
        let mut bed = Bed::<E, _>::new(builder.clone(), caching, 1_000);
        let (mut model, mut timestamp) = (Model::new(), 0);
        for step in steps {
            timestamp += 1;
            bed.begin_record(timestamp);
            match step {
                Step::Set(key, value) => {
                    bed.store().set(key, value, timestamp);
                    model.write(key, value, timestamp);
                }
                Step::Compare => compare(&mut bed, &model),
                Step::Turn(turn) => turn_of(&mut bed, &mut model, turn),
            }
        }
        turn_of(&mut bed, &mut model, Turn::Commit { send_old: false });
        turn_of(&mut bed, &mut model, Turn::RestoreAnew { compacted: true, buffer: 7 });
    });
}

#[test]
fn a_custom_store_that_holds_its_rows_reads_like_a_map() {
    reads_like_a_map::<Memory, _>(512, &Stores::custom(STORE, Sorted::default));
}

#[test]
fn a_custom_store_that_reads_committed_rows_reads_like_a_map() {
    reads_like_a_map::<Memory, _>(512, &Stores::custom(STORE, Thin::default));
}

#[cfg(feature = "rocksdb")]
#[test]
fn custom_stores_in_rocksdb_read_like_a_map() {
    reads_like_a_map::<super::engine::Rocks, _>(8, &Stores::custom(STORE, Sorted::default));
    reads_like_a_map::<super::engine::Rocks, _>(8, &Stores::custom(STORE, Thin::default));
}

/// A commit after reads only does not ask the store for changes.
#[test]
fn a_custom_store_that_nobody_could_change_is_not_flushed() {
    let mut bed = Bed::<Memory, _>::new(Stores::custom(STORE, Sorted::default), false, 1_000);
    bed.store().set(1, Some(7), 0);
    assert!(bed.store().is_dirty());
    bed.commit();
    assert_eq!(bed.store().values.len(), 1);
    let store: &CustomStateStore<Sorted> = bed.store();
    assert_eq!(store.by_value(), [(7, 1)]);
    assert!(!store.is_dirty());
}

/// Puts in rows that another kind of store can't read.
struct Foreign;

impl CustomStore for Foreign {
    fn restore(&mut self, _: &[u8], _: &[u8]) -> Result<(), BoxError> {
        Ok(())
    }

    fn flush(&mut self, changes: &mut StoreChanges<'_>) -> Result<(), BoxError> {
        Ok(changes.put(b"two bytes", b"x", 0)?)
    }
}

#[test]
fn errors_of_a_custom_store_name_it() {
    use std::sync::Arc;

    use state_store::{Database, MemoryBudget, MemoryDatabase, StoreId, WriteBatch};

    use crate::store::{ChangelogWriter, LogOrder, StoreContext};

    let database: Arc<dyn Database> = Arc::new(MemoryDatabase::new(1));
    let context = StoreContext {
        database: database.clone(),
        id: StoreId(0),
        budget: MemoryBudget::new(0, 0),
        topic: "app-store-changelog".into(),
        caching: false,
    };
    let stage = |store: &mut dyn StateStore| -> Result<WriteBatch, Error> {
        let mut batch = WriteBatch::new();
        store.stage(&mut ChangelogWriter {
            batch: &mut batch,
            changelog: None,
            position: None,
            order: LogOrder::default(),
        })?;
        Ok(batch)
    };
    let mut sorted = CustomStateStore::new("numbers".into(), Sorted::default());
    sorted.open(context.clone()).unwrap();
    sorted.set(1, Some(i64::MIN), 0);
    let error = stage(&mut sorted).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Serialization);
    let text = "store `numbers` can't say what has changed: a value has no bytes";
    assert_eq!(error.to_string(), text);
    let mut foreign = CustomStateStore::new("numbers".into(), Foreign);
    foreign.open(context.clone()).unwrap();
    database.write(stage(&mut foreign).unwrap()).unwrap();
    let mut sorted = CustomStateStore::new("numbers".into(), Sorted::default());
    let error = sorted.open(context).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deserialization);
    let text = "store `numbers` can't be filled from its committed rows: a key has one byte";
    assert_eq!(error.to_string(), text);
}
