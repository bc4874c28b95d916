//! Restores versions: each record of the changelog is put as its store put it, among the versions
//! that are there.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use crate::key_schema::{
    Neighbours, Span, VersionEdit, history_bounds, history_key, history_segment_bound, latest_key,
    parse_versioned_key, plan_version, split_version, write_version,
};
use crate::{Database, Direction, Error, ErrorKind, Result, Segments, StoreId, WriteBatch};

/// The versions of a store while records are put, over its database.
pub(super) struct Versions<'d> {
    database: &'d dyn Database,
    store: StoreId,
    segments: Segments,
    /// Time of the newest version in the database. Records are put in order of time, so that what
    /// is put before one is no later than it.
    newest: i64,
    /// The store's own stream time, by which versions expire.
    stream_time: i64,
    /// Rows that are not written yet; `None` is a deletion.
    rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

impl<'d> Versions<'d> {
    pub(super) fn new(
        database: &'d dyn Database,
        store: StoreId,
        segments: Segments,
        (newest, stream_time): (i64, i64),
    ) -> Self {
        let rows = BTreeMap::new();
        Self { database, store, segments, newest, stream_time, rows, bytes: 0 }
    }

    /// Bytes of the rows that are not written yet.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Puts a record's version, which is no earlier than those before; no value is a deletion.
    pub(super) fn put(&mut self, key: &[u8], time: i64, value: Option<&[u8]>) -> Result {
        let mut latest = Vec::new();
        latest_key(&mut latest, key);
        let newest = self.get(&latest)?;
        let from = newest.as_deref().map(|row| split_version(row).map(|(from, _)| from));
        let from = from.map(|from| from.ok_or_else(malformed)).transpose()?;
        let behind =
            if from.is_some_and(|from| from <= time) { None } else { self.behind(key, time)? };
        let (edits, _) = plan_version(time, value.is_some(), Neighbours { latest: from, behind });
        let mut row = Vec::new();
        write_version(&mut row, time, value);
        for edit in edits {
            match edit {
                VersionEdit::Retire(span) => self.set(self.key(key, span), newest.clone()),
                VersionEdit::Shorten(span, to) => {
                    let old = self.key(key, span);
                    let version = self.get(&old)?;
                    self.set(old, None);
                    self.set(self.key(key, Span { to, ..span }), version);
                }
                VersionEdit::Remove(span) => {
                    let old = self.key(key, span);
                    if self.get(&old)?.is_some() {
                        self.set(old, None);
                    }
                }
                VersionEdit::RemoveLatest => self.set(latest.clone(), None),
                VersionEdit::PutLatest => self.set(latest.clone(), Some(row.clone())),
                VersionEdit::Put(span) => self.set(self.key(key, span), Some(row.clone())),
            }
        }
        Ok(())
    }

    /// Takes what is to be written.
    pub(super) fn drain(&mut self, batch: &mut WriteBatch) {
        for (key, row) in std::mem::take(&mut self.rows) {
            match row {
                Some(row) => batch.put(self.store, &key, &row),
                None => batch.delete(self.store, &key),
            }
        }
        self.bytes = 0;
    }

    /// Removes what nobody can read or write any more.
    pub(super) fn expire(&self, batch: &mut WriteBatch) {
        let oldest = self.stream_time.saturating_sub(self.segments.retention_ms);
        let first_live = self.segments.of(oldest.max(0));
        let (from, to) = (history_segment_bound(0), history_segment_bound(first_live));
        batch.delete_range(self.store, &from, &to);
    }

    fn key(&self, key: &[u8], span: Span) -> Vec<u8> {
        let mut local = Vec::new();
        history_key(&mut local, self.segments.interval_ms, key, span);
        local
    }

    fn set(&mut self, key: Vec<u8>, row: Option<Vec<u8>>) {
        self.bytes += key.len() + row.as_ref().map_or(0, Vec::len);
        self.rows.insert(key, row);
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.rows.get(key) {
            Some(row) => Ok(row.clone()),
            None => self.database.get(self.store, key),
        }
    }

    /// The first span of a key that ends after a time.
    fn behind(&self, key: &[u8], time: i64) -> Result<Option<Span>> {
        for segment in self.segments.of(time)..=self.segments.of(self.newest) {
            let (mut lower, mut upper) = (Vec::new(), Vec::new());
            history_bounds((&mut lower, &mut upper), segment, key, time);
            let span = |row: &[u8]| {
                parse_versioned_key(row)
                    .filter(|parsed| parsed.0 == key)
                    .and_then(|parsed| parsed.1)
            };
            let unwritten = self.rows.range(lower.clone()..=upper.clone());
            let mut found =
                unwritten.filter(|(_, row)| row.is_some()).find_map(|(row, _)| span(row));
            let bounds = (Bound::Included(&*lower), Bound::Included(&*upper));
            self.database.scan(
                self.store,
                bounds,
                Direction::Forward,
                &mut |row, _| match span(row).filter(|_| !self.rows.contains_key(row)) {
                    Some(written) => {
                        found = Some(found.map_or(written, |found| found.min(written)));
                        ControlFlow::Break(())
                    }
                    None => ControlFlow::Continue(()),
                },
            )?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

#[cold]
fn malformed() -> Error {
    Error::new(ErrorKind::Corrupt, "a version in the database is malformed")
}
