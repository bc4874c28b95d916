//! The stores in which an operator on streams keeps what it has seen.

use std::{collections::BTreeMap, fmt};

use streams_core::store::{StateStore, StoreBuilder};

use super::Named;

/// The stores that an operator on streams keeps, as a join of two streams does: what their names
/// begin with, and where they are. Java's `StreamJoined`, for any such operator.
///
/// In RocksDB and logged to changelog topics, unless said otherwise. The name of the operator
/// itself is said with [`named`](crate::KStream::named), and what is written has the serdes of the
/// streams.
///
/// ```
/// use std::time::Duration;
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let orders = builder.stream::<String, i64>("orders");
/// let payments = builder.stream::<String, i64>("payments");
/// let windows = JoinWindows::of_time_difference_with_no_grace(Duration::from_secs(60));
/// let joined = orders.join_stream(&payments, windows, |order, payment| payment - order);
/// joined.stored(StreamStored::named("paid").in_memory()).to("differences");
/// assert!(builder.build()?.describe().contains("(stores: [paid-this-join-store])"));
/// # Ok::<(), streams_dsl::Error>(())
/// ```
#[derive(Clone)]
pub struct StreamStored {
    pub(crate) name: Option<Named>,
    in_memory: bool,
    logging: Option<BTreeMap<String, String>>,
}

impl StreamStored {
    /// Names the store; where there are several, each name begins with `name`. Java's
    /// `withStoreName`.
    pub fn named(name: impl Into<Named>) -> Self {
        Self { name: Some(name.into()), ..Self::unnamed() }
    }

    /// Generated names.
    pub const fn unnamed() -> Self {
        Self { name: None, in_memory: false, logging: Some(BTreeMap::new()) }
    }

    /// Keeps the records in memory; they are restored from the changelogs at each start.
    #[must_use]
    pub fn in_memory(mut self) -> Self {
        self.in_memory = true;
        self
    }

    /// Disables the changelogs: what was kept is lost with the machine.
    #[must_use]
    pub fn with_logging_disabled(mut self) -> Self {
        self.logging = None;
        self
    }

    /// Enables the changelogs, with these topic settings added to the defaults.
    #[must_use]
    pub fn with_logging_enabled(mut self, config: BTreeMap<String, String>) -> Self {
        self.logging = Some(config);
        self
    }

    /// A store as it was described, or in memory in any case.
    pub(crate) fn configure<S: StateStore>(
        &self,
        store: StoreBuilder<S>,
        in_memory: bool,
    ) -> StoreBuilder<S> {
        let store = if self.in_memory || in_memory { store.in_memory() } else { store };
        match &self.logging {
            Some(config) => store.with_logging_enabled(config.clone()),
            None => store.with_logging_disabled(),
        }
    }
}

/// The stores of a join of streams, by Java's name.
pub type StreamJoined = StreamStored;

impl Default for StreamStored {
    fn default() -> Self {
        Self::unnamed()
    }
}

impl From<&str> for StreamStored {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

impl From<String> for StreamStored {
    fn from(name: String) -> Self {
        Self::named(name)
    }
}

impl fmt::Debug for StreamStored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamStored({:?})", self.name)
    }
}
