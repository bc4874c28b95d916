//! Records, held back until their time has come.

use std::{
    ops::{Bound, ControlFlow},
    sync::Arc,
};

use state_store::Direction;

use super::{
    ChangelogWriter, Origin, PlainCodec, RecordContext, StateStore, StoreContext, StoreUsage,
    change_buffer::Row,
    rows::{Rows, malformed},
};
use crate::{
    BoxError, Error, ErrorKind, Record, Result,
    serde::{SerdeRef, Written, bytes},
};

/// First byte of a row's key: Java's `PrefixedWindowKeySchemas` for keys in order of time.
const TIME_FIRST: u8 = 0;

/// A record that a buffer held back.
#[derive(Clone, Debug)]
pub struct BufferedRecord<K, V> {
    /// Its key.
    pub key: K,
    /// Its value.
    pub value: V,
    /// Its origin, with its timestamp and headers.
    pub origin: Origin,
}

/// Holds back all records of a stream in order of time, also several of one key. Java's
/// `RocksDBTimeOrderedKeyValueBuffer`.
///
/// A row has the key `u8 0 ‖ i64 timestamp ‖ key ‖ i32 number` and Java's bytes of a buffered
/// value, both in the database and in the changelog.
pub struct RecordBuffer<K, V> {
    rows: Rows<Vec<u8>, Vec<u8>>,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
    /// The number of the record that was put last, which distinguishes equal records of one time.
    number: i32,
    /// A lower bound of the records' times; `None` if there are none.
    earliest: Option<i64>,
    /// Number and earliest time at the beginning of the current attempt.
    before: (i32, Option<i64>),
}

impl<K, V> RecordBuffer<K, V> {
    pub(super) fn new(name: Arc<str>, key_serde: SerdeRef<K>, value_serde: SerdeRef<V>) -> Self {
        let rows = Rows::new(name, bytes(), Arc::new(PlainCodec(bytes())));
        Self { rows, key_serde, value_serde, number: 0, earliest: None, before: (0, None) }
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.rows.name
    }

    /// Holds a record back.
    ///
    /// # Errors
    /// `Serialization` if its key or value can't be written.
    pub fn put(&mut self, record: Record<'_, K, V>, origin: Origin) -> Result {
        let topic = self.rows.context()?.topic.clone();
        let mut key = vec![TIME_FIRST];
        key.extend_from_slice(&record.timestamp.to_be_bytes());
        let written = self.key_serde.serialize(&topic, record.key, &mut key);
        self.check_written("key", written)?;
        let mut value = Vec::new();
        let written = self.value_serde.serialize(&topic, record.value, &mut value);
        self.check_written("value", written)?;
        self.number = self.number.wrapping_add(1).max(0);
        key.extend_from_slice(&self.number.to_be_bytes());
        let row = Row { time: 0, origin, prior: None, old: None, new: Some(&value) }.write();
        self.rows.at(&key)?.write(Some(row));
        let earliest = self.earliest.unwrap_or(record.timestamp);
        self.earliest = Some(earliest.min(record.timestamp));
        Ok(())
    }

    fn check_written(&self, what: &str, written: Result<Written, BoxError>) -> Result {
        let cause: BoxError = match written {
            Ok(Written::Bytes) => return Ok(()),
            Ok(Written::Null) => "it is null".into(),
            Err(cause) => cause,
        };
        let text = format!("a {what} can't be written to buffer `{}`", self.name());
        Err(Error::with_source(ErrorKind::Serialization, text, cause))
    }

    /// Removes and returns the first record, if its timestamp is not after `time`.
    ///
    /// # Errors
    /// `State` if the database fails, `Deserialization` if the record can't be read.
    pub fn pop_until(&mut self, time: i64) -> Result<Option<BufferedRecord<K, V>>> {
        if self.earliest.is_none_or(|earliest| earliest > time) {
            return Ok(None);
        }
        let mut first = None;
        self.visit(|key, row| {
            first = Some((key.to_vec(), row.clone()));
            ControlFlow::Break(())
        })?;
        let Some((key, row)) = first else {
            self.earliest = None;
            return Ok(None);
        };
        let (timestamp, plain, _) = split(&key).ok_or_else(|| malformed(self.name()))?;
        self.earliest = Some(timestamp);
        if timestamp > time {
            return Ok(None);
        }
        let record = self.read(plain, &row).map_err(|cause| {
            let text = format!("a record of buffer `{}` can't be read", self.name());
            Error::with_source(ErrorKind::Deserialization, text, cause)
        })?;
        self.rows.at(&key)?.write(None);
        Ok(Some(record))
    }

    fn read(&self, key: &[u8], row: &[u8]) -> Result<BufferedRecord<K, V>, BoxError> {
        let topic = &self.rows.context()?.topic;
        let row = Row::read(row)?;
        let key = self.key_serde.deserialize(topic, Some(key))?;
        let value = self.value_serde.deserialize(topic, row.new)?;
        Ok(BufferedRecord { key, value, origin: row.origin })
    }

    /// Calls `visit` for the keys and rows in order of time, until it breaks.
    fn visit(&mut self, mut visit: impl FnMut(&[u8], &Vec<u8>) -> ControlFlow<()>) -> Result {
        let all = (Bound::Unbounded, Bound::Unbounded);
        // Nothing follows the scan, wherever it ends.
        let _ = self
            .rows
            .scan(all, Direction::Forward, &mut |key, row| row.read(|row| visit(key, row)))?;
        Ok(())
    }
}

/// The time, the plain key and the number in the key of a row.
fn split(key: &[u8]) -> Option<(i64, &[u8], i32)> {
    let (time, rest) = key.strip_prefix(&[TIME_FIRST])?.split_first_chunk::<8>()?;
    let (plain, number) = rest.split_last_chunk::<4>()?;
    Some((i64::from_be_bytes(*time), plain, i32::from_be_bytes(*number)))
}

impl<K: 'static, V: 'static> StateStore for RecordBuffer<K, V> {
    fn name(&self) -> &str {
        Self::name(self)
    }

    fn open(&mut self, context: StoreContext) -> Result {
        self.rows.open(context);
        // Numbering continues after the existing rows, so that no row replaces another.
        let (mut number, mut earliest, mut wrong) = (0, None, false);
        self.visit(|key, _| {
            match split(key) {
                Some((time, _, taken)) => {
                    number = number.max(taken);
                    earliest.get_or_insert(time);
                }
                None => wrong = true,
            }
            ControlFlow::Continue(())
        })?;
        (self.number, self.earliest) = (number, earliest);
        if wrong { Err(self.rows.malformed()) } else { Ok(()) }
    }

    fn set_record_context(&mut self, context: &RecordContext) {
        self.rows.set_record_context(context);
    }

    fn is_dirty(&self) -> bool {
        self.rows.is_dirty()
    }

    fn has_pending(&self) -> bool {
        // The buffer does not wait for a commit.
        false
    }

    fn stage(&mut self, writer: &mut ChangelogWriter<'_>) -> Result {
        self.rows.stage(writer, |key| Some(key))
    }

    fn log_again(
        &mut self,
        key: &[u8],
        timestamp: i64,
        writer: &mut ChangelogWriter<'_>,
    ) -> Result {
        self.rows.log_again(key, key, timestamp, writer)
    }

    fn check(&self, key: &[u8], value: &[u8]) -> Result {
        let read = split(key).ok_or_else(|| "its key is too short".into());
        let read = read.and_then(|_| Row::read(value));
        read.map(drop).map_err(|cause| {
            let text = format!("a row of buffer `{}` can't be read", self.name());
            Error::with_source(ErrorKind::Deserialization, text, cause)
        })
    }

    fn usage(&self) -> StoreUsage {
        self.rows.usage()
    }

    fn committed(&mut self) {
        self.rows.committed();
    }

    fn begin_attempt(&mut self) {
        self.rows.begin_attempt();
        self.before = (self.number, self.earliest);
    }

    fn can_undo(&self) -> bool {
        true
    }

    fn undo_attempt(&mut self) {
        self.rows.undo_attempt();
        (self.number, self.earliest) = self.before;
    }

    fn end_attempt(&mut self) {
        self.rows.end_attempt();
    }
}

impl<K, V> std::fmt::Debug for RecordBuffer<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecordBuffer({})", self.rows.name)
    }
}
