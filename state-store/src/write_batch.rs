//! The writes of one commit, in the order in which they were made.
//!
//! All bytes lie in one buffer, so that a commit of many rows allocates a few times, not once per
//! row.

use crate::StoreId;

/// Writes to stores and offsets that are applied together or not at all.
#[derive(Clone, Debug, Default)]
pub struct WriteBatch {
    bytes: Vec<u8>,
    rows: Vec<Row>,
    offsets: Vec<(String, i64)>,
    marks: Vec<(String, i64)>,
}

/// One write of a batch, as an engine reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    /// Writes a row.
    Put {
        /// The store.
        store: StoreId,
        /// The row's key.
        key: &'a [u8],
        /// The row's new value.
        value: &'a [u8],
    },
    /// Removes a row if it is there.
    Delete {
        /// The store.
        store: StoreId,
        /// The row's key.
        key: &'a [u8],
    },
    /// Removes all rows with `from <= key < to`.
    DeleteRange {
        /// The store.
        store: StoreId,
        /// The first key to remove.
        from: &'a [u8],
        /// The first key to keep.
        to: &'a [u8],
    },
    /// Removes all rows of a store. Never preceded by another operation on the same store.
    DeleteAll {
        /// The store.
        store: StoreId,
    },
}

impl Operation<'_> {
    /// The store that is written to.
    #[must_use]
    pub fn store(&self) -> StoreId {
        match *self {
            Self::Put { store, .. }
            | Self::Delete { store, .. }
            | Self::DeleteRange { store, .. }
            | Self::DeleteAll { store } => store,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum RowKind {
    Put,
    Delete,
    DeleteRange,
    DeleteAll,
}

/// A row operation: two adjoining slices of the buffer.
#[derive(Clone, Copy, Debug)]
struct Row {
    kind: RowKind,
    store: StoreId,
    start: usize,
    middle: usize,
    end: usize,
}

impl WriteBatch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a row.
    pub fn put(&mut self, store: StoreId, key: &[u8], value: &[u8]) {
        self.push(RowKind::Put, store, key, value);
    }

    /// Removes a row if it is there.
    pub fn delete(&mut self, store: StoreId, key: &[u8]) {
        self.push(RowKind::Delete, store, key, &[]);
    }

    /// Removes all rows with `from <= key < to_exclusive`. Crossed bounds mean nothing, and are
    /// left out.
    pub fn delete_range(&mut self, store: StoreId, from: &[u8], to_exclusive: &[u8]) {
        if from < to_exclusive {
            self.push(RowKind::DeleteRange, store, from, to_exclusive);
        }
    }

    /// Removes all rows of a store; operations on it that came before in this batch are forgotten.
    pub fn delete_all(&mut self, store: StoreId) {
        self.rows.retain(|row| row.store != store);
        self.push(RowKind::DeleteAll, store, &[], &[]);
    }

    /// Sets the next offset of a changelog to restore from, once the rows of this batch are
    /// applied.
    pub fn set_offset(&mut self, changelog: &str, next_offset: i64) {
        set(&mut self.offsets, changelog, next_offset);
    }

    /// Sets a number that is kept and read as the offsets are and counts no records, such as the
    /// stream time of a store.
    pub fn set_mark(&mut self, name: &str, value: i64) {
        set(&mut self.marks, name, value);
    }

    /// The number of operations, offsets and marks included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len() + self.offsets.len() + self.marks.len()
    }

    /// Returns whether the batch is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.offsets.is_empty() && self.marks.is_empty()
    }

    /// The bytes of keys and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Empties the batch and keeps its memory for the next commit.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.rows.clear();
        self.offsets.clear();
        self.marks.clear();
    }

    /// Puts writes and deletions of rows in the order of their stores and keys. The result is the
    /// same, and many rows of a large store are applied faster, as neighbours are in the
    /// processor's cache. Writes of one row, and all before and after the removal of a range or a
    /// store, stay in order.
    pub fn sort(&mut self) {
        let Self { bytes, rows, .. } = self;
        let key = |row: &Row| bytes.get(row.start..row.middle).unwrap_or_default();
        let is_single = |row: &Row| matches!(row.kind, RowKind::Put | RowKind::Delete);
        for run in rows.chunk_by_mut(|one, other| is_single(one) && is_single(other)) {
            run.sort_by(|one, other| {
                one.store.cmp(&other.store).then_with(|| key(one).cmp(key(other)))
            });
        }
    }

    /// The operations on rows, in the order in which they are to be applied.
    pub fn operations(&self) -> impl Iterator<Item = Operation<'_>> {
        self.rows.iter().map(|row| self.read(row))
    }

    /// One of the operations, by its number in that order.
    pub(crate) fn operation(&self, number: usize) -> Option<Operation<'_>> {
        self.rows.get(number).map(|row| self.read(row))
    }

    fn read(&self, row: &Row) -> Operation<'_> {
        let store = row.store;
        let first = self.bytes.get(row.start..row.middle).unwrap_or_default();
        let second = self.bytes.get(row.middle..row.end).unwrap_or_default();
        match row.kind {
            RowKind::Put => Operation::Put { store, key: first, value: second },
            RowKind::Delete => Operation::Delete { store, key: first },
            RowKind::DeleteRange => Operation::DeleteRange { store, from: first, to: second },
            RowKind::DeleteAll => Operation::DeleteAll { store },
        }
    }

    /// The offsets to set, each changelog once.
    pub fn offsets(&self) -> impl Iterator<Item = (&str, i64)> {
        self.offsets.iter().map(|(changelog, offset)| (changelog.as_str(), *offset))
    }

    /// The marks to set, each once.
    pub fn marks(&self) -> impl Iterator<Item = (&str, i64)> {
        self.marks.iter().map(|(name, value)| (name.as_str(), *value))
    }

    fn push(&mut self, kind: RowKind, store: StoreId, first: &[u8], second: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(first);
        let middle = self.bytes.len();
        self.bytes.extend_from_slice(second);
        self.rows.push(Row { kind, store, start, middle, end: self.bytes.len() });
    }
}

fn set(numbers: &mut Vec<(String, i64)>, name: &str, number: i64) {
    match numbers.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => *known = number,
        None => numbers.push((name.to_owned(), number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: StoreId = StoreId(0);
    const CUSTOMERS: StoreId = StoreId(1);

    #[test]
    fn operations_come_back_in_the_order_they_were_made() {
        let mut batch = WriteBatch::new();
        batch.put(ORDERS, b"k", b"value");
        batch.delete(CUSTOMERS, b"");
        batch.delete_range(ORDERS, b"a", b"b");
        batch.set_offset("orders-changelog", 5);
        batch.set_offset("orders-changelog", 7);
        let operations: Vec<_> = batch.operations().collect();
        assert_eq!(
            operations,
            [
                Operation::Put { store: ORDERS, key: b"k", value: b"value" },
                Operation::Delete { store: CUSTOMERS, key: b"" },
                Operation::DeleteRange { store: ORDERS, from: b"a", to: b"b" },
            ]
        );
        assert_eq!(batch.offsets().collect::<Vec<_>>(), [("orders-changelog", 7)]);
        assert_eq!(batch.len(), 4);
        assert_eq!(batch.bytes(), 8);
    }

    #[test]
    fn removing_all_rows_of_a_store_forgets_what_came_before_for_it_alone() {
        let mut batch = WriteBatch::new();
        batch.put(ORDERS, b"k", b"1");
        batch.put(CUSTOMERS, b"k", b"2");
        batch.delete_all(ORDERS);
        batch.put(ORDERS, b"k", b"3");
        let operations: Vec<_> = batch.operations().collect();
        assert_eq!(
            operations,
            [
                Operation::Put { store: CUSTOMERS, key: b"k", value: b"2" },
                Operation::DeleteAll { store: ORDERS },
                Operation::Put { store: ORDERS, key: b"k", value: b"3" },
            ]
        );
    }

    #[test]
    fn rows_are_sorted_between_removals_of_ranges_and_writes_of_one_row_stay_in_order() {
        let mut batch = WriteBatch::new();
        batch.put(CUSTOMERS, b"a", b"1");
        batch.put(ORDERS, b"b", b"2");
        batch.put(ORDERS, b"a", b"3");
        batch.delete(ORDERS, b"a");
        batch.delete_range(ORDERS, b"a", b"c");
        batch.put(ORDERS, b"z", b"4");
        batch.put(ORDERS, b"b", b"5");
        batch.sort();
        let operations: Vec<_> = batch.operations().collect();
        assert_eq!(
            operations,
            [
                Operation::Put { store: ORDERS, key: b"a", value: b"3" },
                Operation::Delete { store: ORDERS, key: b"a" },
                Operation::Put { store: ORDERS, key: b"b", value: b"2" },
                Operation::Put { store: CUSTOMERS, key: b"a", value: b"1" },
                Operation::DeleteRange { store: ORDERS, from: b"a", to: b"c" },
                Operation::Put { store: ORDERS, key: b"b", value: b"5" },
                Operation::Put { store: ORDERS, key: b"z", value: b"4" },
            ]
        );
    }

    #[test]
    fn a_range_without_room_is_left_out_and_a_cleared_batch_is_empty() {
        let mut batch = WriteBatch::new();
        batch.delete_range(ORDERS, b"b", b"a");
        assert!(batch.is_empty());
        batch.set_offset("orders-changelog", 1);
        assert!(!batch.is_empty());
        batch.clear();
        assert!(batch.is_empty());
        assert_eq!((batch.len(), batch.bytes()), (0, 0));
    }
}
