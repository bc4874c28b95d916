//! The store of a table, before it is added to a topology.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use streams_core::store::{
    SessionStore, StateStore, StoreBuilder, Stores, TimestampedKeyValueStore,
    TimestampedWindowStore, VersionedKeyValueStore,
};

use super::{BuildSettings, Lowering, Name, Rows, Slot, StoredRows, VersionedRows};
use crate::options::Materialized;

/// A store with a name, as its user described it.
pub(crate) struct TableStore<K, V> {
    pub(crate) name: Name,
    key_serde: Slot<K>,
    value_serde: Slot<V>,
    in_memory: bool,
    logging: Option<BTreeMap<String, String>>,
    caching: bool,
    /// For how long it keeps versions, if it does.
    history: Option<Duration>,
    ttl: Option<Duration>,
}

impl<K, V> Clone for TableStore<K, V> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            in_memory: self.in_memory,
            logging: self.logging.clone(),
            caching: self.caching,
            history: self.history,
            ttl: self.ttl,
        }
    }
}

impl<K: 'static, V: Clone + Send + 'static> TableStore<K, V> {
    /// The store that `materialized` describes, under the name that was found for it.
    pub(crate) fn new(
        name: Name,
        materialized: Materialized<K, V>,
        key_serde: &Slot<K>,
        value_serde: &Slot<V>,
    ) -> Self {
        let Materialized { key_serde: key, value_serde: value, .. } = materialized;
        Self {
            name,
            key_serde: Slot::given(key).or(key_serde),
            value_serde: Slot::given(value).or(value_serde),
            in_memory: materialized.in_memory,
            logging: materialized.logging,
            caching: materialized.caching,
            history: materialized.history,
            ttl: materialized.ttl,
        }
    }

    /// Access to the rows that it keeps by key.
    pub(crate) fn rows(&self) -> Arc<dyn Rows<K, V>> {
        match self.history {
            Some(history) => Arc::new(VersionedRows(self.name.clone(), history)),
            None => Arc::new(StoredRows(self.name.clone())),
        }
    }

    /// Builds it as a store of versions for `node`, if it is one.
    pub(crate) fn versioned(
        &self,
        lowering: &mut Lowering<'_>,
        node: &str,
    ) -> Option<StoreBuilder<VersionedKeyValueStore<K, V>>> {
        let history = self.history?;
        let instead = "keeps versions, of which the latest one stays and older ones live by the history: give it one that fits";
        self.refuse_ttl(lowering, instead);
        let key = lowering.serde(&self.key_serde, node, "key");
        let value = lowering.serde(&self.value_serde, node, "value");
        let store = Stores::versioned_key_value(self.name.clone(), history, key, value);
        Some(self.configure(store, lowering.settings()).with_caching_disabled())
    }

    /// Notes a mistake if it is to keep versions, where it can't.
    fn check_versions(&self, lowering: &mut Lowering<'_>, node: &str) {
        if self.history.is_some() {
            let name = &self.name;
            lowering.problem(format!(
                "store `{name}` of node `{node}` can't be versioned: only that of a table that is read from a topic, \
                 made by `to_table` or aggregated without windows can"
            ));
        }
    }

    /// Builds it as a key-value store for `node`.
    pub(crate) fn key_value(
        &self,
        lowering: &mut Lowering<'_>,
        node: &str,
    ) -> StoreBuilder<TimestampedKeyValueStore<K, V>> {
        let key = lowering.serde(&self.key_serde, node, "key");
        let value = lowering.serde(&self.value_serde, node, "value");
        self.check_versions(lowering, node);
        let store = Stores::timestamped_key_value(self.name.clone(), key, value);
        let store = match self.ttl {
            Some(ttl) => store.with_ttl(ttl),
            None => store,
        };
        self.configure(store, lowering.settings())
    }

    /// Builds it as a window store for `node`.
    pub(crate) fn window(
        &self,
        lowering: &mut Lowering<'_>,
        node: &str,
        retention: Duration,
    ) -> StoreBuilder<TimestampedWindowStore<K, V>> {
        let key = lowering.serde(&self.key_serde, node, "key");
        let value = lowering.serde(&self.value_serde, node, "value");
        self.check_versions(lowering, node);
        let store = Stores::timestamped_window(self.name.clone(), retention, key, value);
        let instead =
            "has windows, whose rows live by their retention: give it one by `with_retention`";
        self.refuse_ttl(lowering, instead);
        self.configure(store, lowering.settings())
    }

    /// Builds it as a session store for `node`.
    pub(crate) fn session(
        &self,
        lowering: &mut Lowering<'_>,
        node: &str,
        retention: Duration,
    ) -> StoreBuilder<SessionStore<K, V>> {
        let key = lowering.serde(&self.key_serde, node, "key");
        let value = lowering.serde(&self.value_serde, node, "value");
        self.check_versions(lowering, node);
        let store = Stores::session(self.name.clone(), retention, key, value);
        let instead =
            "has windows, whose rows live by their retention: give it one by `with_retention`";
        self.refuse_ttl(lowering, instead);
        self.configure(store, lowering.settings())
    }

    /// Notes a mistake if rows are to expire that have another span of life.
    fn refuse_ttl(&self, lowering: &mut Lowering<'_>, instead: &str) {
        if self.ttl.is_some() {
            lowering.problem(format!("store `{}` {instead}, and no time to live", self.name));
        }
    }

    fn configure<S: StateStore>(
        &self,
        mut store: StoreBuilder<S>,
        settings: BuildSettings,
    ) -> StoreBuilder<S> {
        if self.in_memory || settings.in_memory_stores {
            store = store.in_memory();
        } else if settings.header_stores && self.history.is_none() {
            store = store.with_headers_of_deletions_logged();
        }
        store = match &self.logging {
            Some(config) => store.with_logging_enabled(config.clone()),
            None => store.with_logging_disabled(),
        };
        if self.caching { store.with_caching_enabled() } else { store.with_caching_disabled() }
    }
}
