//! Expected rows of a store of versions, from its changelog.
//!
//! They follow from the definition of a version, which is valid from its time up to that of the
//! next one, not from the way in which the store and the restorer change their rows.

use std::collections::{BTreeMap, BTreeSet};

use state_store::{
    Segments,
    key_schema::{
        Span, history_key, latest_key, parse_versioned_key, split_version, write_version,
    },
};

use super::checks::Rows;
use crate::client::embedded::StoredRecord;

/// A version: its key, its start, and its value, unless it is a deletion.
type Version = (Vec<u8>, i64, Option<Vec<u8>>);

/// The versions of each key, by start.
#[derive(Debug, Default)]
pub(super) struct Versions {
    keys: BTreeMap<Vec<u8>, BTreeMap<i64, Option<Vec<u8>>>>,
    newest: Option<i64>,
}

impl Versions {
    /// Takes a record of the changelog: one that is older than the history is logged but not put.
    pub(super) fn put(&mut self, record: &StoredRecord, segments: Segments) {
        let (Some(key), time) = (&record.key, record.timestamp) else { return };
        if time < self.oldest(segments) {
            return;
        }
        self.newest = self.newest.max(Some(time));
        self.keys.entry(key.clone()).or_default().insert(time, record.value.clone());
    }

    /// The rows of a store with these versions.
    pub(super) fn rows(&self, segments: Segments) -> Rows {
        let mut rows = Rows::new();
        for (key, versions) in &self.keys {
            let mut nexts = versions.keys().skip(1);
            for (from, value) in versions {
                let next = nexts.next().copied();
                let (mut local, mut row) = (Vec::new(), Vec::new());
                write_version(&mut row, *from, value.as_deref());
                match (value, next) {
                    (Some(_), None) => latest_key(&mut local, key),
                    (Some(_), Some(to)) => {
                        let span = Span { to, from: *from };
                        history_key(&mut local, segments.interval_ms, key, span);
                    }
                    (None, _) => {
                        let deletion = Span { to: *from, from: *from };
                        history_key(&mut local, segments.interval_ms, key, deletion);
                    }
                }
                rows.insert(local, row);
            }
        }
        rows
    }

    /// Removes rows that may have expired.
    pub(super) fn keep_live(&self, rows: &mut Rows, segments: Segments) {
        let first_live = segments.of(self.oldest(segments).max(0));
        rows.retain(|row, _| match parse_versioned_key(row) {
            Some((_, Some(span))) => segments.of(span.to) >= first_live,
            _ => true,
        });
    }

    /// A row that belongs to no version ever put, with its value.
    pub(super) fn stray(rows: Rows, ever: &[StoredRecord]) -> Option<(Vec<u8>, Vec<u8>)> {
        let version = |record: &StoredRecord| -> Option<Version> {
            Some((record.key.clone()?, record.timestamp, record.value.clone()))
        };
        let ever: BTreeSet<Version> = ever.iter().filter_map(version).collect();
        let was_put = |(key, row): &(Vec<u8>, Vec<u8>)| {
            let Some((key, _)) = parse_versioned_key(key) else { return false };
            let Some((from, value)) = split_version(row) else { return false };
            ever.contains(&(key.to_vec(), from, value.map(<[u8]>::to_vec)))
        };
        rows.into_iter().find(|row| !was_put(row))
    }

    fn oldest(&self, segments: Segments) -> i64 {
        self.newest.map_or(i64::MIN, |newest| newest.saturating_sub(segments.retention_ms))
    }
}
