//! The rows of a staged batch, which are searched where they lie.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};

use crate::api::is_empty_range;
use crate::{Operation, StoreId, WriteBatch};

/// A sorted batch with the places of its runs.
#[derive(Clone, Debug)]
pub(super) struct StagedRows {
    batch: WriteBatch,
    /// Runs of writes of single rows, in order of store and key, and each removal of many rows for
    /// itself, in the order in which they are applied.
    runs: Vec<Range<usize>>,
    /// Numbers of the operations that remove many rows.
    removals: Vec<usize>,
}

/// What the batch leaves a row with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Staged<'r> {
    /// This value.
    Value(&'r [u8]),
    /// It is removed.
    Removed,
    /// The batch does not touch it.
    Untouched,
}

/// A write of one row: its store, key, and value or `None` if it is removed.
type Write<'r> = (StoreId, &'r [u8], Option<&'r [u8]>);

/// The row that an operation writes; `None` if it removes many.
fn row(operation: Operation<'_>) -> Option<Write<'_>> {
    match operation {
        Operation::Put { store, key, value } => Some((store, key, Some(value))),
        Operation::Delete { store, key } => Some((store, key, None)),
        Operation::DeleteRange { .. } | Operation::DeleteAll { .. } => None,
    }
}

/// Returns whether an operation removes many rows, this one among them.
fn removes(operation: Operation<'_>, store: StoreId, key: &[u8]) -> bool {
    match operation {
        Operation::DeleteRange { store: of, from, to } => of == store && from <= key && key < to,
        Operation::DeleteAll { store: of } => of == store,
        Operation::Put { .. } | Operation::Delete { .. } => false,
    }
}

impl StagedRows {
    pub(super) fn new(mut batch: WriteBatch) -> Self {
        batch.sort();
        let mut runs: Vec<Range<usize>> = Vec::new();
        let mut removals = Vec::new();
        let mut in_run = false;
        for (at, operation) in batch.operations().enumerate() {
            let is_row = row(operation).is_some();
            match runs.last_mut().filter(|_| is_row && in_run) {
                Some(run) => run.end = at + 1,
                None => runs.push(at..at + 1),
            }
            in_run = is_row;
            removals.extend((!is_row).then_some(at));
        }
        Self { batch, runs, removals }
    }

    pub(super) fn into_batch(self) -> WriteBatch {
        self.batch
    }

    /// What the batch leaves a row with.
    pub(super) fn find(&self, store: StoreId, key: &[u8]) -> Staged<'_> {
        for run in self.runs.iter().rev() {
            let is_up_to = |operation: Operation<'_>| {
                row(operation).is_some_and(|(of, at, _)| (of, at) <= (store, key))
            };
            let end = self.first_not(run, is_up_to);
            let last = end.checked_sub(1).filter(|last| run.contains(last));
            if let Some((of, at, value)) = last.and_then(|last| row(self.batch.operation(last)?))
                && of == store
                && at == key
            {
                return value.map_or(Staged::Removed, Staged::Value);
            }
            let first = self.batch.operation(run.start);
            if first.is_some_and(|removal| removes(removal, store, key)) {
                return Staged::Removed;
            }
        }
        Staged::Untouched
    }

    /// Returns whether the batch removes a row together with others.
    pub(super) fn removes(&self, store: StoreId, key: &[u8]) -> bool {
        let mut removals = self.removals.iter().filter_map(|at| self.batch.operation(*at));
        removals.any(|removal| removes(removal, store, key))
    }

    /// The rows between two bounds that the batch writes, in the order of their keys: values, or
    /// `None` if it removes them.
    pub(super) fn between(
        &self,
        store: StoreId,
        (from, to): (Bound<&[u8]>, Bound<&[u8]>),
    ) -> BTreeMap<&[u8], Option<&[u8]>> {
        let mut rows = BTreeMap::new();
        if is_empty_range(from, to) {
            return rows;
        }
        let is_before = |key: &[u8]| match from {
            Bound::Included(from) => key < from,
            Bound::Excluded(from) => key <= from,
            Bound::Unbounded => false,
        };
        let is_behind = |key: &[u8]| match to {
            Bound::Included(to) => key > to,
            Bound::Excluded(to) => key >= to,
            Bound::Unbounded => false,
        };
        for run in &self.runs {
            let is_earlier = |operation: Operation<'_>| {
                row(operation)
                    .is_some_and(|(of, key, _)| of < store || (of == store && is_before(key)))
            };
            let first = self.first_not(run, is_earlier);
            for operation in (first..run.end).map_while(|at| self.batch.operation(at)) {
                match row(operation) {
                    Some((of, key, value)) if of == store && !is_behind(key) => {
                        rows.insert(key, value);
                    }
                    Some(_) => break,
                    None => rows
                        .iter_mut()
                        .filter(|(key, _)| removes(operation, store, key))
                        .for_each(|(_, value)| *value = None),
                }
            }
        }
        rows
    }

    /// The first place in a run whose operation is not one of those that come first.
    fn first_not(&self, run: &Range<usize>, comes_first: impl Fn(Operation<'_>) -> bool) -> usize {
        let (mut low, mut high) = (run.start, run.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.batch.operation(middle).is_some_and(&comes_first) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}
