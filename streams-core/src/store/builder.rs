//! Descriptions of stores.

use std::{collections::BTreeMap, fmt, marker::PhantomData, sync::Arc, time::Duration};

use state_store::{Segments, StoreFormat};

use super::{
    ChangeBuffer, CustomStateStore, CustomStore, HeadersCodec, HeadersKeyValueStore, KeyValueStore,
    ListValueStore, LoggedHeaders, OuterJoinStore, PlainCodec, RecordBuffer, SessionStore,
    StateStore, TimestampedCodec, TimestampedKeyValueStore, TimestampedWindowStore,
    ValueAndTimestamp, VersionedKeyValueStore, WindowStore,
};
use crate::{serde::SerdeRef, time::duration_ms};

/// The description of a store, without its types.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct StoreSpec {
    /// Its name.
    pub name: Arc<str>,
    /// Its layout in the database and the changelog.
    pub format: StoreFormat,
    /// True if it is in RocksDB rather than in memory.
    pub persistent: bool,
    /// True if it has a changelog.
    pub logging: bool,
    /// True if updates are held back until the commit, provided that the configuration has a cache.
    pub caching: bool,
    /// Settings of the changelog topic that differ from the defaults.
    pub changelog_config: BTreeMap<String, String>,
    /// Time for which a window store or a session store keeps its rows, in milliseconds.
    pub retention_ms: Option<i64>,
    /// True if a window store keeps all values with the same key and window start.
    pub retain_duplicates: bool,
    /// The record headers that the changelog keeps.
    pub logged_headers: LoggedHeaders,
    /// Limit on the rows of a key-value store.
    pub max_entries: Option<usize>,
    /// Lifetime of a row of a key-value store, in milliseconds of stream time.
    pub ttl_ms: Option<i64>,
}

impl StoreSpec {
    /// Returns whether the store has a stream time, by which its rows expire.
    pub(crate) fn has_stream_time(&self) -> bool {
        self.format.has_stream_time() || self.ttl_ms.is_some()
    }
}

/// Makes a store from its final description, once per task.
pub(crate) type MakeStore = Arc<dyn Fn(&StoreSpec) -> Box<dyn StateStore> + Send + Sync>;

/// Describes one store: its contents, its medium, and whether it is logged and cached.
///
/// Java's `StoreBuilder`. By default logged, not cached and in RocksDB.
pub struct StoreBuilder<S> {
    pub(crate) spec: StoreSpec,
    pub(crate) make: MakeStore,
    store: PhantomData<fn() -> S>,
}

impl<S: StateStore> StoreBuilder<S> {
    fn new(spec: StoreSpec, make: impl Fn(&StoreSpec) -> S + Send + Sync + 'static) -> Self {
        Self { spec, make: Arc::new(move |spec| Box::new(make(spec))), store: PhantomData }
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Keeps the rows in memory; they are restored from the changelog at each start.
    #[must_use]
    pub fn in_memory(mut self) -> Self {
        self.spec.persistent = false;
        self
    }

    /// Disables the changelog: the rows are lost with the machine.
    #[must_use]
    pub fn with_logging_disabled(mut self) -> Self {
        self.spec.logging = false;
        self
    }

    /// Enables the changelog, with these topic settings added to the defaults.
    #[must_use]
    pub fn with_logging_enabled(mut self, config: BTreeMap<String, String>) -> Self {
        self.spec.logging = true;
        self.spec.changelog_config = config;
        self
    }

    /// Holds updates back until the commit, provided that the configuration has a cache.
    #[must_use]
    pub fn with_caching_enabled(mut self) -> Self {
        self.spec.caching = true;
        self
    }

    /// Forwards each update at once.
    #[must_use]
    pub fn with_caching_disabled(mut self) -> Self {
        self.spec.caching = false;
        self
    }

    /// Writes the headers of each record that deletes a row to the changelog, as stores of Java's
    /// DSL do with `dsl.store.format=HEADERS` (KIP-1285).
    #[must_use]
    pub fn with_headers_of_deletions_logged(mut self) -> Self {
        self.spec.logged_headers = LoggedHeaders::OfDeletions;
        self
    }
}

impl<K: 'static, V: Clone + Send + 'static> StoreBuilder<KeyValueStore<K, V>> {
    /// Limits the number of rows: beyond it, the row that was read or written longest ago is
    /// deleted, in the changelog too. Such a store is not cached. After a restore, the order of use
    /// starts as the order of the keys. Java's `lruMap`.
    #[must_use]
    pub fn keeping_at_most(mut self, max_entries: usize) -> Self {
        self.spec.max_entries = Some(max_entries);
        self
    }

    /// Writes the headers of each record that changes a row to the changelog, as the subscriptions
    /// of a join by foreign key need.
    #[must_use]
    pub fn with_headers_logged(mut self) -> Self {
        self.spec.logged_headers = LoggedHeaders::All;
        self
    }
}

impl<K: 'static, V: Clone + Send + 'static> StoreBuilder<TimestampedKeyValueStore<K, V>> {
    /// Lets a row expire when stream time has reached its timestamp plus `ttl`: from then on it
    /// can't be read. Stream time is the greatest timestamp that was put into the store. Without a
    /// counterpart in Java.
    ///
    /// Commits sweep the store bit by bit, and delete expired rows from both the store and the
    /// changelog; neither grows for ever, and a restore brings no expired row back. Nothing is
    /// forwarded when a row expires. A row that is written again lives by its new timestamp.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_core::{serde, store::Stores};
    ///
    /// let day = Duration::from_secs(24 * 60 * 60);
    /// let sessions = Stores::timestamped_key_value("logins", serde::string(), serde::long()).with_ttl(day);
    /// assert_eq!(sessions.name(), "logins");
    /// ```
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.spec.ttl_ms = Some(duration_ms(ttl));
        self
    }
}

impl<K: 'static, V: Clone + Send + 'static> StoreBuilder<WindowStore<K, V>> {
    /// Keeps an index by time, to find the windows of all keys that start between two times, such
    /// as those that have closed: Java's `RocksDbTimeOrderedWindowBytesStoreSupplier`. Each row
    /// takes one more entry; the changelog is the same.
    #[must_use]
    pub fn in_order_of_time(mut self) -> Self {
        self.set_by_time();
        self
    }

    /// Keeps all values with the same key and window start, each under its own sequence number, and
    /// the headers of their records in the changelog, as the windows of a stream join need. Java's
    /// `retainDuplicates`.
    #[must_use]
    pub fn retaining_duplicates(mut self) -> Self {
        self.spec.retain_duplicates = true;
        self.spec.logged_headers = LoggedHeaders::All;
        self.spec.caching = false;
        self
    }
}

impl<K: 'static, V: Clone + Send + 'static> StoreBuilder<SessionStore<K, V>> {
    /// Keeps an index by time, to find the sessions of all keys that end between two times, such as
    /// those that have closed: Java's `RocksDbTimeOrderedSessionBytesStoreSupplier`. Each row takes
    /// one more entry; the changelog is the same.
    #[must_use]
    pub fn in_order_of_time(mut self) -> Self {
        self.set_by_time();
        self
    }
}

impl<S> StoreBuilder<S> {
    fn set_by_time(&mut self) {
        if let Some(segments) = self.spec.format.segments_mut() {
            segments.by_time = true;
        }
    }
}

impl<S> Clone for StoreBuilder<S> {
    fn clone(&self) -> Self {
        Self { spec: self.spec.clone(), make: self.make.clone(), store: PhantomData }
    }
}

impl<S> fmt::Debug for StoreBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreBuilder({:?})", self.spec)
    }
}

/// Makes store builders. Java's `Stores`.
///
/// ```
/// use streams_core::{serde, store::Stores};
///
/// let counts = Stores::key_value("counts", serde::string(), serde::long()).in_memory();
/// assert_eq!(counts.name(), "counts");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Stores;

impl Stores {
    /// A key-value store.
    pub fn key_value<K: 'static, V: Clone + Send + 'static>(
        name: impl Into<Arc<str>>,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> StoreBuilder<KeyValueStore<K, V>> {
        StoreBuilder::new(spec(name, StoreFormat::KeyValue, None), move |spec| {
            let codec = Arc::new(PlainCodec(value.clone()));
            KeyValueStore::new(spec, key.clone(), codec)
        })
    }

    /// A key-value store in memory with a limited number of rows:
    /// [`keeping_at_most`](StoreBuilder::keeping_at_most).
    pub fn lru_map<K: 'static, V: Clone + Send + 'static>(
        name: impl Into<Arc<str>>,
        max_entries: usize,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> StoreBuilder<KeyValueStore<K, V>> {
        Self::key_value(name, key, value).in_memory().keeping_at_most(max_entries)
    }

    /// A key-value store with a timestamp for each value.
    pub fn timestamped_key_value<K: 'static, V: Clone + Send + 'static>(
        name: impl Into<Arc<str>>,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> StoreBuilder<TimestampedKeyValueStore<K, V>> {
        StoreBuilder::new(spec(name, StoreFormat::TimestampedKeyValue, None), move |spec| {
            let codec = Arc::new(TimestampedCodec(value.clone()));
            let store = KeyValueStore::new(spec, key.clone(), codec);
            store.with_timestamps(spec, |row: &ValueAndTimestamp<V>| row.timestamp)
        })
    }

    /// A key-value store with a timestamp and headers for each value, which the changelog has, too;
    /// the changelog record of a deletion has the headers of the record that caused it. Java's
    /// `timestampedKeyValueStoreWithHeadersBuilder` (KIP-1271).
    pub fn key_value_with_headers<K: 'static, V: Clone + Send + 'static>(
        name: impl Into<Arc<str>>,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> StoreBuilder<HeadersKeyValueStore<K, V>> {
        let mut spec = spec(name, StoreFormat::HeadersKeyValue, None);
        spec.logged_headers = LoggedHeaders::All;
        StoreBuilder::new(spec, move |spec| {
            let codec = Arc::new(HeadersCodec(value.clone()));
            KeyValueStore::new(spec, key.clone(), codec)
        })
    }

    /// A store of the program's own; `make` makes an empty one for each task. Java's
    /// `StoreBuilder.build`.
    pub fn custom<S: CustomStore>(
        name: impl Into<Arc<str>>,
        make: impl Fn() -> S + Send + Sync + 'static,
    ) -> StoreBuilder<CustomStateStore<S>> {
        StoreBuilder::new(spec(name, StoreFormat::KeyValue, None), move |spec| {
            CustomStateStore::new(spec.name.clone(), make())
        })
    }

    /// A buffer that holds back the changes of a table.
    pub fn change_buffer<K: 'static, V: Clone + Send + 'static>(
        name: impl Into<Arc<str>>,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> StoreBuilder<ChangeBuffer<K, V>> {
        // Its rows have the bytes of the changelog, like those of a plain store.
        StoreBuilder::new(spec(name, StoreFormat::KeyValue, None), move |spec| {
            ChangeBuffer::new(spec.name.clone(), key.clone(), value.clone())
        })
    }

    /// A buffer that holds back the changes of a table and measures them in bytes, for which it
    /// serialises the values at each change: [`ChangeBuffer::bytes`].
    pub fn measured_change_buffer<K: 'static, V: Clone + Send + 'static>(
        name: impl Into<Arc<str>>,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> StoreBuilder<ChangeBuffer<K, V>> {
        StoreBuilder::new(spec(name, StoreFormat::KeyValue, None), move |spec| {
            ChangeBuffer::new(spec.name.clone(), key.clone(), value.clone()).measured()
        })
    }

    /// A window store; rows whose window starts more than `retention` before the newest are
    /// removed.
    pub fn window<K: 'static, V: Clone + Send + 'static>(
        name: impl Into<Arc<str>>,
        retention: Duration,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> StoreBuilder<WindowStore<K, V>> {
        let retention_ms = duration_ms(retention);
        let format = StoreFormat::Window(Segments::new(retention_ms));
        StoreBuilder::new(spec(name, format, Some(retention_ms)), move |spec| {
            let codec = Arc::new(PlainCodec(value.clone()));
            WindowStore::new(spec, key.clone(), codec)
        })
    }

    /// A store of versions, in which past values of a key can be read for `history`.
    pub fn versioned_key_value<K: 'static, V: Clone + Send + 'static>(
        name: impl Into<Arc<str>>,
        history: Duration,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> StoreBuilder<VersionedKeyValueStore<K, V>> {
        let format = StoreFormat::Versioned(Segments::new(duration_ms(history)));
        StoreBuilder::new(spec(name, format, None), move |spec| {
            VersionedKeyValueStore::new(spec, key.clone(), value.clone())
        })
    }

    /// A store with a list of values per key.
    pub fn list_value<K: 'static, V: Clone + Send + 'static>(
        name: impl Into<Arc<str>>,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> StoreBuilder<ListValueStore<K, V>> {
        StoreBuilder::new(spec(name, StoreFormat::KeyValue, None), move |spec| {
            ListValueStore::new(spec.name.clone(), key.clone(), value.clone())
        })
    }

    /// A buffer that holds back the records of a stream.
    pub fn record_buffer<K: 'static, V: 'static>(
        name: impl Into<Arc<str>>,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> StoreBuilder<RecordBuffer<K, V>> {
        StoreBuilder::new(spec(name, StoreFormat::KeyValue, None), move |spec| {
            RecordBuffer::new(spec.name.clone(), key.clone(), value.clone())
        })
    }

    /// A store of records of two streams that found no match so far.
    pub fn outer_join<K: 'static, L: Clone + Send + 'static, R: Clone + Send + 'static>(
        name: impl Into<Arc<str>>,
        key: SerdeRef<K>,
        left: SerdeRef<L>,
        right: SerdeRef<R>,
    ) -> StoreBuilder<OuterJoinStore<K, L, R>> {
        StoreBuilder::new(spec(name, StoreFormat::KeyValue, None), move |spec| {
            let (name, key) = (spec.name.clone(), key.clone());
            OuterJoinStore::new(name, key, left.clone(), right.clone())
        })
    }

    /// A session store; sessions that end more than `retention` before the newest are removed.
    pub fn session<K: 'static, V: Clone + Send + 'static>(
        name: impl Into<Arc<str>>,
        retention: Duration,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> StoreBuilder<SessionStore<K, V>> {
        let retention_ms = duration_ms(retention);
        let format = StoreFormat::Session(Segments::new(retention_ms));
        StoreBuilder::new(spec(name, format, Some(retention_ms)), move |spec| {
            let codec = Arc::new(PlainCodec(value.clone()));
            SessionStore::new(spec, key.clone(), codec)
        })
    }

    /// A window store with a timestamp for each value.
    pub fn timestamped_window<K: 'static, V: Clone + Send + 'static>(
        name: impl Into<Arc<str>>,
        retention: Duration,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> StoreBuilder<TimestampedWindowStore<K, V>> {
        let retention_ms = duration_ms(retention);
        let format = StoreFormat::TimestampedWindow(Segments::new(retention_ms));
        StoreBuilder::new(spec(name, format, Some(retention_ms)), move |spec| {
            let codec = Arc::new(TimestampedCodec(value.clone()));
            WindowStore::new(spec, key.clone(), codec)
        })
    }
}

fn spec(name: impl Into<Arc<str>>, format: StoreFormat, retention_ms: Option<i64>) -> StoreSpec {
    StoreSpec {
        name: name.into(),
        format,
        persistent: true,
        logging: true,
        caching: false,
        changelog_config: BTreeMap::new(),
        retention_ms,
        retain_duplicates: false,
        logged_headers: LoggedHeaders::None,
        max_entries: None,
        ttl_ms: None,
    }
}
