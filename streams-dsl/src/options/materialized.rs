//! Where the rows of a table are.

use std::{collections::BTreeMap, fmt, time::Duration};

use streams_core::serde::SerdeRef;

use super::Named;

/// The store of a table: its name, serdes, and where it is. Java's `Materialized`.
///
/// In RocksDB, logged to a changelog topic and cached, unless said otherwise. A named store can be
/// queried; its changelog is `<application id>-<name>-changelog`. The store of a global table has
/// neither a changelog nor a cache.
///
/// ```
/// use std::time::Duration;
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let clicks = builder.stream::<String, String>("clicks").group_by_key();
/// clicks.count_as("clicks-per-user");
/// clicks.count_as(Materialized::named("sessions-only").in_memory().with_logging_disabled());
/// let text = builder.build()?.describe();
/// assert!(text.contains("(stores: [clicks-per-user])") && text.contains("(stores: [sessions-only])"));
/// # Ok::<(), streams_dsl::Error>(())
/// ```
pub struct Materialized<K, V> {
    pub(crate) name: Option<Named>,
    pub(crate) key_serde: Option<SerdeRef<K>>,
    pub(crate) value_serde: Option<SerdeRef<V>>,
    pub(crate) in_memory: bool,
    pub(crate) logging: Option<BTreeMap<String, String>>,
    pub(crate) caching: bool,
    pub(crate) retention: Option<Duration>,
}

impl<K, V> Materialized<K, V> {
    /// Names the store.
    pub fn named(name: impl Into<Named>) -> Self {
        Self { name: Some(name.into()), ..Self::unnamed() }
    }

    /// A generated name.
    pub const fn unnamed() -> Self {
        Self {
            name: None,
            key_serde: None,
            value_serde: None,
            in_memory: false,
            logging: Some(BTreeMap::new()),
            caching: true,
            retention: None,
        }
    }

    /// Writes keys and values with these serdes.
    #[must_use]
    pub fn with(self, key: SerdeRef<K>, value: SerdeRef<V>) -> Self {
        self.with_key_serde(key).with_value_serde(value)
    }

    /// The serde of the keys.
    #[must_use]
    pub fn with_key_serde(mut self, serde: SerdeRef<K>) -> Self {
        self.key_serde = Some(serde);
        self
    }

    /// The serde of the values.
    #[must_use]
    pub fn with_value_serde(mut self, serde: SerdeRef<V>) -> Self {
        self.value_serde = Some(serde);
        self
    }

    /// Keeps the rows in memory; they are restored from the changelog at each start.
    #[must_use]
    pub fn in_memory(mut self) -> Self {
        self.in_memory = true;
        self
    }

    /// Has no changelog: the rows are lost with the machine.
    #[must_use]
    pub fn with_logging_disabled(mut self) -> Self {
        self.logging = None;
        self
    }

    /// Has a changelog, whose topic gets these settings beside the usual ones.
    #[must_use]
    pub fn with_logging_enabled(mut self, config: BTreeMap<String, String>) -> Self {
        self.logging = Some(config);
        self
    }

    /// Shows each update at once, instead of the last one of each key at every commit.
    #[must_use]
    pub fn with_caching_disabled(mut self) -> Self {
        self.caching = false;
        self
    }

    /// Shows the last update of each key at every commit; the default.
    #[must_use]
    pub fn with_caching_enabled(mut self) -> Self {
        self.caching = true;
        self
    }

    /// How long the rows of a windowed table are kept, from their window's start: at least the size
    /// of the windows and their grace period, which is also the default.
    #[must_use]
    pub fn with_retention(mut self, retention: Duration) -> Self {
        self.retention = Some(retention);
        self
    }
}

impl<K, V> Default for Materialized<K, V> {
    fn default() -> Self {
        Self::unnamed()
    }
}

impl<K, V> From<&str> for Materialized<K, V> {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

impl<K, V> From<String> for Materialized<K, V> {
    fn from(name: String) -> Self {
        Self::named(name)
    }
}

impl<K, V> fmt::Debug for Materialized<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Materialized({:?})", self.name)
    }
}
