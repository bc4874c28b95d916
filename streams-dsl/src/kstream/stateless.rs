//! Operators that see one record at a time and keep nothing.
//!
//! Nulls pass through all of them: the closures see keys and values in the types of the stream.

use std::sync::Arc;

use streams_core::BoxError;

use super::KStream;
use crate::{
    graph::{Role, Slot, prefix},
    processors,
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// Keeps the records for which `predicate` holds. Java's `filter`.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("orders").filter(|_, amount| *amount > 1_000).to("large");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-FILTER-0000000001"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn filter(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.do_filter(move |key, value| Ok(predicate(key, value)), false)
    }

    /// As [`filter`](Self::filter), with a predicate that can fail.
    #[track_caller]
    #[must_use]
    pub fn try_filter<E: Into<BoxError>>(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
    ) -> Self {
        self.do_filter(move |key, value| predicate(key, value).map_err(Into::into), false)
    }

    /// Keeps the records for which `predicate` does not hold. Java's `filterNot`.
    #[track_caller]
    #[must_use]
    pub fn filter_not(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.do_filter(move |key, value| Ok(predicate(key, value)), true)
    }

    /// As [`filter_not`](Self::filter_not), with a predicate that can fail.
    #[track_caller]
    #[must_use]
    pub fn try_filter_not<E: Into<BoxError>>(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
    ) -> Self {
        self.do_filter(move |key, value| predicate(key, value).map_err(Into::into), true)
    }

    #[track_caller]
    fn do_filter(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, BoxError> + Send + Sync + 'static,
        not: bool,
    ) -> Self {
        let placed = self.next_node(prefix::FILTER);
        let supplier = processors::filter(Arc::new(predicate), not);
        let node = self.add_processor::<_, K, V>(&placed, Role::KeepsRecords, supplier);
        self.unchanged(placed, node)
    }

    /// Makes a new key and value of each record. Java's `map`.
    ///
    /// The key may change, so that grouping or joining what comes of it repartitions it; where the
    /// key stays, [`map_values`](Self::map_values) avoids that.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let lines = builder.stream::<String, String>("lines");
    /// lines.map(|key, line| (line.clone(), key.len() as i64)).to("lengths");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-MAP-0000000001"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn map<K2: Send + 'static, V2: Send + 'static>(
        &self,
        mapper: impl Fn(&K, &V) -> (K2, V2) + Send + Sync + 'static,
    ) -> KStream<K2, V2> {
        self.do_map(move |key, value| Ok(mapper(key, value)))
    }

    /// As [`map`](Self::map), with a mapper that can fail.
    #[track_caller]
    #[must_use]
    pub fn try_map<K2: Send + 'static, V2: Send + 'static, E: Into<BoxError>>(
        &self,
        mapper: impl Fn(&K, &V) -> Result<(K2, V2), E> + Send + Sync + 'static,
    ) -> KStream<K2, V2> {
        self.do_map(move |key, value| mapper(key, value).map_err(Into::into))
    }

    #[track_caller]
    fn do_map<K2: Send + 'static, V2: Send + 'static>(
        &self,
        mapper: impl Fn(&K, &V) -> Result<(K2, V2), BoxError> + Send + Sync + 'static,
    ) -> KStream<K2, V2> {
        let placed = self.next_node(prefix::MAP);
        let node = self.add_processor::<_, K2, V2>(
            &placed,
            Role::ChangesKey,
            processors::map(Arc::new(mapper)),
        );
        self.rekeyed(placed, node, Slot::unknown())
    }

    /// Makes a new value of each record's value. Java's `mapValues`.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, String>("lines").map_values(|line| line.len() as i64).to("lengths");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-MAPVALUES-0000000001"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn map_values<V2: Send + 'static>(
        &self,
        mapper: impl Fn(&V) -> V2 + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.do_map_values(move |_, value| Ok(mapper(value)))
    }

    /// As [`map_values`](Self::map_values), with a mapper that sees the key too.
    #[track_caller]
    #[must_use]
    pub fn map_values_with_key<V2: Send + 'static>(
        &self,
        mapper: impl Fn(&K, &V) -> V2 + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.do_map_values(move |key, value| Ok(mapper(key, value)))
    }

    /// As [`map_values`](Self::map_values), with a mapper that can fail.
    #[track_caller]
    #[must_use]
    pub fn try_map_values<V2: Send + 'static, E: Into<BoxError>>(
        &self,
        mapper: impl Fn(&V) -> Result<V2, E> + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.do_map_values(move |_, value| mapper(value).map_err(Into::into))
    }

    /// As [`map_values_with_key`](Self::map_values_with_key), with a mapper that can fail.
    #[track_caller]
    #[must_use]
    pub fn try_map_values_with_key<V2: Send + 'static, E: Into<BoxError>>(
        &self,
        mapper: impl Fn(&K, &V) -> Result<V2, E> + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.do_map_values(move |key, value| mapper(key, value).map_err(Into::into))
    }

    #[track_caller]
    fn do_map_values<V2: Send + 'static>(
        &self,
        mapper: impl Fn(&K, &V) -> Result<V2, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        let placed = self.next_node(prefix::MAP_VALUES);
        let supplier = processors::map_values(Arc::new(mapper));
        let node = self.add_processor::<_, K, V2>(&placed, Role::Other, supplier);
        self.with_values(placed, node, Slot::unknown())
    }

    /// Makes any number of records of each record, in the order in which they come. Java's
    /// `flatMap`.
    ///
    /// The keys may change: see [`map`](Self::map).
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let lines = builder.stream::<String, String>("lines");
    /// lines
    ///     .flat_map(|key, line| {
    ///         let words = line.split(' ').map(|word| (word.to_owned(), key.clone()));
    ///         words.collect::<Vec<_>>()
    ///     })
    ///     .to("words");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-FLATMAP-0000000001"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn flat_map<K2: Send + 'static, V2: Send + 'static, I>(
        &self,
        mapper: impl Fn(&K, &V) -> I + Send + Sync + 'static,
    ) -> KStream<K2, V2>
    where
        I: IntoIterator<Item = (K2, V2)> + 'static,
    {
        self.do_flat_map(move |key, value| Ok(mapper(key, value)))
    }

    /// As [`flat_map`](Self::flat_map), with a mapper that can fail.
    #[track_caller]
    #[must_use]
    pub fn try_flat_map<K2: Send + 'static, V2: Send + 'static, I, E: Into<BoxError>>(
        &self,
        mapper: impl Fn(&K, &V) -> Result<I, E> + Send + Sync + 'static,
    ) -> KStream<K2, V2>
    where
        I: IntoIterator<Item = (K2, V2)> + 'static,
    {
        self.do_flat_map(move |key, value| mapper(key, value).map_err(Into::into))
    }

    #[track_caller]
    fn do_flat_map<K2: Send + 'static, V2: Send + 'static, I>(
        &self,
        mapper: impl Fn(&K, &V) -> Result<I, BoxError> + Send + Sync + 'static,
    ) -> KStream<K2, V2>
    where
        I: IntoIterator<Item = (K2, V2)> + 'static,
    {
        let placed = self.next_node(prefix::FLAT_MAP);
        let supplier = processors::flat_map(Arc::new(mapper));
        let node = self.add_processor::<_, K2, V2>(&placed, Role::ChangesKey, supplier);
        self.rekeyed(placed, node, Slot::unknown())
    }

    /// Makes any number of records of each record's value, all under its key. Java's
    /// `flatMapValues`.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let lines = builder.stream::<String, String>("lines");
    /// lines.flat_map_values(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>()).to("words");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-FLATMAPVALUES-0000000001"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn flat_map_values<V2: Send + 'static, I>(
        &self,
        mapper: impl Fn(&V) -> I + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        I: IntoIterator<Item = V2> + 'static,
    {
        self.do_flat_map_values(move |_, value| Ok(mapper(value)))
    }

    /// As [`flat_map_values`](Self::flat_map_values), with a mapper that sees the key too.
    #[track_caller]
    #[must_use]
    pub fn flat_map_values_with_key<V2: Send + 'static, I>(
        &self,
        mapper: impl Fn(&K, &V) -> I + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        I: IntoIterator<Item = V2> + 'static,
    {
        self.do_flat_map_values(move |key, value| Ok(mapper(key, value)))
    }

    /// As [`flat_map_values`](Self::flat_map_values), with a mapper that can fail.
    #[track_caller]
    #[must_use]
    pub fn try_flat_map_values<V2: Send + 'static, I, E: Into<BoxError>>(
        &self,
        mapper: impl Fn(&V) -> Result<I, E> + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        I: IntoIterator<Item = V2> + 'static,
    {
        self.do_flat_map_values(move |_, value| mapper(value).map_err(Into::into))
    }

    #[track_caller]
    fn do_flat_map_values<V2: Send + 'static, I>(
        &self,
        mapper: impl Fn(&K, &V) -> Result<I, BoxError> + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        I: IntoIterator<Item = V2> + 'static,
    {
        let placed = self.next_node(prefix::FLAT_MAP_VALUES);
        let supplier = processors::flat_map_values(Arc::new(mapper));
        let node = self.add_processor::<_, K, V2>(&placed, Role::Other, supplier);
        self.with_values(placed, node, Slot::unknown())
    }

    /// Puts each record under a new key. Java's `selectKey`.
    ///
    /// Grouping or joining what comes of it repartitions it.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, String>("lines").select_key(|_, line| line.clone()).to("by-line");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-KEY-SELECT-0000000001"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn select_key<K2: Send + 'static>(
        &self,
        selector: impl Fn(&K, &V) -> K2 + Send + Sync + 'static,
    ) -> KStream<K2, V> {
        self.do_select_key(move |key, value| Ok(selector(key, value)))
    }

    /// As [`select_key`](Self::select_key), with a selector that can fail.
    #[track_caller]
    #[must_use]
    pub fn try_select_key<K2: Send + 'static, E: Into<BoxError>>(
        &self,
        selector: impl Fn(&K, &V) -> Result<K2, E> + Send + Sync + 'static,
    ) -> KStream<K2, V> {
        self.do_select_key(move |key, value| selector(key, value).map_err(Into::into))
    }

    /// Also the re-keying half of `group_by`.
    #[track_caller]
    pub(super) fn do_select_key<K2: Send + 'static>(
        &self,
        selector: impl Fn(&K, &V) -> Result<K2, BoxError> + Send + Sync + 'static,
    ) -> KStream<K2, V> {
        let placed = self.next_node(prefix::KEY_SELECT);
        let supplier = processors::select_key(Arc::new(selector));
        let node = self.add_processor::<_, K2, V>(&placed, Role::ChangesKey, supplier);
        self.rekeyed(placed, node, self.value_serde.clone())
    }

    /// Shows each record to `action` and passes it on. Java's `peek`.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let lines = builder.stream::<String, String>("lines");
    /// lines.peek(|key, line| println!("{key}: {line}")).to("seen");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-PEEK-0000000001"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn peek(&self, action: impl Fn(&K, &V) + Send + Sync + 'static) -> Self {
        self.do_peek(move |key, value| {
            action(key, value);
            Ok(())
        })
    }

    /// As [`peek`](Self::peek), with an action that can fail.
    #[track_caller]
    #[must_use]
    pub fn try_peek<E: Into<BoxError>>(
        &self,
        action: impl Fn(&K, &V) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        self.do_peek(move |key, value| action(key, value).map_err(Into::into))
    }

    #[track_caller]
    fn do_peek(
        &self,
        action: impl Fn(&K, &V) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Self {
        let placed = self.next_node(prefix::PEEK);
        let node = self.add_processor::<_, K, V>(
            &placed,
            Role::KeepsRecords,
            processors::peek(Arc::new(action)),
        );
        self.unchanged(placed, node)
    }

    /// Shows each record to `action`, and ends there. Java's `foreach`.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, String>("lines").for_each(|key, line| println!("{key}: {line}"));
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-FOREACH-0000000001"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn for_each(&self, action: impl Fn(&K, &V) + Send + Sync + 'static) {
        self.do_for_each(move |key, value| {
            action(key, value);
            Ok(())
        });
    }

    /// As [`for_each`](Self::for_each), with an action that can fail.
    #[track_caller]
    pub fn try_for_each<E: Into<BoxError>>(
        &self,
        action: impl Fn(&K, &V) -> Result<(), E> + Send + Sync + 'static,
    ) {
        self.do_for_each(move |key, value| action(key, value).map_err(Into::into));
    }

    #[track_caller]
    fn do_for_each(&self, action: impl Fn(&K, &V) -> Result<(), BoxError> + Send + Sync + 'static) {
        let placed = self.next_node(prefix::FOR_EACH);
        self.add_processor::<_, (), ()>(
            &placed,
            Role::Other,
            processors::for_each(Arc::new(action)),
        );
    }
}
