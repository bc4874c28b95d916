//! The builder, at which streams and tables begin.

use std::{convert::Infallible, panic::Location, sync::Arc};

use streams_core::{
    Error, ErrorKind, Result,
    config::StreamsConfig,
    processor::Processor,
    serde::SerdeRef,
    store::{KeyValueStore, StateStore, StoreBuilder, StoreRef},
    topology::{ProcessorWrapper, Topology},
};

use crate::{
    GlobalKTable, GlobalStoreHandle, KStream, KTable, StoreHandle,
    operators::{GlobalStoreTopic, GlobalTopic, SourceTopics, TableTopic, UserStore},
    options::Consumed,
    plan::{BuildSettings, SharedPlan},
};

/// Builds a topology of streams and tables. Java's `StreamsBuilder`.
///
/// All streams and tables that come from a builder write to its graph; [`build`](Self::build) makes
/// a topology of it.
///
/// Serdes are looked for in this order: given with the operator, inherited from upstream,
/// registered with [`serde`](Self::serde). The types of Kafka's own serdes (`String`, `Vec<u8>`,
/// the numbers, `bool`, `Uuid`) are registered from the start, and each `T` stands for `Option<T>`
/// too.
///
/// ```
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// builder.stream::<String, String>("lines").map_values(|line| line.to_uppercase()).to("shouts");
/// let topology = builder.build()?;
/// assert!(topology.describe().contains("Processor: KSTREAM-MAPVALUES-0000000001 (stores: [])"));
/// # Ok::<(), streams_dsl::Error>(())
/// ```
#[derive(Default)]
pub struct StreamsBuilder {
    plan: SharedPlan,
}

impl StreamsBuilder {
    /// A builder without any stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes `serde` the one of all data of its type for which no other is given or inherited,
    /// nullable or not. In place of Java's `default.key.serde` and `default.value.serde`.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use streams_dsl::{prelude::*, serde::{Serde, SerdeRef, Written}};
    ///
    /// struct Celsius(i64);
    ///
    /// struct CelsiusSerde;
    ///
    /// impl Serde<Celsius> for CelsiusSerde {
    ///     fn serialize(&self, topic: &str, data: &Celsius, out: &mut Vec<u8>) -> Result<Written, BoxError> {
    ///         long().serialize(topic, &data.0, out)
    ///     }
    ///     fn deserialize(&self, topic: &str, data: Option<&[u8]>) -> Result<Celsius, BoxError> {
    ///         long().deserialize(topic, data).map(Celsius)
    ///     }
    /// }
    ///
    /// let celsius: SerdeRef<Celsius> = Arc::new(CelsiusSerde);
    /// let builder = StreamsBuilder::new().serde::<Celsius>(celsius);
    /// builder.stream::<String, Celsius>("readings").filter(|_, t| t.0 > 30).to("hot");
    /// assert!(builder.build().is_ok());
    /// ```
    #[must_use]
    pub fn serde<T: 'static>(self, serde: SerdeRef<T>) -> Self {
        self.plan.register_serde(serde);
        self
    }

    /// Lets `wrapper` wrap the processors of all operators, and those of the program. Java's
    /// `processor.wrapper.class` (KIP-1112). Names, stores and topics of the topology stay as they
    /// are, except for stores that the wrapper adds.
    ///
    /// ```
    /// use streams_dsl::{
    ///     prelude::*,
    ///     processor::{AnyRecord, InnerProcessor, WrappedProcessor},
    ///     topology::{ProcessorWrapper, WrapProcessor, WrappedNode},
    /// };
    ///
    /// /// Leaves records out whose header `test` says so, before the node `bill` sees them.
    /// struct LeaveOutTests;
    ///
    /// impl WrappedProcessor for LeaveOutTests {
    ///     fn process(&mut self, record: AnyRecord<'_>, inner: &mut InnerProcessor<'_>) -> Result<(), BoxError> {
    ///         match record.headers().last("test") {
    ///             Some(_) => Ok(inner.drop_record("it is a test")),
    ///             None => inner.process(record),
    ///         }
    ///     }
    /// }
    ///
    /// struct Wrapper;
    ///
    /// impl ProcessorWrapper for Wrapper {
    ///     fn wrap(&self, node: &mut WrappedNode<'_>) -> Option<WrapProcessor> {
    ///         if node.name() != "bill" {
    ///             return None;
    ///         }
    ///         Some(Box::new(|| Box::new(LeaveOutTests)))
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new().processor_wrapper(Wrapper);
    /// builder.stream::<String, i64>("orders").map_values(|cents| cents * 2).named("bill").to("bills");
    /// assert!(builder.build()?.describe().contains("Processor: bill (stores: [])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[must_use]
    pub fn processor_wrapper(self, wrapper: impl ProcessorWrapper + 'static) -> Self {
        self.plan.wrap_processors(Arc::new(wrapper));
        self
    }

    /// Reads topics as a stream: each record is an event of its own. Java's `stream`.
    ///
    /// A topic with records without a key is read as `stream::<Option<K>, V>`; one with tombstones
    /// as `stream::<K, Option<V>>`. A null that the type has no place for is a deserialization
    /// error. Two streams of the same topics are one source node.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream::<String, i64>("orders");
    /// let both = builder.stream(Consumed::topics(["a", "b"]).with(string(), long()));
    /// orders.merge(&both).to("all");
    /// assert!(builder.build()?.describe().contains("Source: KSTREAM-SOURCE-0000000001 (topics: [a, b])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn stream<K, V>(&self, consumed: impl Into<Consumed<K, V>>) -> KStream<K, V>
    where
        K: Send + 'static,
        V: Send + 'static,
    {
        KStream::of(self.plan.add(vec![], Location::caller(), SourceTopics(consumed.into())))
    }

    /// Reads a topic as a table: each record replaces the row of its key, and one without a value
    /// deletes it. Java's `table`.
    ///
    /// Records without a key are dropped. The table gets a store only where something below needs
    /// one; [`stored`](KTable::stored) gives it one in any case.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.table::<String, String>("customers").to_stream().to("customer-changes");
    /// assert!(builder.build()?.describe().contains("Processor: KTABLE-SOURCE-0000000002 (stores: [])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn table<K, V>(&self, consumed: impl Into<Consumed<K, V>>) -> KTable<K, V>
    where
        K: Clone + Send + 'static,
        V: Clone + Send + 'static,
    {
        KTable::of(self.plan.add(vec![], Location::caller(), TableTopic(consumed.into())))
    }

    /// Reads a topic as a table of which every instance has all rows. Java's `globalTable`.
    ///
    /// Each record replaces the row of its key, and one without a value deletes it; records without
    /// a key are dropped. The rows are always stored, and have no changelog: the topic is their
    /// log, and is read from its beginning, whatever the offset-reset policy. See [`GlobalKTable`]
    /// for when the rows are there; [`stored`](GlobalKTable::stored) names the store.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let rates = builder.global_table::<String, i64>("rates");
    /// let payments = builder.stream::<String, i64>("payments");
    /// payments.join_global(&rates, |country, _| country.clone(), |n, rate| n * rate).to("taxes");
    /// assert!(builder.build()?.describe().contains("(stores: [rates-STATE-STORE-0000000000])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn global_table<K, V>(&self, consumed: impl Into<Consumed<K, V>>) -> GlobalKTable<K, V>
    where
        K: Clone + Send + 'static,
        V: Clone + Send + 'static,
    {
        GlobalKTable::of(self.plan.add(vec![], Location::caller(), GlobalTopic(consumed.into())))
    }

    /// Adds a store of which every instance has all rows, and the processor that fills it from a
    /// topic; `supplier` makes one for each instance. Java's `addGlobalStore`.
    ///
    /// All records of the topic go through the processor, in all partitions from their beginning,
    /// also when the store is filled before the instance starts: there is no changelog, whatever
    /// `store` says. What nulls mean is up to the processor, and an error of it ends the instance.
    /// As with a [`GlobalKTable`], nothing synchronises these records with those of the tasks.
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use streams_dsl::{prelude::*, store::{GlobalStoreRef, KeyValueStore, StoreRef}};
    ///
    /// type Limits = KeyValueStore<String, i64>;
    ///
    /// /// Keeps the limits that are above zero.
    /// struct Keep(StoreRef<Limits>);
    ///
    /// impl Processor<String, i64, Infallible, Infallible> for Keep {
    ///     fn process(
    ///         &mut self,
    ///         record: Record<'_, String, i64>,
    ///         context: &mut Context<'_, Infallible, Infallible>,
    ///     ) -> Result<(), BoxError> {
    ///         let limit = (*record.value > 0).then_some(*record.value);
    ///         Ok(context.store(self.0)?.put(record.key, limit)?)
    ///     }
    /// }
    ///
    /// /// Passes on what is within its limit.
    /// struct Check(GlobalStoreRef<Limits>);
    ///
    /// impl Processor<String, i64, String, i64> for Check {
    ///     fn process(
    ///         &mut self,
    ///         record: Record<'_, String, i64>,
    ///         context: &mut Context<'_, String, i64>,
    ///     ) -> Result<(), BoxError> {
    ///         let limit = context.global_store(self.0)?.get(record.key)?;
    ///         if limit.is_none_or(|limit| *record.value <= limit) {
    ///             context.forward(record)?;
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// let limits = Stores::key_value("limits", string(), long());
    /// let limits = builder.add_global_store(limits, "limits", Keep);
    /// builder.stream::<String, i64>("orders").process_with(&limits, Check).to("fine");
    /// let text = builder.build()?.describe();
    /// assert!(text.contains("Processor: KTABLE-SOURCE-0000000001 (stores: [limits])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn add_global_store<KS, VS, K, V, P>(
        &self,
        store: StoreBuilder<KeyValueStore<KS, VS>>,
        consumed: impl Into<Consumed<K, V>>,
        supplier: impl Fn(StoreRef<KeyValueStore<KS, VS>>) -> P + Send + Sync + 'static,
    ) -> GlobalStoreHandle<KeyValueStore<KS, VS>>
    where
        KS: 'static,
        VS: Clone + Send + 'static,
        K: Send + 'static,
        V: Send + 'static,
        P: Processor<K, V, Infallible, Infallible> + 'static,
    {
        let name = store.name().into();
        let topic = GlobalStoreTopic::new(store, consumed.into(), supplier);
        GlobalStoreHandle::new(name, self.plan.add(vec![], Location::caller(), topic))
    }

    /// Adds a store for processors: see [`KStream::process_with`] and
    /// [`KStream::process_values_with`]. One that none of them gets is a mistake that
    /// [`build`](Self::build) reports. Java's `addStateStore`.
    #[track_caller]
    pub fn add_state_store<S: StateStore>(&self, store: StoreBuilder<S>) -> StoreHandle<S> {
        let name = store.name().into();
        self.plan.add(vec![], Location::caller(), UserStore::new(store));
        StoreHandle::new(name)
    }

    /// The topology of all that was made from this builder, as it is without a configuration.
    ///
    /// An instance whose configuration asks for another one, by optimisations for example, does not
    /// start: that takes [`build_with`](Self::build_with).
    ///
    /// # Errors
    /// `Topology` with all mistakes, one a line: names used twice, topics read twice, serdes that
    /// are missing. Each names the node and the line of the program that added it.
    pub fn build(&self) -> Result<Topology> {
        self.plan.build(BuildSettings::default())
    }

    /// Like [`build`](Self::build), with what the configuration says of how topologies are built:
    /// the optimisations (`topology.optimization`), the store of tables (`default.dsl.store`), and
    /// the version that an application is being upgraded from (`upgrade.from`). Java's
    /// `build(Properties)`.
    ///
    /// Optimisations change internal topics: an application that has run without them is to be
    /// reset before it runs with them.
    ///
    /// ```
    /// use streams_dsl::{config::{StreamsConfig, TopologyOptimization}, prelude::*};
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream::<String, String>("orders").select_key(|_, v| v.clone());
    /// orders.group_by_key().count().stored("a");
    /// orders.group_by_key().count().stored("b");
    /// let config = StreamsConfig::new("app", "localhost:9092")
    ///     .topology_optimization([TopologyOptimization::MergeRepartitionTopics]);
    /// let topology = builder.build_with(&config)?;
    /// assert_eq!(topology.describe().matches("-repartition])").count(), 1);
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`build`](Self::build); `Config` if the configuration has problems.
    pub fn build_with(&self, config: &StreamsConfig) -> Result<Topology> {
        let config = config.validate().map_err(|error| {
            Error::with_source(ErrorKind::Config, "the topology can't be configured", error)
        })?;
        self.plan.build(BuildSettings::from(&config))
    }
}

impl std::fmt::Debug for StreamsBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamsBuilder").finish_non_exhaustive()
    }
}
