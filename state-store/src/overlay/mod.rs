//! The writes of a store since the last commit, as typed values: transaction buffer, write-back
//! cache, read cache and Java's record cache in one.
//!
//! A hit costs neither a serde nor a call of the database, and allocates nothing. What is dirty
//! stays until the commit ([`Overlay::committed`]) or until the transaction fails
//! ([`Overlay::abort`]); what is clean can be evicted at any time. The overlay doesn't know the
//! database: the typed store reads through it and serialises what it holds.

mod journal;
mod merge;
mod slab;

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::ops::Bound;
use std::sync::atomic::Ordering;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

use self::journal::{Journal, Replaced};
use self::slab::{Chain, Slab, Slot};
use crate::api::is_empty_range;
use crate::{Direction, OverlayAccount};

pub use self::merge::merge_range;

/// The slots that an insertion looks at to make room while the budget is exceeded.
const EVICTION_STEPS: usize = 32;
/// Bytes that an entry takes in the table while it doubles: index and tag, in the half-empty new
/// table and in the old one.
const TABLE_BYTES: usize = 16;
/// Overhead of the allocator per key or value, and of a map of keys per entry.
const ALLOCATION_BYTES: usize = 16;

/// A dirty row as a scan sees it: its key, and its value or `None` if it was deleted.
pub type DirtyRow<V> = (Box<[u8]>, Option<V>);

/// A key that downstream has not seen yet, as [`Overlay::next_pending`] hands it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingEntry<V, C> {
    /// The serialised key.
    pub key: Box<[u8]>,
    /// The value last written, or `None` if the key was deleted.
    pub value: Option<V>,
    /// The context of the last write.
    pub context: C,
    /// The value that downstream has seen since the last commit: the one forwarded last, or `None`
    /// if none was, in which case downstream knows the value in the database.
    pub forwarded: Option<Option<V>>,
    /// True if somebody [followed](Overlay::follow) the key.
    pub followed: bool,
}

/// Typed values by serialised key, laid over a store of the database.
///
/// `V` is the value, `C` the context of a write (its record's timestamp, headers, position) that
/// the commit needs.
pub struct Overlay<V, C> {
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
    slab: Slab<V, C>,
    dirty_bytes: usize,
    account: OverlayAccount,
    /// The keys that scans see, in order; built by the first scan and kept from then on, so that a
    /// store without scans never pays.
    scan_index: Option<BTreeMap<Box<[u8]>, u32>>,
    /// True if scans see written keys after their commit, as long as their entries exist.
    scans_clean: bool,
    /// Bytes charged for the copies of keys in `scan_index`.
    scan_bytes: usize,
    /// The slot at which the clock goes on to look for entries to evict.
    hand: u32,
    /// The values that downstream has seen since the last commit, of the entries that were written
    /// again behind that. A store is flushed twice in a commit where one above it forwards into it,
    /// and downstream is owed the step from what it has seen. All other entries have in themselves
    /// what was forwarded.
    forwarded: HashMap<u32, Option<V>>,
    /// Bytes charged for the copies of values in `forwarded`.
    copies: usize,
    journal: Journal<V, C>,
}

impl<V, C> Overlay<V, C> {
    /// An empty overlay that charges its memory to an account.
    #[must_use]
    pub fn new(account: OverlayAccount) -> Self {
        Self {
            table: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            slab: Slab::new(),
            dirty_bytes: 0,
            account,
            scan_index: None,
            scans_clean: false,
            scan_bytes: 0,
            hand: 0,
            forwarded: HashMap::new(),
            copies: 0,
            journal: Journal::new(),
        }
    }

    /// Shows rows that were written to scans and to [`lookup_written`](Self::lookup_written) also
    /// behind their commit, for as long as they are not evicted: the database may have let go of
    /// them by then.
    #[must_use]
    pub fn with_clean_rows_scanned(self) -> Self {
        Self { scans_clean: true, ..self }
    }

    /// Like [`lookup`](Self::lookup), but finds only keys that were written, not those read from
    /// the database.
    #[must_use]
    pub fn lookup_written(&self, key: &[u8]) -> Option<Option<&V>> {
        let slot = self.slab.slot(self.find(self.hash(key), key)?);
        slot.referenced.store(true, Ordering::Relaxed);
        (slot.written && self.scans_clean).then_some(slot.value.as_ref())
    }

    /// Looks a key up: `None` if the overlay does not know it (read the database), `Some(None)` if
    /// the key has no value.
    #[must_use]
    pub fn lookup(&self, key: &[u8]) -> Option<Option<&V>> {
        let slot = self.slab.slot(self.find(self.hash(key), key)?);
        slot.referenced.store(true, Ordering::Relaxed);
        Some(slot.value.as_ref())
    }

    /// Notes that somebody goes by a value that downstream has not seen, and so is to hear if it
    /// goes before it is seen.
    pub fn follow(&mut self, key: &[u8]) {
        if !self.has_pending() {
            return;
        }
        let Some(index) = self.find(self.hash(key), key) else { return };
        let slot = self.slab.slot_mut(index);
        slot.followed |= slot.is_pending() && slot.value.is_some();
    }

    /// Keeps what the database holds for a key, so that the next read needs no serde. `size` is
    /// that of the serialised value in bytes. An entry that is already there wins.
    pub fn fill(&mut self, key: &[u8], value: Option<V>, size: usize) {
        let hash = self.hash(key);
        if self.find(hash, key).is_none() {
            self.insert(hash, key, value, size);
        }
    }

    /// Writes a value, or deletes the key with `None`: the key is dirty until the commit, and last
    /// in the order of writes.
    ///
    /// `size` is about that of the value in bytes, with what its context refers to. With `pending`,
    /// downstream sees the value through [`next_pending`](Self::next_pending); without, the caller
    /// has forwarded it, and the key is no longer pending.
    pub fn write(&mut self, key: &[u8], value: Option<V>, context: C, size: usize, pending: bool) {
        let hash = self.hash(key);
        let index = if let Some(index) = self.find(hash, key) {
            self.replace(index, value, pending);
            self.recharge(index, size);
            index
        } else {
            let index = self.insert(hash, key, value, size);
            if self.journal.is_on {
                self.journal.writes.push(Replaced::Nothing { index });
            }
            index
        };
        self.mark_dirty(index, context, pending);
    }

    fn replace(&mut self, index: u32, value: Option<V>, pending: bool) {
        let mut noted = self.journal.is_on.then(|| self.before(index));
        let slot = self.slab.slot_mut(index);
        let before = std::mem::replace(&mut slot.value, value);
        if pending && slot.is_dirty() && !slot.is_pending() {
            let charge = slot.charge;
            let seen = self.forwarded.insert(index, before);
            self.charge_copy(charge);
            if let Some(noted) = &mut noted {
                noted.seen = seen;
            }
        } else if let Some(noted) = &mut noted {
            noted.value = Some(before);
        }
        self.journal.writes.extend(noted.map(Replaced::Entry));
    }

    /// Forgets the dirty entry of a key, so that it is neither written nor forwarded: for the
    /// tombstone of a key that nobody has ever seen. Returns whether there was one.
    pub fn undo(&mut self, key: &[u8]) -> bool {
        let Some(index) = self.find(self.hash(key), key) else {
            return false;
        };
        let dirty = self.slab.slot(index).is_dirty();
        if dirty {
            self.remove(index);
        }
        dirty
    }

    /// Returns whether there is a key that downstream has not seen.
    pub fn has_pending(&self) -> bool {
        self.slab.first(Chain::Pending).is_some()
    }

    /// The next key that downstream has not seen, in the order of last writes; each is handed out
    /// once.
    ///
    /// Writes that come in meanwhile are handed out by later calls.
    pub fn next_pending(&mut self) -> Option<PendingEntry<V, C>>
    where
        V: Clone,
        C: Clone,
    {
        let index = self.slab.first(Chain::Pending)?;
        self.slab.unlink(Chain::Pending, index);
        let forwarded = self.forwarded.remove(&index);
        let slot = self.slab.slot_mut(index);
        let followed = std::mem::take(&mut slot.followed);
        let (key, value) = (slot.key.clone(), slot.value.clone());
        let context = slot.context.clone()?;
        Some(PendingEntry { key, value, context, forwarded, followed })
    }

    /// The dirty entries in the order of their last writes: key, value (`None` is a tombstone) and
    /// context.
    pub fn dirty(&self) -> impl Iterator<Item = (&[u8], Option<&V>, &C)> {
        self.slab.chain(Chain::Dirty).filter_map(|index| {
            let slot = self.slab.slot(index);
            let context = slot.context.as_ref()?;
            Some((&*slot.key, slot.value.as_ref(), context))
        })
    }

    /// The dirty rows between two bounds, in the order of their keys, to be laid over the
    /// database's rows by [`merge_range`]. `None` is a deleted key. Crossed bounds give nothing.
    pub fn dirty_range(
        &mut self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
    ) -> Vec<DirtyRow<V>>
    where
        V: Clone,
    {
        self.index_for_scans();
        let rows = self.dirty_rows(from, to);
        let rows = rows.map(|(key, value)| (key.into(), value.cloned()));
        match direction {
            Direction::Forward => rows.collect(),
            Direction::Backward => rows.rev().collect(),
        }
    }

    /// Makes the index that [`dirty_rows`](Self::dirty_rows) reads, unless it is there; it is kept
    /// up to date from then on.
    pub fn index_for_scans(&mut self) {
        if self.scan_index.is_some() {
            return;
        }
        let slab = &self.slab;
        let scanned = |slot: &&Slot<V, C>| slot.is_dirty() || (slot.written && self.scans_clean);
        let slots = slab.occupied().filter(|(_, slot)| scanned(slot));
        let index: BTreeMap<_, _> = slots.map(|(index, slot)| (slot.key.clone(), index)).collect();
        let bytes = index.keys().map(|key| scan_charge(key.len())).sum();
        self.scan_index = Some(index);
        self.charge_scan(bytes);
    }

    /// The dirty rows between two bounds, in the order of their keys and lent out; `None` is a
    /// deleted key. Crossed bounds give nothing, nor does an overlay that was not
    /// [prepared](Self::index_for_scans). With
    /// [`with_clean_rows_scanned`](Self::with_clean_rows_scanned), clean ones too.
    pub fn dirty_rows(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
    ) -> impl DoubleEndedIterator<Item = (&[u8], Option<&V>)> {
        let index = self.scan_index.as_ref().filter(|_| !is_empty_range(from, to));
        let rows = index.map(|index| index.range::<[u8], _>((from, to)));
        rows.into_iter()
            .flatten()
            .map(|(key, index)| (&**key, self.slab.slot(*index).value.as_ref()))
    }

    /// The dirty entries can be read from the database: they are clean now. Clean entries are then
    /// evicted, those not read for long first, while the overlays use more than seven eighths
    /// of their share of the budget.
    ///
    /// All pending entries have been forwarded before; committing the rest would lose them for
    /// downstream.
    pub fn committed(&mut self) {
        debug_assert!(
            self.slab.first(Chain::Pending).is_none(),
            "committed before all was forwarded"
        );
        self.slab.empty(Chain::Pending, |_| ());
        self.slab.empty(Chain::Dirty, |slot| slot.context = None);
        self.dirty_bytes = 0;
        self.drop_copies();
        let limit = self.account.budget().overlay_limit();
        self.evict(limit - limit / 8, self.slab.capacity() * 2);
    }

    /// Drops all dirty entries: their transaction was aborted. What was read from the database
    /// stays, unless it was overwritten.
    pub fn abort(&mut self) {
        while let Some(index) = self.slab.first(Chain::Dirty) {
            self.remove(index);
        }
        self.drop_copies();
    }

    /// The number of dirty entries.
    #[must_use]
    pub fn dirty_len(&self) -> usize {
        self.slab.len(Chain::Dirty)
    }

    /// The bytes of the dirty entries with their share of the tables.
    #[must_use]
    pub fn dirty_bytes(&self) -> usize {
        self.dirty_bytes
    }

    /// The bytes of all entries, clean and dirty, with their share of the tables, as the budget is
    /// charged for them.
    #[must_use]
    pub fn charged_bytes(&self) -> usize {
        self.account.used()
    }

    /// Returns whether there is anything to commit.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.dirty_len() > 0
    }

    /// The number of entries, clean and dirty.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Returns whether the overlay has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        self.table.find(hash, |index| *self.slab.slot(*index).key == *key).copied()
    }

    fn insert(&mut self, hash: u64, key: &[u8], value: Option<V>, size: usize) -> u32 {
        self.evict(self.account.budget().overlay_limit(), EVICTION_STEPS);
        let charge = Self::charge(key, size);
        self.account.add(charge);
        let index = self.slab.insert(Slot::new(key, hash, value, charge));
        let slab = &self.slab;
        self.table.insert_unique(hash, index, |index| slab.slot(*index).hash);
        index
    }

    fn mark_dirty(&mut self, index: u32, context: C, pending: bool) {
        let slot = self.slab.slot_mut(index);
        slot.context = Some(context);
        let is_scanned = std::mem::replace(&mut slot.written, true) && self.scans_clean;
        *slot.referenced.get_mut() = true;
        if !slot.is_dirty() {
            self.dirty_bytes += slot.charge;
            if let Some(scan_index) = self.scan_index.as_mut().filter(|_| !is_scanned) {
                let charge = scan_charge(slot.key.len());
                scan_index.insert(slot.key.clone(), index);
                self.charge_scan(charge);
            }
        }
        self.slab.move_to_end(Chain::Dirty, index);
        if pending {
            self.slab.move_to_end(Chain::Pending, index);
        } else {
            self.slab.unlink(Chain::Pending, index);
        }
    }

    fn recharge(&mut self, index: u32, size: usize) {
        let charge = Self::charge(&self.slab.slot(index).key, size);
        self.recharge_to(index, charge);
    }

    fn recharge_to(&mut self, index: u32, charge: usize) {
        let slot = self.slab.slot_mut(index);
        if charge == slot.charge {
            return;
        }
        if slot.is_dirty() {
            self.dirty_bytes = self.dirty_bytes - slot.charge + charge;
        }
        if charge > slot.charge {
            self.account.add(charge - slot.charge);
        } else {
            self.account.sub(slot.charge - charge);
        }
        slot.charge = charge;
    }

    /// Bytes charged for an entry: its own, its slot and its part of the table.
    fn charge(key: &[u8], size: usize) -> usize {
        let slot = size_of::<Slot<V, C>>() + TABLE_BYTES;
        slot + key.len() + size + 2 * ALLOCATION_BYTES
    }

    fn charge_copy(&mut self, bytes: usize) {
        self.copies += bytes;
        self.account.add(bytes);
    }

    fn charge_scan(&mut self, bytes: usize) {
        self.scan_bytes += bytes;
        self.account.add(bytes);
    }

    /// Forgets what was copied of entries that are no longer dirty.
    fn drop_copies(&mut self) {
        self.forwarded.clear();
        self.account.sub(std::mem::take(&mut self.copies));
        if self.scans_clean {
            return;
        }
        if let Some(index) = &mut self.scan_index {
            index.clear();
        }
        self.account.sub(std::mem::take(&mut self.scan_bytes));
    }

    fn remove(&mut self, index: u32) {
        let dirty = self.slab.slot(index).is_dirty();
        let Some(slot) = self.slab.remove(index) else {
            return;
        };
        if let Ok(place) = self.table.find_entry(slot.hash, |found| *found == index) {
            place.remove();
        }
        self.forwarded.remove(&index);
        self.account.sub(slot.charge);
        if dirty {
            self.dirty_bytes -= slot.charge;
        }
        self.unscan(&slot.key);
    }

    /// Removes the key of an entry from the index of scans.
    fn forget_for_scans(&mut self, index: u32) {
        let key = self.slab.slot(index).key.clone();
        self.unscan(&key);
    }

    fn unscan(&mut self, key: &[u8]) {
        if let Some(scan_index) = &mut self.scan_index
            && scan_index.remove(key).is_some()
        {
            let charge = scan_charge(key.len());
            self.scan_bytes -= charge;
            self.account.sub(charge);
        }
    }

    /// Evicts clean entries while all overlays together use more than `target` bytes, looking at
    /// `steps` slots at most. An entry that was read since the hand last passed is spared once.
    fn evict(&mut self, target: usize, steps: usize) {
        for _ in 0..steps {
            let exceeded = self.account.budget().overlay_used() > target;
            if !exceeded || self.table.len() == self.dirty_len() {
                return;
            }
            if self.hand as usize >= self.slab.capacity() {
                self.hand = 0;
            }
            let evict = self.slab.find(self.hand).is_some_and(|slot| {
                !slot.is_dirty() && !slot.referenced.swap(false, Ordering::Relaxed)
            });
            if evict {
                self.remove(self.hand);
            }
            self.hand += 1;
        }
    }
}

/// Bytes that the copy of a key takes in the index of scans.
fn scan_charge(key_bytes: usize) -> usize {
    key_bytes + 3 * ALLOCATION_BYTES
}

impl<V, C> std::fmt::Debug for Overlay<V, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Overlay")
            .field("len", &self.len())
            .field("dirty_len", &self.dirty_len())
            .field("dirty_bytes", &self.dirty_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
