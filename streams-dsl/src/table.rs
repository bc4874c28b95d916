//! `KTable`: rows by key, and the changes that make them.
//!
//! An edge between two nodes of tables carries [`Change`](crate::change::Change). A table has a
//! store where it is stored, and otherwise only where something below needs one.

use std::{fmt, marker::PhantomData};

use streams_core::serde::SerdeRef;

use crate::{
    options::{Materialized, Named, TableJoined, serde_options},
    plan::StepRef,
};

/// A table: the latest value of each key. Java's `KTable`.
///
/// A handle of a step in the plan of its [`StreamsBuilder`](crate::StreamsBuilder); cloning it is
/// cheap and adds nothing. Values are never null: a deleted row is a tombstone only where the table
/// becomes a stream again, [`to_stream`](Self::to_stream).
///
/// Options of an operator follow it, set on the table that it returned: [`named`](Self::named),
/// [`stored`](Self::stored), [`with_serdes`](Self::with_serdes).
pub struct KTable<K, V> {
    step: StepRef,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> KTable<K, V> {
    pub(crate) const fn of(step: StepRef) -> Self {
        Self { step, types: PhantomData }
    }

    pub(crate) const fn step(&self) -> &StepRef {
        &self.step
    }

    /// Names the operator that this table comes from. Java's `Named`.
    #[expect(clippy::return_self_not_must_use, reason = "it is an option of what was added before")]
    pub fn named(self, name: impl Into<Named>) -> Self {
        self.step.set_name(name.into());
        self
    }
}

impl<K: 'static, V: 'static> KTable<K, V> {
    /// Keeps the rows in a store: one of this name, or as [`Materialized`] describes it.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let prices = builder.table::<String, i64>("prices").stored("prices");
    /// let doubled = prices.map_values(|price| 2 * price);
    /// doubled.stored(Materialized::named("doubled").in_memory()).to_stream().to("doubled");
    /// let text = builder.build()?.describe();
    /// assert!(text.contains("(stores: [prices])") && text.contains("(stores: [doubled])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[expect(clippy::return_self_not_must_use, reason = "it is an option of what was added before")]
    pub fn stored(self, store: impl Into<Materialized<K, V>>) -> Self {
        self.step.set_stored(store.into());
        self
    }

    /// Says how the tables of a [`join_on`](Self::join_on) or [`left_join_on`](Self::left_join_on)
    /// are partitioned, if not by the hash of their keys. Java's `TableJoined`.
    #[expect(clippy::return_self_not_must_use, reason = "it is an option of what was added before")]
    pub fn with_table_joined<KO: 'static>(self, joined: TableJoined<K, KO>) -> Self {
        self.step.set_table_joined(joined);
        self
    }

    serde_options! {
        /// Writes the keys and values of this table with these serdes, wherever they are written.
    }
}

impl<K, V> Clone for KTable<K, V> {
    fn clone(&self) -> Self {
        Self::of(self.step.clone())
    }
}

impl<K, V> fmt::Debug for KTable<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KTable({})", self.step)
    }
}
