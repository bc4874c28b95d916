//! Restoring a store of each format from a changelog of arbitrary records.
#![no_main]

use std::{collections::BTreeMap, ops::Bound};

use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use state_store::{
    Database, Direction, Entry, MemoryDatabase, Restorer, Result, Segments, StoreFormat, StoreId,
    key_schema::write_timestamped_value,
};

const STORE: StoreId = StoreId(0);

/// Key, value and timestamp of a record.
type Logged<'a> = (&'a [u8], Option<&'a [u8]>, i64);

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    timestamped: bool,
    /// Whether windows are sessions.
    sessions: bool,
    /// Retention and segment interval of a store of windows, and whether it has an index by time.
    window: Option<(i64, i64, bool)>,
    /// Records that are applied together.
    buffers: Vec<Vec<Logged<'a>>>,
}

impl Input<'_> {
    fn format(&self) -> StoreFormat {
        let segments = self.window.map(|(retention_ms, interval_ms, by_time)| Segments {
            retention_ms,
            interval_ms,
            by_time,
        });
        match (segments, self.timestamped) {
            (None, false) => StoreFormat::KeyValue,
            (None, true) => StoreFormat::TimestampedKeyValue,
            (Some(segments), _) if self.sessions => StoreFormat::Session(segments),
            (Some(segments), false) => StoreFormat::Window(segments),
            (Some(segments), true) => StoreFormat::TimestampedWindow(segments),
        }
    }
}

/// Whether a window that starts at `start` is kept when the newest starts at `newest`.
fn is_kept(retention_ms: i64, start: i64, newest: i64) -> bool {
    start >= newest.saturating_sub(retention_ms)
}

fuzz_target!(|input: Input<'_>| {
    let format = input.format();
    let database = MemoryDatabase::new(1);
    let mut restorer = Restorer::new(format);
    let mut expected = BTreeMap::new();
    let mut newest = i64::MIN;
    for (next_offset, buffer) in (0..).zip(&input.buffers) {
        let mut last = BTreeMap::new();
        for (key, value, timestamp) in buffer {
            let start = format.split(key).map(|(_, start)| start);
            let start = start.filter(|start| {
                *start >= 0 || !format.segments().is_some_and(|segments| segments.by_time)
            });
            let refused = format.segments().is_some() && start.is_none();
            assert_eq!(restorer.push(key, *value, *timestamp).is_err(), refused);
            if !refused {
                newest = newest.max(start.unwrap_or(i64::MIN));
                last.insert(*key, value.map(|value| (value, *timestamp)));
            }
        }
        for (key, value) in last {
            let kept = format
                .segments()
                .zip(format.split(key))
                .is_none_or(|(segments, (_, start))| is_kept(segments.retention_ms, start, newest));
            match value {
                None => drop(expected.remove(key)),
                Some(value) if kept => drop(expected.insert(key, value)),
                Some(_) => {}
            }
        }
        restorer.apply(&database, STORE, "changelog", next_offset).expect("memory takes all rows");
        assert_eq!(database.offset("changelog").ok(), Some(Some(next_offset)));
    }

    let (low, high) = (Bound::Unbounded, Bound::Unbounded);
    let rows = database.range(STORE, low, high, Direction::Forward).expect("the store is there");
    let rows: Vec<Entry> = rows.collect::<Result<_>>().expect("memory can be read");
    let mut found = BTreeMap::new();
    for (key, value) in &rows {
        let Some(key) = format.to_changelog_key(key) else { continue };
        assert!(found.insert(key, value.as_slice()).is_none());
    }
    let mut wanted = BTreeMap::new();
    for (key, (value, timestamp)) in expected {
        let mut row = Vec::new();
        if format.is_timestamped() {
            write_timestamped_value(&mut row, timestamp, value);
        } else {
            row.extend_from_slice(value);
        }
        wanted.insert(key, row);
    }
    let wanted: BTreeMap<&[u8], &[u8]> =
        wanted.iter().map(|(key, row)| (*key, row.as_slice())).collect();
    assert_eq!(found, wanted);
});
