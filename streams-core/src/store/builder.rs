//! Describing stores.

use std::{collections::BTreeMap, fmt, marker::PhantomData, sync::Arc, time::Duration};

use state_store::{StoreFormat, key_schema::segment_interval};

use super::{
    ChangeBuffer, KeyValueStore, PlainCodec, StateStore, TimestampedCodec,
    TimestampedKeyValueStore, TimestampedWindowStore, WindowStore,
};
use crate::{serde::SerdeRef, time::duration_ms};

/// What is known of a store without its types.
#[derive(Clone, Debug)]
pub struct StoreSpec {
    /// Its name.
    pub name: Arc<str>,
    /// Its layout in the database and the changelog.
    pub format: StoreFormat,
    /// Whether it is in RocksDB rather than in memory.
    pub persistent: bool,
    /// Whether it has a changelog.
    pub logging: bool,
    /// Whether updates are held back until the commit, if the configuration has a cache.
    pub caching: bool,
    /// Settings of the changelog topic that differ from the usual ones.
    pub changelog_config: BTreeMap<String, String>,
    /// How long rows of a window store are kept, in milliseconds.
    pub retention_ms: Option<i64>,
}

/// Makes a store, once a task, of its final description.
pub(crate) type MakeStore = Arc<dyn Fn(&StoreSpec) -> Box<dyn StateStore> + Send + Sync>;

/// Describes one store: what it holds, where, and whether it is logged and cached.
///
/// Java's `StoreBuilder`. Logged, not cached and in RocksDB unless said otherwise.
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
        // In memory a segment is one window start, so that ranges over keys come in time order, as Java's
        // in-memory window store gives them, and rows expire exactly.
        match &mut self.spec.format {
            StoreFormat::Window { segment_interval_ms, .. }
            | StoreFormat::TimestampedWindow { segment_interval_ms, .. } => {
                *segment_interval_ms = 1;
            }
            StoreFormat::KeyValue | StoreFormat::TimestampedKeyValue => {}
        }
        self
    }

    /// Has no changelog: the rows are lost with the machine.
    #[must_use]
    pub fn with_logging_disabled(mut self) -> Self {
        self.spec.logging = false;
        self
    }

    /// Has a changelog, whose topic gets these settings beside the usual ones.
    #[must_use]
    pub fn with_logging_enabled(mut self, config: BTreeMap<String, String>) -> Self {
        self.spec.logging = true;
        self.spec.changelog_config = config;
        self
    }

    /// Holds updates back until the commit, if the configuration has a cache.
    #[must_use]
    pub fn with_caching_enabled(mut self) -> Self {
        self.spec.caching = true;
        self
    }

    /// Shows each update at once.
    #[must_use]
    pub fn with_caching_disabled(mut self) -> Self {
        self.spec.caching = false;
        self
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
            KeyValueStore::new(spec.name.clone(), key.clone(), codec)
        })
    }

    /// A key-value store with a timestamp beside each value.
    pub fn timestamped_key_value<K: 'static, V: Clone + Send + 'static>(
        name: impl Into<Arc<str>>,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> StoreBuilder<TimestampedKeyValueStore<K, V>> {
        StoreBuilder::new(spec(name, StoreFormat::TimestampedKeyValue, None), move |spec| {
            let codec = Arc::new(TimestampedCodec(value.clone()));
            KeyValueStore::new(spec.name.clone(), key.clone(), codec)
        })
    }

    /// A buffer that holds the changes of a table back.
    pub fn change_buffer<K: 'static, V: Clone + Send + 'static>(
        name: impl Into<Arc<str>>,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> StoreBuilder<ChangeBuffer<K, V>> {
        // Its rows have the bytes of the changelog, as those of a plain store.
        StoreBuilder::new(spec(name, StoreFormat::KeyValue, None), move |spec| {
            ChangeBuffer::new(spec.name.clone(), key.clone(), value.clone())
        })
    }

    /// A buffer that holds the changes of a table back and knows how many bytes it holds, which takes the bytes of
    /// the values at each change: [`ChangeBuffer::bytes`].
    pub fn measured_change_buffer<K: 'static, V: Clone + Send + 'static>(
        name: impl Into<Arc<str>>,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> StoreBuilder<ChangeBuffer<K, V>> {
        StoreBuilder::new(spec(name, StoreFormat::KeyValue, None), move |spec| {
            ChangeBuffer::new(spec.name.clone(), key.clone(), value.clone()).measured()
        })
    }

    /// A window store; rows whose window starts more than `retention` before the newest go.
    pub fn window<K: 'static, V: Clone + Send + 'static>(
        name: impl Into<Arc<str>>,
        retention: Duration,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> StoreBuilder<WindowStore<K, V>> {
        let retention_ms = duration_ms(retention);
        let segment_interval_ms = segment_interval(retention_ms);
        let format = StoreFormat::Window { retention_ms, segment_interval_ms };
        StoreBuilder::new(spec(name, format, Some(retention_ms)), move |spec| {
            let codec = Arc::new(PlainCodec(value.clone()));
            WindowStore::new(spec, key.clone(), codec)
        })
    }

    /// A window store with a timestamp beside each value.
    pub fn timestamped_window<K: 'static, V: Clone + Send + 'static>(
        name: impl Into<Arc<str>>,
        retention: Duration,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> StoreBuilder<TimestampedWindowStore<K, V>> {
        let retention_ms = duration_ms(retention);
        let segment_interval_ms = segment_interval(retention_ms);
        let format = StoreFormat::TimestampedWindow { retention_ms, segment_interval_ms };
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
    }
}
