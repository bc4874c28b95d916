use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{Database, MemoryBudget, MemoryDatabase, Result, StoreId, WriteBatch};

type TestOverlay = Overlay<u32, i64>;

fn overlay_of(budget: &MemoryBudget) -> TestOverlay {
    Overlay::new(budget.overlay_account())
}

fn overlay() -> TestOverlay {
    overlay_of(&MemoryBudget::new(1 << 20, 1 << 20))
}

fn dirty_keys(overlay: &TestOverlay) -> Vec<u8> {
    overlay.dirty().map(|(key, _, _)| key[0]).collect()
}

fn pending_keys(overlay: &mut TestOverlay) -> Vec<u8> {
    std::iter::from_fn(|| overlay.next_pending()).map(|entry| entry.key[0]).collect()
}

#[test]
fn a_miss_a_value_and_a_known_absence_are_told_apart() {
    let mut overlay = overlay();
    assert_eq!(overlay.lookup(b"a"), None);
    overlay.fill(b"a", Some(1), 4);
    overlay.fill(b"b", None, 0);
    overlay.write(b"c", None, 0, 0, false);
    assert_eq!(overlay.lookup(b"a"), Some(Some(&1)));
    assert_eq!(overlay.lookup(b"b"), Some(None));
    assert_eq!(overlay.lookup(b"c"), Some(None));
}

#[test]
fn a_read_from_the_database_does_not_overwrite_a_write() {
    let mut overlay = overlay();
    overlay.write(b"a", Some(2), 0, 4, false);
    overlay.fill(b"a", Some(1), 4);
    assert_eq!(overlay.lookup(b"a"), Some(Some(&2)));
}

#[test]
fn dirty_entries_come_in_the_order_of_their_last_write() {
    let mut overlay = overlay();
    for key in [b"a", b"b", b"c", b"a", b"a"] {
        overlay.write(key, Some(1), 0, 4, false);
    }
    overlay.write(b"c", None, 9, 0, false);
    let dirty: Vec<_> =
        overlay.dirty().map(|(key, value, context)| (key[0], value, *context)).collect();
    assert_eq!(dirty, [(b'b', Some(&1), 0), (b'a', Some(&1), 0), (b'c', None, 9)]);
    assert_eq!(overlay.dirty_len(), 3);
}

#[test]
fn pending_keys_are_handed_out_once_and_again_when_written_again() {
    let mut overlay = overlay();
    overlay.write(b"a", Some(1), 1, 4, true);
    overlay.write(b"b", Some(2), 2, 4, true);
    overlay.write(b"c", Some(3), 3, 4, false);
    overlay.write(b"a", Some(4), 4, 4, true);
    let first = overlay.next_pending().unwrap();
    assert_eq!((first.key[0], first.value, first.context), (b'b', Some(2), 2));
    overlay.write(b"b", None, 5, 0, true);
    let rest: Vec<_> = std::iter::from_fn(|| overlay.next_pending()).collect();
    let rest: Vec<_> =
        rest.iter().map(|entry| (entry.key[0], entry.value, entry.context)).collect();
    assert_eq!(rest, [(b'a', Some(4), 4), (b'b', None, 5)]);
    assert_eq!(dirty_keys(&overlay), *b"cab", "what was forwarded is still to be written");
}

#[test]
fn a_write_that_was_forwarded_at_once_is_not_pending() {
    let mut overlay = overlay();
    overlay.write(b"a", Some(1), 0, 4, true);
    overlay.write(b"a", Some(2), 0, 4, false);
    assert_eq!(pending_keys(&mut overlay), *b"");
}

#[test]
fn a_key_that_is_written_again_behind_a_flush_knows_what_was_forwarded() {
    let mut overlay = overlay();
    let seen = |value: Option<u32>, overlay: &mut TestOverlay| {
        overlay.write(b"a", value, 0, 4, true);
        let entry = overlay.next_pending().unwrap();
        assert_eq!(entry.value, value);
        entry.forwarded
    };
    assert_eq!(seen(Some(1), &mut overlay), None, "downstream knows what the database has");
    assert_eq!(seen(Some(2), &mut overlay), Some(Some(1)));
    overlay.write(b"a", Some(3), 0, 4, true);
    assert_eq!(seen(None, &mut overlay), Some(Some(2)), "nobody has seen the 3");
    assert_eq!(seen(Some(4), &mut overlay), Some(None));
    overlay.committed();
    assert_eq!(seen(Some(5), &mut overlay), None);
    overlay.abort();
    assert_eq!(seen(Some(6), &mut overlay), None);
}

#[test]
fn an_undone_write_is_neither_written_nor_forwarded() {
    let mut overlay = overlay();
    overlay.fill(b"clean", Some(1), 4);
    overlay.write(b"a", None, 0, 0, true);
    overlay.write(b"b", Some(1), 0, 4, true);
    assert!(overlay.undo(b"a"));
    assert!(!overlay.undo(b"a"));
    assert!(!overlay.undo(b"clean"));
    assert_eq!(overlay.lookup(b"a"), None);
    assert_eq!(dirty_keys(&overlay), *b"b");
    assert_eq!(pending_keys(&mut overlay), *b"b");
}

#[test]
fn an_abort_drops_what_was_written_and_keeps_what_was_read() {
    let mut overlay = overlay();
    overlay.fill(b"read", Some(1), 4);
    overlay.fill(b"overwritten", Some(1), 4);
    overlay.write(b"overwritten", Some(2), 0, 4, true);
    overlay.write(b"new", Some(3), 0, 4, true);
    overlay.abort();
    assert_eq!(overlay.lookup(b"read"), Some(Some(&1)));
    assert_eq!(overlay.lookup(b"overwritten"), None);
    assert_eq!(overlay.lookup(b"new"), None);
    assert!(!overlay.is_dirty());
    assert!(overlay.next_pending().is_none());
    assert_eq!(overlay.dirty_bytes(), 0);
}

#[test]
fn committed_entries_are_read_cache() {
    let mut overlay = overlay();
    overlay.write(b"a", Some(1), 0, 4, false);
    overlay.write(b"b", None, 0, 0, false);
    assert!(overlay.dirty_bytes() > 0);
    overlay.committed();
    assert!(!overlay.is_dirty());
    assert_eq!(overlay.dirty_bytes(), 0);
    assert_eq!(overlay.lookup(b"a"), Some(Some(&1)));
    assert_eq!(overlay.lookup(b"b"), Some(None));
    overlay.abort();
    assert_eq!(overlay.lookup(b"a"), Some(Some(&1)));
}

#[test]
fn the_account_follows_sizes_and_is_settled_in_the_end() {
    let budget = MemoryBudget::new(1 << 20, 1 << 20);
    let mut overlay = overlay_of(&budget);
    overlay.write(b"a", Some(1), 0, 100, false);
    let first = budget.overlay_used();
    assert_eq!(first, overlay.dirty_bytes());
    overlay.write(b"a", Some(1), 0, 1_100, false);
    assert_eq!(budget.overlay_used(), first + 1_000);
    assert_eq!(overlay.dirty_bytes(), first + 1_000);
    overlay.write(b"a", Some(1), 0, 100, false);
    assert_eq!(budget.overlay_used(), first);
    overlay.abort();
    assert_eq!(budget.overlay_used(), 0);
    overlay.fill(b"a", Some(1), 4);
    drop(overlay);
    assert_eq!(budget.overlay_used(), 0);
}

#[test]
fn clean_entries_make_room_and_dirty_ones_never_do() {
    let budget = MemoryBudget::new(20_000, 20_000);
    let mut overlay = overlay_of(&budget);
    for key in 0..1_000_u32 {
        overlay.fill(&key.to_be_bytes(), Some(key), 100);
    }
    assert!(budget.overlay_used() < 20_000 + 1_000, "reads alone stay within the budget");
    for key in 0..1_000_u32 {
        overlay.write(&key.to_be_bytes(), Some(key + 1), 0, 100, false);
    }
    assert_eq!(overlay.dirty_len(), 1_000);
    assert!(budget.overlay_exceeded(), "a commit is asked for");
    overlay.committed();
    assert!(budget.overlay_used() <= 20_000 - 20_000 / 8);
    assert!(!overlay.is_empty());
}

#[test]
fn an_entry_that_is_read_outlives_those_that_are_not() {
    let budget = MemoryBudget::new(20_000, 20_000);
    let mut overlay = overlay_of(&budget);
    overlay.fill(b"hot", Some(0), 100);
    for key in 0..1_000_u32 {
        assert!(overlay.lookup(b"hot").is_some());
        overlay.fill(&key.to_be_bytes(), Some(key), 100);
    }
    assert!(overlay.lookup(b"hot").is_some());
}

#[test]
fn scans_see_writes_made_before_and_after_the_first_of_them() {
    let mut overlay = overlay();
    overlay.fill(b"clean", Some(0), 4);
    overlay.write(b"a", Some(1), 0, 4, false);
    let all = (Bound::Unbounded, Bound::Unbounded);
    assert_eq!(overlay.dirty_range(all.0, all.1, Direction::Forward), [((*b"a").into(), Some(1))]);
    overlay.write(b"b", None, 0, 0, false);
    overlay.write(b"a", Some(2), 0, 4, false);
    let backward = overlay.dirty_range(all.0, all.1, Direction::Backward);
    assert_eq!(backward, [((*b"b").into(), None), ((*b"a").into(), Some(2))]);
    overlay.undo(b"a");
    let crossed = (Bound::Included(&b"z"[..]), Bound::Included(&b"a"[..]));
    assert!(overlay.dirty_range(crossed.0, crossed.1, Direction::Forward).is_empty());
    assert_eq!(overlay.dirty_range(all.0, all.1, Direction::Forward), [((*b"b").into(), None)]);
    overlay.committed();
    assert!(overlay.dirty_range(all.0, all.1, Direction::Forward).is_empty());
}

/// A step of a store's life; keys are one byte so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Write(u8, Option<u32>),
    Undo(u8),
    Read(u8),
    Range(u8, u8, bool),
    Commit,
    Abort,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..24_u8, any::<Option<u32>>()).prop_map(|(key, value)| Step::Write(key, value)),
        4 => (0..24_u8).prop_map(Step::Read),
        2 => (0..24_u8, 0..24_u8, any::<bool>())
            .prop_map(|(from, to, back)| Step::Range(from, to, back)),
        1 => (0..24_u8).prop_map(Step::Undo),
        1 => Just(Step::Commit),
        1 => Just(Step::Abort),
    ]
}

/// The overlay over a database, as a typed store uses it, beside the maps that say what is right.
struct Twin {
    overlay: TestOverlay,
    database: MemoryDatabase,
    committed: BTreeMap<u8, u32>,
    current: BTreeMap<u8, u32>,
    /// The keys written since the last commit, in order of the last write.
    order: Vec<u8>,
}

const STORE: StoreId = StoreId(0);

impl Twin {
    fn step(&mut self, step: &Step) {
        match *step {
            Step::Write(key, value) => self.write(key, value),
            Step::Undo(key) => self.undo(key),
            Step::Read(key) => assert_eq!(self.read(key), self.current.get(&key).copied()),
            Step::Range(from, to, back) => self.check_range(from, to, back),
            Step::Commit => self.commit(),
            Step::Abort => {
                self.overlay.abort();
                self.current = self.committed.clone();
                self.order.clear();
            }
        }
    }

    fn write(&mut self, key: u8, value: Option<u32>) {
        self.overlay.write(&[key], value, i64::from(key), 4, true);
        self.order.retain(|known| *known != key);
        self.order.push(key);
        match value {
            Some(value) => self.current.insert(key, value),
            None => self.current.remove(&key),
        };
    }

    /// Only the tombstone of a key that was never committed is undone.
    fn undo(&mut self, key: u8) {
        let tombstone = self.order.contains(&key) && !self.current.contains_key(&key);
        if tombstone && !self.committed.contains_key(&key) {
            assert!(self.overlay.undo(&[key]));
            self.order.retain(|known| *known != key);
        }
    }

    fn read(&mut self, key: u8) -> Option<u32> {
        if let Some(value) = self.overlay.lookup(&[key]) {
            return value.copied();
        }
        let value = self.database.get(STORE, &[key]).unwrap().map(|bytes| decode(&bytes).unwrap());
        self.overlay.fill(&[key], value, 4);
        value
    }

    fn check_range(&mut self, from: u8, to: u8, back: bool) {
        let direction = if back { Direction::Backward } else { Direction::Forward };
        let (from_key, to_key) = ([from], [to]);
        let (lower, upper) =
            (Bound::Included(from_key.as_slice()), Bound::Excluded(to_key.as_slice()));
        let dirty = self.overlay.dirty_range(lower, upper, direction);
        let rows = self.database.range(STORE, lower, upper, direction).unwrap();
        let seen = merge_range(rows, dirty, direction, decode).map(Result::unwrap);
        let seen: Vec<_> = seen.map(|(key, value)| (key[0], value)).collect();
        let mut right: Vec<_> = self.current.iter().map(|(key, value)| (*key, *value)).collect();
        right.retain(|(key, _)| (from..to).contains(key));
        if back {
            right.reverse();
        }
        assert_eq!(seen, right);
    }

    fn commit(&mut self) {
        let pending: Vec<_> = std::iter::from_fn(|| self.overlay.next_pending()).collect();
        assert_eq!(pending.iter().map(|entry| entry.key[0]).collect::<Vec<_>>(), self.order);
        for entry in &pending {
            assert_eq!(entry.value, self.current.get(&entry.key[0]).copied());
        }
        let mut batch = WriteBatch::new();
        for (key, value, _) in self.overlay.dirty() {
            match value {
                Some(value) => batch.put(STORE, key, &value.to_be_bytes()),
                None => batch.delete(STORE, key),
            }
        }
        assert_eq!(batch.len(), self.order.len());
        self.database.write(batch).unwrap();
        self.overlay.committed();
        self.committed = self.current.clone();
        self.order.clear();
    }
}

#[expect(clippy::unnecessary_wraps, reason = "decoders can fail")]
fn decode(bytes: &[u8]) -> Result<u32> {
    Ok(u32::from_be_bytes(bytes.try_into().unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn an_overlay_over_a_database_is_a_map_with_commit_and_abort(
        steps in proptest::collection::vec(step(), 1..120), budget_bytes in 0..3_000_usize,
    ) {
        let budget = MemoryBudget::new(budget_bytes, budget_bytes);
        let mut twin = Twin {
            overlay: overlay_of(&budget),
            database: MemoryDatabase::new(1),
            committed: BTreeMap::new(),
            current: BTreeMap::new(),
            order: Vec::new(),
        };
        for step in &steps {
            twin.step(step);
            let dirty: Vec<_> = twin.overlay.dirty().map(|(key, _, _)| key[0]).collect();
            prop_assert_eq!(&dirty, &twin.order);
        }
        twin.overlay.abort();
        prop_assert_eq!(twin.overlay.dirty_bytes(), 0);
        drop(twin);
        prop_assert_eq!(budget.overlay_used(), 0);
    }
}

#[test]
fn rows_that_were_written_are_scanned_behind_their_commit_until_they_are_evicted() {
    let budget = MemoryBudget::new(1 << 20, 1 << 20);
    let mut overlay = overlay_of(&budget).with_clean_rows_scanned();
    overlay.fill(b"a", Some(1), 4);
    overlay.write(b"b", Some(2), 0, 4, false);
    overlay.write(b"c", None, 0, 0, false);
    overlay.committed();
    overlay.write(b"b", Some(3), 0, 4, false);
    overlay.committed();
    assert_eq!(overlay.lookup_written(b"a"), None);
    assert_eq!(overlay.lookup_written(b"b"), Some(Some(&3)));
    overlay.index_for_scans();
    let rows: Vec<_> = overlay.dirty_rows(Bound::Unbounded, Bound::Unbounded).collect();
    assert_eq!(rows, [(&b"b"[..], Some(&3)), (&b"c"[..], None)]);

    overlay.write(b"b", Some(4), 0, 4, false);
    overlay.abort();
    assert_eq!(overlay.lookup_written(b"b"), None);
    drop(overlay);
    assert_eq!(budget.overlay_used(), 0);
}
