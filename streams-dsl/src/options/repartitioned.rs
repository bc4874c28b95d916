//! How a stream is repartitioned.

use std::{fmt, sync::Arc};

use streams_core::{processor::StreamPartitioner, serde::SerdeRef};

use super::Named;

/// The name, serdes and partitions of a repartition topic. Java's `Repartitioned`.
pub struct Repartitioned<K, V> {
    pub(crate) name: Option<Named>,
    pub(crate) key_serde: Option<SerdeRef<K>>,
    pub(crate) value_serde: Option<SerdeRef<V>>,
    pub(crate) partitions: Option<i32>,
    pub(crate) partitioner: Option<StreamPartitioner<K, V>>,
}

impl<K, V> Repartitioned<K, V> {
    /// The topic's name: `<application id>-<name>-repartition` on the cluster.
    pub fn named(name: impl Into<Named>) -> Self {
        Self { name: Some(name.into()), ..Self::unnamed() }
    }

    /// A generated name.
    pub const fn unnamed() -> Self {
        Self { name: None, key_serde: None, value_serde: None, partitions: None, partitioner: None }
    }

    /// Writes keys and values to the topic with these serdes.
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

    /// The number of partitions; without it the topic gets as many as the stream has upstream.
    #[must_use]
    pub const fn with_number_of_partitions(mut self, partitions: i32) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// Chooses the partition of each record by topic, key, value and number of partitions, instead
    /// of by the hash of the key; `None` leaves it to that.
    #[must_use]
    pub fn with_stream_partitioner(
        mut self,
        partitioner: impl Fn(&str, &K, &V, i32) -> Option<i32> + Send + Sync + 'static,
    ) -> Self {
        self.partitioner = Some(Arc::new(partitioner));
        self
    }
}

impl<K, V> Default for Repartitioned<K, V> {
    fn default() -> Self {
        Self::unnamed()
    }
}

impl<K, V> From<&str> for Repartitioned<K, V> {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

impl<K, V> From<String> for Repartitioned<K, V> {
    fn from(name: String) -> Self {
        Self::named(name)
    }
}

impl<K, V> fmt::Debug for Repartitioned<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repartitioned({:?})", self.name)
    }
}
