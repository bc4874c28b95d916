//! `GlobalKTable`: a table of which every instance has all rows.

use std::{fmt, marker::PhantomData};

use streams_core::store::{GlobalStoreRef, TimestampedKeyValueStore};

use crate::{
    ConnectedStores,
    options::{Materialized, Named},
    plan::{Lowering, StepRef},
    store_handle::FindStores,
};

type Store<K, V> = TimestampedKeyValueStore<K, V>;

/// A table of which every instance has all rows, from all partitions of its topic. Java's
/// `GlobalKTable`.
///
/// A stream looks rows up by any key that it can make of a record, with [`KStream::join_global`]
/// and [`KStream::left_join_global`]: neither side is repartitioned, and their topics need not have
/// equal numbers of partitions. In return each instance keeps the whole topic, which should be
/// compacted, and so not too big.
///
/// The rows are read by a thread of their own: up to the end of the topic before the instance
/// starts, and then as they come. They are not synchronised with the streams by their timestamps,
/// as those of a [`KTable`](crate::KTable) are: a record sees the rows that its instance has read
/// when it is processed. An update of the table by itself gives no result.
///
/// A processor that was given `&table` by [`KStream::process_with`] reads the rows too.
///
/// ```
/// use streams_dsl::{prelude::*, store::{GlobalStoreRef, TimestampedKeyValueStore}};
///
/// /// Forwards whether there is a rate for a currency.
/// struct Known(GlobalStoreRef<TimestampedKeyValueStore<String, f64>>);
///
/// impl Processor<String, String, String, bool> for Known {
///     fn process(
///         &mut self,
///         record: Record<'_, String, String>,
///         context: &mut Context<'_, String, bool>,
///     ) -> Result<(), BoxError> {
///         let known = context.global_store(self.0)?.get(record.value)?.is_some();
///         Ok(context.forward(record.with_value(&known))?)
///     }
/// }
///
/// let builder = StreamsBuilder::new();
/// let rates = builder.global_table::<String, f64>("rates");
/// builder.stream::<String, String>("asked").process_with(&rates, Known).to("known");
/// assert!(builder.build()?.describe().contains("Sub-topology: 0 for global store"));
/// # Ok::<(), streams_dsl::Error>(())
/// ```
///
/// [`KStream::join_global`]: crate::KStream::join_global
/// [`KStream::left_join_global`]: crate::KStream::left_join_global
/// [`KStream::process_with`]: crate::KStream::process_with
pub struct GlobalKTable<K, V> {
    step: StepRef,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> GlobalKTable<K, V> {
    pub(crate) const fn of(step: StepRef) -> Self {
        Self { step, types: PhantomData }
    }

    pub(crate) const fn step(&self) -> &StepRef {
        &self.step
    }

    /// Names the nodes that read the topic. Java's `Named`.
    #[expect(clippy::return_self_not_must_use, reason = "it is an option of what was added before")]
    pub fn named(self, name: impl Into<Named>) -> Self {
        self.step.set_name(name.into());
        self
    }
}

impl<K, V> GlobalKTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// Names the store, or describes it: its name, its serdes, and whether it is in memory.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let rates = builder.global_table::<String, f64>("rates").stored("rates-by-currency");
    /// assert_eq!(rates.queryable_store_name().as_deref(), Some("rates-by-currency"));
    /// assert!(builder.build()?.describe().contains("(stores: [rates-by-currency])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[expect(clippy::return_self_not_must_use, reason = "it is an option of what was added before")]
    pub fn stored(self, store: impl Into<Materialized<K, V>>) -> Self {
        self.step.set_stored(store.into());
        self
    }

    /// Name of its store, if the program gave one: the test driver finds the store by it.
    pub fn queryable_store_name(&self) -> Option<String> {
        let store = self.step.options().stored::<Materialized<K, V>>()?;
        store.name.map(|name| name.to_string())
    }
}

impl<K, V> ConnectedStores for &GlobalKTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    type Refs = GlobalStoreRef<Store<K, V>>;

    fn finder(self) -> FindStores<Self::Refs> {
        let step = self.step.id();
        FindStores::unconnected(move |lowering: &mut Lowering<'_>| {
            let store = lowering.store_of(step)?.clone();
            lowering.global_store(&store)
        })
    }
}

impl<K, V> Clone for GlobalKTable<K, V> {
    fn clone(&self) -> Self {
        Self::of(self.step.clone())
    }
}

impl<K, V> fmt::Debug for GlobalKTable<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GlobalKTable({})", self.step)
    }
}
