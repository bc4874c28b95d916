//! Options of a repartition topic.

use std::{fmt, sync::Arc};

use streams_core::processor::{Partitions, StreamPartitioner};

/// Number of partitions of a repartition topic, and the choice of a partition for each record.
/// Java's `Repartitioned`; names and serdes are options that follow
/// [`repartition`](crate::KStream::repartition).
pub struct Repartitioned<K, V> {
    pub(crate) partitions: Option<i32>,
    pub(crate) partitioner: Option<StreamPartitioner<K, V>>,
}

impl<K, V> Repartitioned<K, V> {
    /// The topic has so many partitions, instead of those of the topics above it.
    pub const fn partitions(partitions: i32) -> Self {
        Self { partitions: Some(partitions), partitioner: None }
    }

    /// Records go to the partition that `partitioner` chooses among so many, instead of that of
    /// their key's hash: it is given the topic, the key, the value and the number of partitions.
    /// `None` leaves the choice to the key, and a list sends the record to several.
    #[must_use]
    pub fn with_stream_partitioner<P: Into<Partitions>>(
        mut self,
        partitioner: impl Fn(&str, &K, &V, i32) -> P + Send + Sync + 'static,
    ) -> Self {
        let partitioner = move |topic: &str, key: &K, value: &V, count| {
            partitioner(topic, key, value, count).into()
        };
        self.partitioner = Some(Arc::new(partitioner));
        self
    }
}

impl<K, V> Default for Repartitioned<K, V> {
    fn default() -> Self {
        Self { partitions: None, partitioner: None }
    }
}

impl<K, V> Clone for Repartitioned<K, V> {
    fn clone(&self) -> Self {
        Self { partitions: self.partitions, partitioner: self.partitioner.clone() }
    }
}

impl<K, V> fmt::Debug for Repartitioned<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repartitioned({:?})", self.partitions)
    }
}
