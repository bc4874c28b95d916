//! The store of versions.

mod codec;

use std::{
    ops::{Bound, ControlFlow},
    sync::Arc,
};

use state_store::{
    Direction, Segments,
    key_schema::{
        Neighbours, Span, VersionEdit, history_bounds, history_key, history_segment_bound,
        latest_key, parse_versioned_key, plan_version, split_version,
    },
};

use self::codec::{Version, VersionCodec};
use super::{
    ChangelogWriter, RecordContext, StateStore, StoreContext, StoreSpec, StoreUsage,
    rows::{Rows, malformed},
    segmented::{seen_time_entry, stream_time_entry},
};
use crate::{
    Error, ErrorKind, Result,
    serde::{SerdeRef, Written},
};

/// A version of a key's value. Java's `VersionedRecord`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionedRecord<V> {
    /// The value.
    pub value: V,
    /// Start of its validity, in milliseconds since the epoch.
    pub timestamp: i64,
    /// End of its validity, exclusive; `None` if it is the latest.
    pub valid_to: Option<i64>,
}

/// The result of putting a version. Java's `put` returns a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionPut {
    /// The version is the latest of its key. Java's `PUT_RETURN_CODE_VALID_TO_UNDEFINED`.
    Latest,
    /// There is a later version, at whose timestamp this one ends.
    ValidTo(i64),
    /// The version is older than the history that is kept, so it was dropped and counted. Java's
    /// `PUT_RETURN_CODE_NOT_PUT`.
    TooOld,
}

/// A put that came too late: as in Java, it is in the changelog and nowhere else.
struct Late<V> {
    key: Vec<u8>,
    value: Option<V>,
    timestamp: i64,
}

/// A put that the changelog has not seen.
struct Put {
    number: u64,
    key: Box<[u8]>,
    value: Option<Box<[u8]>>,
    timestamp: i64,
}

/// State besides the rows at the beginning of the current attempt.
#[derive(Clone, Copy, Default)]
struct Before {
    stream_time: i64,
    puts: u64,
    dropped: u64,
    late: usize,
}

/// Values by key and time: each is valid from its timestamp up to that of the next one. Java's
/// `VersionedKeyValueStore` (KIP-889).
///
/// Stream time is the greatest timestamp that was put. The latest value of a key is always there;
/// earlier values can be read for times not older than stream time less the history retention, and
/// can be put for as long. A value replaces an existing one with the same timestamp. The store is
/// never cached.
///
/// ```
/// use std::time::Duration;
/// use streams_core::{
///     Result, serde,
///     store::{Stores, VersionedKeyValueStore},
/// };
///
/// let history = Duration::from_secs(86_400);
/// let prices = Stores::versioned_key_value("prices", history, serde::string(), serde::long());
/// assert_eq!(prices.name(), "prices");
///
/// /// Within a processor: the price of an article when it was ordered.
/// fn price_at(
///     store: &mut VersionedKeyValueStore<String, i64>,
///     article: &String,
///     ordered: i64,
/// ) -> Result<Option<i64>> {
///     Ok(store.get_as_of(article, ordered)?.map(|version| version.value))
/// }
/// ```
pub struct VersionedKeyValueStore<K, V> {
    rows: Rows<K, Version<V>>,
    value_serde: SerdeRef<V>,
    segments: Segments,
    stream_time: i64,
    /// The time of the latest version that a restore brought, which may belong to a record that is
    /// processed again.
    seen_time: i64,
    first_segment: i64,
    /// Number of puts since the store was opened, and of those that are committed: a version that
    /// only moved is not logged again.
    puts: u64,
    committed: u64,
    late: Vec<Late<V>>,
    dropped: u64,
    before: Before,
    /// Buffers: a plain key, a local key and two bounds.
    plain: Vec<u8>,
    local: Vec<u8>,
    lower: Vec<u8>,
    upper: Vec<u8>,
}

impl<K, V: Clone + 'static> VersionedKeyValueStore<K, V> {
    pub(super) fn new(spec: &StoreSpec, key_serde: SerdeRef<K>, value_serde: SerdeRef<V>) -> Self {
        let codec = Arc::new(VersionCodec(value_serde.clone()));
        Self {
            rows: Rows::new(spec.name.clone(), key_serde, codec),
            value_serde,
            segments: spec.format.versions().unwrap_or(Segments::new(i64::MAX)),
            stream_time: -1,
            seen_time: -1,
            first_segment: 0,
            puts: 0,
            committed: 0,
            late: Vec::new(),
            dropped: 0,
            before: Before::default(),
            plain: Vec::new(),
            local: Vec::new(),
            lower: Vec::new(),
            upper: Vec::new(),
        }
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.rows.name
    }

    /// Stream time of this store: the greatest timestamp that was put, -1 before the first.
    pub fn observed_stream_time(&self) -> i64 {
        self.stream_time
    }

    /// The latest version of a key; `None` if it was deleted or never put.
    ///
    /// # Errors
    /// `Serialization` if the key can't be written, `State` or `Deserialization` if the row can't
    /// be read.
    pub fn get(&mut self, key: &K) -> Result<Option<VersionedRecord<V>>> {
        self.begin(key)?;
        let latest = self.latest()?;
        Ok(latest.and_then(|version| version.record(None)))
    }

    /// The version of a key that was valid at a time, in milliseconds since the epoch; `None` if
    /// there was none or it is no longer known.
    ///
    /// # Errors
    /// The errors of [`get`](Self::get).
    pub fn get_as_of(&mut self, key: &K, time: i64) -> Result<Option<VersionedRecord<V>>> {
        self.begin(key)?;
        self.valid_at(time)
    }

    /// Sets the value of a key from `timestamp` on; `None` deletes it from then on.
    ///
    /// # Errors
    /// The errors of [`get`](Self::get).
    pub fn put(&mut self, key: &K, value: Option<V>, timestamp: i64) -> Result<VersionPut> {
        self.begin(key)?;
        if self.is_too_old(timestamp) {
            self.drop_late(value, timestamp);
            return Ok(VersionPut::TooOld);
        }
        let next = self.put_version(value, timestamp)?;
        Ok(next.map_or(VersionPut::Latest, VersionPut::ValidTo))
    }

    /// Deletes a key from `timestamp` on, and returns the version that was valid then.
    ///
    /// # Errors
    /// The errors of [`get`](Self::get).
    pub fn delete(&mut self, key: &K, timestamp: i64) -> Result<Option<VersionedRecord<V>>> {
        self.begin(key)?;
        if self.is_too_old(timestamp) {
            self.drop_late(None, timestamp);
            return Ok(None);
        }
        let valid = self.valid_at(timestamp)?;
        self.put_version(None, timestamp)?;
        Ok(valid)
    }

    fn is_too_old(&self, timestamp: i64) -> bool {
        timestamp < self.stream_time.saturating_sub(self.segments.retention_ms)
    }

    fn drop_late(&mut self, value: Option<V>, timestamp: i64) {
        self.dropped += 1;
        self.late.push(Late { key: self.plain.clone(), value, timestamp });
    }

    /// Selects the key for the calls that follow.
    fn begin(&mut self, key: &K) -> Result {
        self.plain.clear();
        self.rows.serialize_key(key, &mut self.plain)
    }

    /// The row of the latest version.
    fn latest(&mut self) -> Result<Option<Version<V>>> {
        self.local.clear();
        latest_key(&mut self.local, &self.plain);
        Ok(self.rows.at_row(&self.local).get()?.cloned())
    }

    fn valid_at(&mut self, time: i64) -> Result<Option<VersionedRecord<V>>> {
        if let Some(latest) = self.latest()?
            && latest.from <= time
        {
            return Ok(latest.record(None));
        }
        if self.is_too_old(time) {
            return Ok(None);
        }
        let Some(span) = self.behind(time)?.filter(|span| span.from <= time) else {
            return Ok(None);
        };
        let version = self.read(span)?;
        Ok(version.and_then(|version| version.record(Some(span.to))))
    }

    /// The first span of the key in the history that ends after `time`, found by a seek in each
    /// segment from there on.
    fn behind(&mut self, time: i64) -> Result<Option<Span>> {
        let first = self.segments.of(time).max(self.first_live_segment());
        let mut found = None;
        let newest = self.stream_time.max(self.seen_time);
        for segment in first..=self.segments.of(newest) {
            self.lower.clear();
            self.upper.clear();
            history_bounds((&mut self.lower, &mut self.upper), segment, &self.plain, time);
            let bounds = (Bound::Included(&*self.lower), Bound::Included(&*self.upper));
            let (plain, name) = (&self.plain, self.rows.name.clone());
            let seen = self.rows.scan(bounds, Direction::Forward, &mut |local, _| {
                let (key, span) = parse_versioned_key(local).ok_or_else(|| malformed(&name))?;
                if key != plain.as_slice() {
                    return Ok(ControlFlow::Continue(()));
                }
                found = span;
                Ok(ControlFlow::Break(()))
            })?;
            if seen.is_break() {
                break;
            }
        }
        Ok(found)
    }

    fn read(&mut self, span: Span) -> Result<Option<Version<V>>> {
        self.local.clear();
        history_key(&mut self.local, self.segments.interval_ms, &self.plain, span);
        Ok(self.rows.at_row(&self.local).get()?.cloned())
    }

    fn write(&mut self, span: Span, version: Option<Version<V>>) {
        self.local.clear();
        history_key(&mut self.local, self.segments.interval_ms, &self.plain, span);
        self.rows.at_row(&self.local).write(version);
    }

    /// Puts a version that is not too old, and returns the start of the next one.
    fn put_version(&mut self, value: Option<V>, timestamp: i64) -> Result<Option<i64>> {
        self.stream_time = self.stream_time.max(timestamp);
        let newest = self.latest()?;
        let latest = newest.as_ref().map(|version| version.from);
        let behind = match latest {
            Some(latest) if latest <= timestamp => None,
            _ => self.behind(timestamp)?,
        };
        let neighbours = Neighbours { latest, behind };
        let (edits, next) = plan_version(timestamp, value.is_some(), neighbours);
        self.puts += 1;
        let version = Version { value, from: timestamp, number: self.puts };
        for edit in edits {
            match edit {
                VersionEdit::Retire(span) => self.write(span, newest.clone()),
                VersionEdit::Shorten(span, to) => {
                    let shortened = self.read(span)?;
                    self.write(span, None);
                    self.write(Span { to, ..span }, shortened);
                }
                VersionEdit::Remove(span) => {
                    if self.read(span)?.is_some() {
                        self.write(span, None);
                    }
                }
                VersionEdit::RemoveLatest => self.write_latest(None),
                VersionEdit::PutLatest => self.write_latest(Some(version.clone())),
                VersionEdit::Put(span) => self.write(span, Some(version.clone())),
            }
        }
        Ok(next)
    }

    fn write_latest(&mut self, version: Option<Version<V>>) {
        self.local.clear();
        latest_key(&mut self.local, &self.plain);
        self.rows.at_row(&self.local).write(version);
    }

    fn first_live_segment(&self) -> i64 {
        let oldest = self.stream_time.saturating_sub(self.segments.retention_ms);
        self.segments.of(oldest.max(0))
    }

    /// Logs the puts that came too late, as Java does, after all that made them late.
    fn log_late(&self, writer: &mut ChangelogWriter<'_>) -> Result {
        let topic = &self.rows.context()?.topic;
        for Late { key, value, timestamp } in &self.late {
            let mut bytes = Vec::new();
            let written = match value {
                None => Written::Null,
                Some(value) => {
                    self.value_serde.serialize(topic, value, &mut bytes).map_err(|cause| {
                        let text =
                            format!("a value of store `{}` can't be serialised", self.name());
                        Error::with_source(ErrorKind::Serialization, text, cause)
                    })?
                }
            };
            let value = (written == Written::Bytes).then_some(&*bytes);
            writer.log(key, value, *timestamp)?;
        }
        Ok(())
    }
}

impl<K: 'static, V: Clone + Send + 'static> StateStore for VersionedKeyValueStore<K, V> {
    fn name(&self) -> &str {
        Self::name(self)
    }

    fn open(&mut self, context: StoreContext) -> Result {
        let observed = context.database.offset(&stream_time_entry(self.name()))?;
        self.stream_time = observed.unwrap_or(-1);
        let seen = context.database.offset(&seen_time_entry(self.name()))?;
        self.seen_time = seen.unwrap_or(-1);
        self.first_segment = 0;
        self.rows.open(StoreContext { caching: false, ..context });
        Ok(())
    }

    fn set_record_context(&mut self, context: &RecordContext) {
        self.rows.set_record_context(context);
    }

    fn is_dirty(&self) -> bool {
        self.rows.is_dirty() || !self.late.is_empty()
    }

    fn has_pending(&self) -> bool {
        false
    }

    fn stage(&mut self, writer: &mut ChangelogWriter<'_>) -> Result {
        let (committed, name) = (self.committed, self.rows.name.clone());
        let mut puts: Vec<Put> = Vec::new();
        self.rows.stage_rows(writer, |local, row, _| {
            if let Some((version, bytes)) = row.filter(|(version, _)| version.number > committed) {
                let (key, _) = parse_versioned_key(local).ok_or_else(|| malformed(&name))?;
                let (timestamp, value) = split_version(bytes).ok_or_else(|| malformed(&name))?;
                let (key, value) = (key.into(), value.map(Box::from));
                puts.push(Put { number: version.number, key, value, timestamp });
            }
            Ok(None)
        })?;
        // A restore puts them in this order, and must find none of them too old.
        puts.sort_unstable_by_key(|put| put.number);
        for Put { key, value, timestamp, .. } in puts {
            writer.log(&key, value.as_deref(), timestamp)?;
        }
        self.log_late(writer)?;
        let (id, first_live) = (self.rows.context()?.id, self.first_live_segment());
        if first_live > self.first_segment {
            let begin = history_segment_bound(self.first_segment);
            writer.batch.delete_range(id, &begin, &history_segment_bound(first_live));
            self.first_segment = first_live;
        }
        writer.batch.set_mark(&stream_time_entry(self.name()), self.stream_time);
        Ok(())
    }

    /// Logs all versions of the key again, each with its own timestamp.
    fn log_again(
        &mut self,
        key: &[u8],
        timestamp: i64,
        writer: &mut ChangelogWriter<'_>,
    ) -> Result {
        self.plain.clear();
        self.plain.extend_from_slice(key);
        let mut versions = Vec::new();
        let mut time = -1;
        while let Some(span) = self.behind(time)? {
            versions.extend(self.read(span)?);
            time = span.to;
        }
        versions.extend(self.latest()?);
        if versions.is_empty() {
            return writer.log(key, None, timestamp);
        }
        let topic = self.rows.context()?.topic.clone();
        for version in versions {
            let mut bytes = Vec::new();
            let written = version.value.map_or(Ok(Written::Null), |value| {
                self.value_serde.serialize(&topic, &value, &mut bytes)
            });
            let written = written.map_err(|cause| {
                let text = format!("a value of store `{}` can't be serialised", self.name());
                Error::with_source(ErrorKind::Serialization, text, cause)
            })?;
            let value = (written == Written::Bytes).then_some(&*bytes);
            writer.log(key, value, version.from)?;
        }
        Ok(())
    }

    fn check(&self, key: &[u8], value: &[u8]) -> Result {
        let (plain, _) = parse_versioned_key(key).ok_or_else(|| self.rows.malformed())?;
        self.rows.check(plain, value)
    }

    fn usage(&self) -> StoreUsage {
        self.rows.usage()
    }

    fn committed(&mut self) {
        self.committed = self.puts;
        self.late.clear();
        self.rows.committed();
    }

    fn begin_attempt(&mut self) {
        self.rows.begin_attempt();
        let Self { stream_time, puts, dropped, late, .. } = self;
        self.before =
            Before { stream_time: *stream_time, puts: *puts, dropped: *dropped, late: late.len() };
    }

    fn can_undo(&self) -> bool {
        true
    }

    fn undo_attempt(&mut self) {
        self.rows.undo_attempt();
        let Before { stream_time, puts, dropped, late } = self.before;
        (self.stream_time, self.puts, self.dropped) = (stream_time, puts, dropped);
        self.late.truncate(late);
    }

    fn end_attempt(&mut self) {
        self.rows.end_attempt();
    }

    fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

impl<K, V> std::fmt::Debug for VersionedKeyValueStore<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VersionedKeyValueStore({})", self.rows.name)
    }
}
