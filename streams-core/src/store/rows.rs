//! The rows of a store, whatever the layout of its keys: overlay, database, changelog.

use std::{
    cmp::Ordering,
    ops::{Bound, ControlFlow},
    sync::Arc,
};

use state_store::{Direction, MemoryBudget, Overlay, merge_range};

use super::{
    ChangelogWriter, LogOrder, LoggedHeaders, RecordContext, StoreContext, StoreUsage, ValueCodec,
    found::{Found, decode},
    value_size::ValueSize,
};
use crate::{
    BoxError, Error, ErrorKind, Headers, Result,
    planted::{PlantedBug, is_planted},
    serde::{SerdeRef, Written},
};

/// An update that a cached store held back until the commit, under its local key.
pub(super) struct PendingRow<V> {
    pub(super) key: Box<[u8]>,
    pub(super) new: Option<V>,
    pub(super) old: Option<V>,
    pub(super) context: RecordContext,
}

/// Callback of a scan for each row, by local key.
pub(super) type VisitRow<'a, V> = dyn FnMut(&[u8], Found<'_, V>) -> Result<ControlFlow<()>> + 'a;

/// The changelog's form of a row.
pub(super) struct Logged<'b> {
    pub(super) key: &'b [u8],
    pub(super) value: Option<&'b [u8]>,
    pub(super) timestamp: i64,
}

/// Reads the keys of a store.
pub(super) struct KeyReader<K> {
    store: Arc<str>,
    serde: SerdeRef<K>,
}

impl<K> KeyReader<K> {
    pub(super) fn read(&self, bytes: &[u8]) -> Result<K> {
        let key = self.serde.deserialize(&self.store, Some(bytes));
        key.map_err(|cause| failed(&self.store, ErrorKind::Deserialization, "key", cause))
    }
}

/// Values by local key. One row is read and written through its [`Row`].
pub(super) struct Rows<K, V> {
    pub(super) name: Arc<str>,
    key_serde: SerdeRef<K>,
    codec: Arc<dyn ValueCodec<V>>,
    context: Option<StoreContext>,
    overlay: Overlay<V, RecordContext>,
    record: RecordContext,
    sizes: ValueSize,
    usage: StoreUsage,
    /// The record headers that the changelog keeps.
    logged_headers: LoggedHeaders,
    /// Buffers reused for each row and value: a plain key, a local key, a value.
    plain_key: Vec<u8>,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// The row of one local key, which is in the buffer of the store.
pub(super) struct Row<'r, K, V> {
    rows: &'r mut Rows<K, V>,
}

impl<K, V: Clone> Rows<K, V> {
    pub(super) fn new(
        name: Arc<str>,
        key_serde: SerdeRef<K>,
        codec: Arc<dyn ValueCodec<V>>,
    ) -> Self {
        Self {
            name,
            key_serde,
            codec,
            context: None,
            overlay: Overlay::new(MemoryBudget::new(0, 0).overlay_account()),
            record: RecordContext::default(),
            sizes: ValueSize::new(),
            usage: StoreUsage::default(),
            logged_headers: LoggedHeaders::None,
            plain_key: Vec::new(),
            key: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Writes these headers of records to the changelog.
    pub(super) fn logging_headers(self, logged_headers: LoggedHeaders) -> Self {
        Self { logged_headers, ..self }
    }

    pub(super) fn open(&mut self, context: StoreContext) {
        self.overlay = Overlay::new(context.budget.overlay_account());
        self.context = Some(context);
    }

    /// Like [`open`](Self::open), but written rows stay visible to [`Row::get_written`] and to
    /// scans after their commit.
    pub(super) fn open_with_clean_rows_scanned(&mut self, context: StoreContext) {
        self.overlay = Overlay::new(context.budget.overlay_account()).with_clean_rows_scanned();
        self.context = Some(context);
    }

    /// Sets the record that writes from now on. Its headers are kept only if a cache will forward
    /// them, or the changelog has them: many entries would hold on to them for nothing.
    pub(super) fn set_record_context(&mut self, context: &RecordContext) {
        let kept = self.logged_headers != LoggedHeaders::None || self.caching();
        let headers = if kept { context.headers.clone() } else { None };
        self.record = RecordContext {
            timestamp: context.timestamp,
            offset: context.offset,
            input: context.input,
            headers,
        };
    }

    pub(super) fn caching(&self) -> bool {
        self.context.as_ref().is_some_and(|context| context.caching)
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.overlay.is_dirty()
    }

    /// Counters of the rows' use, and their size.
    pub(super) fn usage(&self) -> StoreUsage {
        let context = self.context.as_ref();
        let entries = context.and_then(|of| of.database.approximate_entries(of.id).ok());
        let cache_bytes = u64::try_from(self.overlay.charged_bytes()).unwrap_or(u64::MAX);
        StoreUsage { entries: entries.unwrap_or(0), cache_bytes, ..self.usage }
    }

    /// The number of rows that were written since the last commit.
    pub(super) fn written_len(&self) -> usize {
        self.overlay.dirty_len()
    }

    pub(super) fn has_pending(&self) -> bool {
        self.overlay.has_pending()
    }

    pub(super) fn committed(&mut self) {
        self.overlay.committed();
    }

    pub(super) fn begin_attempt(&mut self) {
        self.overlay.begin_attempt();
    }

    pub(super) fn undo_attempt(&mut self) {
        self.overlay.undo_attempt();
    }

    pub(super) fn end_attempt(&mut self) {
        self.overlay.end_attempt();
    }

    pub(super) fn context(&self) -> Result<&StoreContext> {
        self.context.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::InvalidState, format!("store `{}` is not open", self.name))
        })
    }

    /// The row of a local key.
    pub(super) fn at_row(&mut self, local: &[u8]) -> Row<'_, K, V> {
        self.key.clear();
        self.key.extend_from_slice(local);
        Row { rows: self }
    }

    /// Appends the bytes of a key.
    pub(super) fn serialize_key(&self, key: &K, out: &mut Vec<u8>) -> Result {
        let topic = self.context.as_ref().map_or("", |context| &context.topic);
        match self.key_serde.serialize(topic, key, out) {
            Ok(Written::Bytes) => Ok(()),
            Ok(Written::Null) => Err(Error::new(
                ErrorKind::Serialization,
                format!("a null key can't be looked up in store `{}`", self.name),
            )),
            Err(cause) => Err(failed(&self.name, ErrorKind::Serialization, "key", cause)),
        }
    }

    /// The row of a key whose local key is its bytes.
    pub(super) fn at(&mut self, key: &K) -> Result<Row<'_, K, V>> {
        let mut local = std::mem::take(&mut self.key);
        local.clear();
        let serialized = self.serialize_key(key, &mut local);
        self.key = local;
        serialized.map(|()| Row { rows: self })
    }

    /// The row of a key whose local key `layout` appends for its bytes.
    pub(super) fn at_local(
        &mut self,
        key: &K,
        layout: impl FnOnce(&mut Vec<u8>, &[u8]),
    ) -> Result<Row<'_, K, V>> {
        let mut plain = std::mem::take(&mut self.plain_key);
        plain.clear();
        let serialized = self.serialize_key(key, &mut plain);
        self.key.clear();
        layout(&mut self.key, &plain);
        self.plain_key = plain;
        serialized.map(|()| Row { rows: self })
    }

    /// The reader of keys, separate from the rows, which a scan borrows.
    pub(super) fn keys(&self) -> KeyReader<K> {
        KeyReader { store: self.name.clone(), serde: self.key_serde.clone() }
    }

    pub(super) fn malformed(&self) -> Error {
        malformed(&self.name)
    }

    /// Checks that a key without its window, and a value, can be read.
    pub(super) fn check(&self, key: &[u8], value: &[u8]) -> Result {
        self.keys().read(key)?;
        self.decode(value).map(drop)
    }

    fn decode(&self, bytes: &[u8]) -> Result<V> {
        decode(&self.name, &*self.codec, bytes)
    }

    fn read_committed(&self, key: &[u8]) -> Result<(Option<V>, usize)> {
        let context = self.context()?;
        let bytes = context.database.get(context.id, key)?;
        let size = bytes.as_ref().map_or(0, Vec::len);
        Ok((bytes.map(|bytes| self.decode(&bytes)).transpose()?, size))
    }

    /// The rows between two local keys as the task sees them.
    pub(super) fn range(
        &mut self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
    ) -> Result<impl Iterator<Item = Result<(Box<[u8]>, V)>> + use<'_, K, V>> {
        self.usage.ranges += 1;
        let dirty = self.overlay.dirty_range(from, to, direction);
        let context = self.context()?;
        let clean = context.database.range(context.id, from, to, direction)?;
        Ok(merge_range(clean, dirty, direction, |bytes: &[u8]| self.decode(bytes)))
    }

    /// Calls `visit` for the rows between two local keys as the task sees them, until it breaks:
    /// the database's, overlaid by the uncommitted writes. Returns whether it reached the end.
    pub(super) fn scan(
        &mut self,
        (from, to): (Bound<&[u8]>, Bound<&[u8]>),
        direction: Direction,
        visit: &mut VisitRow<'_, V>,
    ) -> Result<ControlFlow<()>> {
        self.usage.ranges += 1;
        self.overlay.index_for_scans();
        let context = self.context()?;
        let mut written = self.overlay.dirty_rows(from, to);
        let mut next_written = || match direction {
            Direction::Forward => written.next(),
            Direction::Backward => written.next_back(),
        };
        let mut due = next_written();
        let mut outcome = Ok(ControlFlow::Continue(()));
        context.database.scan(context.id, (from, to), direction, &mut |key, bytes| {
            loop {
                let order = due.map_or(Ordering::Greater, |(due, _)| match direction {
                    Direction::Forward => due.cmp(key),
                    Direction::Backward => key.cmp(due),
                });
                let (key, found) = match (order, due) {
                    (Ordering::Less | Ordering::Equal, Some((key, value))) => {
                        due = next_written();
                        (key, value.map(|value| self.written_value(value)))
                    }
                    _ => (key, Some(self.stored_value(bytes))),
                };
                if let Some(found) = found {
                    outcome = visit(key, found);
                }
                if !matches!(outcome, Ok(ControlFlow::Continue(()))) {
                    return ControlFlow::Break(());
                }
                if order != Ordering::Less {
                    return ControlFlow::Continue(());
                }
            }
        })?;
        while let (Ok(ControlFlow::Continue(())), Some((key, value))) = (&outcome, due) {
            due = next_written();
            if let Some(value) = value {
                outcome = visit(key, self.written_value(value));
            }
        }
        outcome
    }

    /// Calls `visit` for the rows between two local keys that the overlay shows to scans, until it
    /// breaks, whatever the database has. Returns whether it reached the end.
    pub(super) fn scan_written(
        &mut self,
        (from, to): (Bound<&[u8]>, Bound<&[u8]>),
        direction: Direction,
        visit: &mut VisitRow<'_, V>,
    ) -> Result<ControlFlow<()>> {
        self.overlay.index_for_scans();
        let mut written = self.overlay.dirty_rows(from, to);
        let mut next = || match direction {
            Direction::Forward => written.next(),
            Direction::Backward => written.next_back(),
        };
        while let Some((key, value)) = next() {
            let Some(value) = value else { continue };
            if visit(key, self.written_value(value))?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Calls `visit` for the row of a local key, if there is one.
    pub(super) fn visit(&self, key: &[u8], visit: &mut VisitRow<'_, V>) -> Result<ControlFlow<()>> {
        match self.overlay.lookup(key) {
            Some(None) => Ok(ControlFlow::Continue(())),
            Some(Some(value)) => visit(key, self.written_value(value)),
            None => {
                let context = self.context()?;
                let Some(bytes) = context.database.get(context.id, key)? else {
                    return Ok(ControlFlow::Continue(()));
                };
                visit(key, self.stored_value(&bytes))
            }
        }
    }

    /// Returns whether the overlay knows the row of a local key.
    pub(super) fn knows(&self, key: &[u8]) -> bool {
        self.overlay.lookup(key).is_some()
    }

    /// Loads the rows between two local keys into the overlay that it does not know, as far as they
    /// are `wanted`. Returns after the first row that can't be read.
    pub(super) fn load_range(
        &mut self,
        bounds: (Bound<&[u8]>, Bound<&[u8]>),
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result {
        self.usage.ranges += 1;
        let Self { context: Some(context), overlay, codec, name, .. } = self else {
            return self.context().map(drop);
        };
        let mut read = Ok(());
        context.database.scan(context.id, bounds, Direction::Forward, &mut |key, bytes| {
            if wanted(key) {
                match decode(name, &**codec, bytes) {
                    Ok(value) => overlay.fill(key, Some(value), bytes.len()),
                    Err(error) => {
                        read = Err(error);
                        return ControlFlow::Break(());
                    }
                }
            }
            ControlFlow::Continue(())
        })?;
        read
    }

    /// Notes that the database has no row of a local key, unless the overlay knows one.
    pub(super) fn load_none(&mut self, key: &[u8]) {
        self.overlay.fill(key, None, 0);
    }

    fn written_value<'s>(&'s self, value: &'s V) -> Found<'s, V> {
        Found::written(&self.name, &*self.codec, value)
    }

    fn stored_value<'s>(&'s self, bytes: &'s [u8]) -> Found<'s, V> {
        Found::stored(&self.name, &*self.codec, bytes)
    }

    /// Returns whether the last write of a local key since the last commit left a value; `None` if
    /// there was no write.
    pub(super) fn written(&self, key: &[u8]) -> Option<bool> {
        self.overlay.lookup(key).map(|value| value.is_some())
    }

    /// The next update that the cache held back, in the order of the last writes. `old`, the value
    /// that downstream last saw, is read only if `send_old` asks for it, and `is_kept` tells
    /// whether the row of a local key has not expired. The deletion of a key of which downstream
    /// has never seen a value, nor [followed](Row::follow) one, is skipped, and undone if no part
    /// of it was sent.
    pub(super) fn next_pending(
        &mut self,
        send_old: bool,
        is_kept: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<PendingRow<V>>> {
        while let Some(entry) = self.overlay.next_pending() {
            let need_old = send_old || entry.value.is_none();
            let went_out = entry.forwarded.is_some();
            let forwarded = entry.forwarded.filter(|_| !is_planted(PlantedBug::ForgetForwarded));
            let old = match forwarded {
                _ if need_old && !is_kept(&entry.key) => None,
                Some(forwarded) => forwarded,
                None if need_old => self.read_committed(&entry.key)?.0,
                None => None,
            };
            if entry.value.is_none() && old.is_none() && !entry.followed {
                if !went_out {
                    self.overlay.undo(&entry.key);
                }
                continue;
            }
            let (key, new, context) = (entry.key, entry.value, entry.context);
            return Ok(Some(PendingRow { key, new, old: old.filter(|_| send_old), context }));
        }
        Ok(None)
    }

    /// Serialises all writes since the last commit, in the order of each key's last write.
    /// `changelog_key` is the part of a local key that goes into the changelog.
    pub(super) fn stage(
        &mut self,
        writer: &mut ChangelogWriter<'_>,
        changelog_key: impl Fn(&[u8]) -> Option<&[u8]>,
    ) -> Result {
        let (codec, name) = (self.codec.clone(), self.name.clone());
        self.stage_rows(writer, |key, row, record_timestamp| {
            let key = changelog_key(key).ok_or_else(|| malformed(&name))?;
            let value = row.map(|(_, bytes)| codec.changelog(bytes, record_timestamp));
            let (value, timestamp) = value.unzip();
            let timestamp = timestamp.unwrap_or(record_timestamp);
            Ok(Some(Logged { key, value, timestamp }))
        })
    }

    /// Like [`stage`](Self::stage), where `log` returns the changelog's form of a row, given its
    /// local key, its value with its bytes unless it was deleted, and the timestamp of the record
    /// that wrote it.
    pub(super) fn stage_rows(
        &mut self,
        writer: &mut ChangelogWriter<'_>,
        mut log: impl for<'b> FnMut(&'b [u8], Option<(&V, &'b [u8])>, i64) -> Result<Option<Logged<'b>>>,
    ) -> Result {
        static NONE: Headers = Headers::new();
        self.usage.flushes += 1;
        let mut bytes = std::mem::take(&mut self.value);
        let context = self.context()?;
        let deletions_last = writer.order == LogOrder::DeletionsLast;
        let rows = self.overlay.dirty().filter(|(_, row, _)| row.is_some() || !deletions_last);
        // Otherwise they are among the rows, and no second walk looks for them.
        let second = self.overlay.dirty().take_while(|_| deletions_last);
        let deletions = second.filter(|(_, row, _)| row.is_none());
        for (key, value, record) in rows.chain(deletions) {
            bytes.clear();
            let written = match value {
                None => Written::Null,
                Some(value) => {
                    let written = self.codec.write(&context.topic, value, &mut bytes);
                    written.map_err(|cause| {
                        failed(&self.name, ErrorKind::Serialization, "value", cause)
                    })?
                }
            };
            let row = value.filter(|_| written == Written::Bytes).map(|value| (value, &*bytes));
            match row {
                None => writer.batch.delete(context.id, key),
                Some((_, bytes)) => writer.batch.put(context.id, key, bytes),
            }
            let Some(logged) = log(key, row, record.timestamp)? else { continue };
            let own = row.and_then(|(_, bytes)| self.codec.headers(bytes));
            let is_logged = self.logged_headers.are_logged(row.is_none());
            let of_record = record.headers.as_deref().filter(|_| is_logged);
            let headers = own.as_ref().or(of_record).unwrap_or(&NONE);
            writer.log_row(record, logged.key, logged.value, logged.timestamp, headers)?;
        }
        self.value = bytes;
        Ok(())
    }

    /// Approximate size of an entry with this value, besides its slot.
    fn size_of(&mut self, value: Option<&V>) -> usize {
        let headers = self.record.headers.as_ref().map_or(0, |headers| headers.bytes());
        let Some(value) = value else { return headers };
        let size = self.sizes.estimate().unwrap_or_else(|| self.measure(value));
        headers + size
    }

    /// Number of bytes of a value; the mean if it can't be written, which the commit will report.
    fn measure(&mut self, value: &V) -> usize {
        let topic = self.context.as_ref().map_or("", |context| &context.topic);
        self.value.clear();
        let written = self.codec.write(topic, value, &mut self.value);
        let bytes = if written.is_ok() { self.value.len() } else { 0 };
        self.sizes.measured(bytes);
        bytes
    }

    /// Logs the row of a local key again, under its key in the changelog.
    pub(super) fn log_again(
        &self,
        key: &[u8],
        logged_key: &[u8],
        timestamp: i64,
        writer: &mut ChangelogWriter<'_>,
    ) -> Result {
        let context = self.context()?;
        let mut bytes = Vec::new();
        let row = match self.overlay.lookup(key) {
            Some(None) => None,
            Some(Some(value)) => {
                let written = self.codec.write(&context.topic, value, &mut bytes);
                let written = written.map_err(|cause| {
                    failed(&self.name, ErrorKind::Serialization, "value", cause)
                })?;
                (written == Written::Bytes).then_some(bytes)
            }
            None => context.database.get(context.id, key)?,
        };
        let Some(row) = row else { return writer.log(logged_key, None, timestamp) };
        let (logged, timestamp) = self.codec.changelog(&row, timestamp);
        match self.codec.headers(&row) {
            Some(headers) => writer.log_with(logged_key, Some(logged), timestamp, &headers),
            None => writer.log(logged_key, Some(logged), timestamp),
        }
    }
}

impl<'r, K, V: Clone> Row<'r, K, V> {
    /// Returns its value.
    pub(super) fn get(mut self) -> Result<Option<&'r V>> {
        self.rows.usage.gets += 1;
        self.load()?;
        let rows = self.rows;
        Ok(rows.overlay.lookup(&rows.key).flatten())
    }

    /// Returns its value if it was written and is still known, even if the database has dropped it.
    pub(super) fn get_written(self) -> Option<&'r V> {
        let rows = self.rows;
        rows.usage.gets += 1;
        rows.overlay.lookup_written(&rows.key).flatten()
    }

    /// Returns its value without keeping it for the next read.
    pub(super) fn get_uncached(self) -> Result<Option<V>> {
        self.rows.usage.gets += 1;
        if let Some(known) = self.rows.overlay.lookup(&self.rows.key) {
            return Ok(known.cloned());
        }
        self.rows.usage.misses += 1;
        Ok(self.rows.read_committed(&self.rows.key)?.0)
    }

    /// Returns the result of `read` on its value. A row that the overlay knows is looked up once.
    pub(super) fn read<R, E: From<Error>>(
        &mut self,
        read: impl FnOnce(Option<&V>) -> Result<R, E>,
    ) -> Result<R, E> {
        self.rows.usage.gets += 1;
        if let Some(known) = self.rows.overlay.lookup(&self.rows.key) {
            return read(known);
        }
        self.load()?;
        read(self.rows.overlay.lookup(&self.rows.key).flatten())
    }

    /// Makes its deletion visible downstream, if its value is held back and gone before it is
    /// forwarded.
    pub(super) fn follow(&mut self) {
        self.rows.overlay.follow(&self.rows.key);
    }

    /// Its local key.
    pub(super) fn key(&self) -> &[u8] {
        &self.rows.key
    }

    /// Sets or deletes its value.
    pub(super) fn write(self, value: Option<V>) {
        let rows = self.rows;
        rows.usage.puts += 1;
        let pending = rows.caching();
        let size = rows.size_of(value.as_ref());
        rows.overlay.write(&rows.key, value, rows.record.clone(), size, pending);
    }

    /// Deletes its value without telling downstream.
    pub(super) fn erase(self) {
        let rows = self.rows;
        rows.usage.puts += 1;
        let size = rows.size_of(None);
        rows.overlay.write(&rows.key, None, rows.record.clone(), size, false);
    }

    /// Loads it into the overlay, unless it is there.
    fn load(&mut self) -> Result {
        let rows = &mut *self.rows;
        if rows.overlay.lookup(&rows.key).is_none() {
            rows.usage.misses += 1;
            let (value, size) = rows.read_committed(&rows.key)?;
            rows.overlay.fill(&rows.key, value, size);
        }
        Ok(())
    }
}

/// The error for a local key that does not have the format of the store.
#[cold]
pub(super) fn malformed(store: &str) -> Error {
    Error::new(ErrorKind::State, format!("a key of store `{store}` is malformed"))
}

#[cold]
pub(super) fn failed(store: &str, kind: ErrorKind, part: &str, cause: BoxError) -> Error {
    let what = if kind == ErrorKind::Serialization { "serialised" } else { "read" };
    Error::with_source(kind, format!("a {part} of store `{store}` can't be {what}"), cause)
}
