//! The store of a table's rows.

use std::{collections::BTreeMap, fmt, time::Duration};

use streams_core::serde::SerdeRef;

use super::{Named, serdes::serde_fields};

/// The store of a table: its name, serdes, and where it is. Java's `Materialized`.
///
/// In RocksDB, logged to a changelog topic and cached, unless said otherwise. The changelog of a
/// named store is `<application id>-<name>-changelog`, and the test driver reads the store by its
/// name; a running instance answers no queries yet. The store of a global table has neither a
/// changelog nor a cache.
///
/// ```
/// use std::time::Duration;
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let clicks = builder.stream::<String, String>("clicks").group_by_key();
/// clicks.count().stored("clicks-per-user");
/// let store = Materialized::named("sessions-only").in_memory().with_logging_disabled();
/// clicks.count().stored(store);
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
    pub(crate) history: Option<Duration>,
    pub(crate) ttl: Option<Duration>,
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
            history: None,
            ttl: None,
        }
    }

    /// Names a store of versions, in which the values that a row had can be looked up for
    /// `history`: a join of a stream with such a table finds the value as of the record's
    /// timestamp. Java's `Materialized.as` with `Stores.persistentVersionedKeyValueStore` (KIP-889,
    /// KIP-914).
    ///
    /// An update takes the place in time that its timestamp gives it, whenever it comes; one that
    /// is older than the history is dropped. Such a store is of a table that is read from a topic,
    /// made by [`to_table`](crate::KStream::to_table) or aggregated without windows, and is never
    /// cached.
    ///
    /// A version of an aggregate begins at the greatest timestamp of what was folded into it, so
    /// that a late record changes the latest version and none before it, as in Java.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let day = Duration::from_secs(86_400);
    /// let prices = builder.table::<String, i64>("prices").stored(Materialized::versioned("prices", day));
    /// let orders = builder.stream::<String, i64>("orders");
    /// orders.join(&prices, |count, price| count * price).to("amounts");
    /// assert!(builder.build()?.describe().contains("(stores: [prices])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    pub fn versioned(name: impl Into<Named>, history: Duration) -> Self {
        Self { history: Some(history), ..Self::named(name) }
    }

    serde_fields!();

    /// Keeps the rows in memory; they are restored from the changelog at each start.
    #[must_use]
    pub fn in_memory(mut self) -> Self {
        self.in_memory = true;
        self
    }

    /// Disables the changelog: the rows are lost with the machine.
    #[must_use]
    pub fn with_logging_disabled(mut self) -> Self {
        self.logging = None;
        self
    }

    /// Enables the changelog, with these topic settings added to the defaults.
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

    /// Lets rows of a table without windows expire when they were not written for `ttl` of stream
    /// time; otherwise they stay for ever.
    ///
    /// An expired row is no longer found when it is looked up or updated, and commits delete it
    /// from the store and the changelog. Nothing is forwarded when it expires.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let day = Duration::from_secs(24 * 3_600);
    /// let logins = builder.stream::<String, String>("logins").group_by_key().count();
    /// logins.stored(Materialized::named("recent-logins").with_ttl(day)).to_stream().to("counts");
    /// builder.build()?;
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Sets how long the rows of a windowed table are kept, from their window's start: at least the
    /// size of the windows and their grace period, which is also the default.
    #[must_use]
    pub fn with_retention(mut self, retention: Duration) -> Self {
        self.retention = Some(retention);
        self
    }
}

impl<K, V> Materialized<K, V> {
    /// The same store for other keys, of which no serde is given.
    pub(crate) fn of_keys<K2>(self) -> Materialized<K2, V> {
        let Self {
            name, value_serde, in_memory, logging, caching, retention, history, ttl, ..
        } = self;
        let key_serde = None;
        Materialized {
            name,
            key_serde,
            value_serde,
            in_memory,
            logging,
            caching,
            retention,
            history,
            ttl,
        }
    }
}

impl<K, V> Clone for Materialized<K, V> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            in_memory: self.in_memory,
            logging: self.logging.clone(),
            caching: self.caching,
            retention: self.retention,
            history: self.history,
            ttl: self.ttl,
        }
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
