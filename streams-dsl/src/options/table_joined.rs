//! Partitions of the messages of a join by foreign key.

use std::{fmt, sync::Arc};

use crate::plan::KeyPartitioner;

/// Partitioning of the two tables of a join by foreign key, if not by the hash of their keys.
/// Java's `TableJoined`; a name is given by [`named`](crate::KTable::named).
///
/// The left table has keys `K`, the right one `KO`. A partitioner is given the topic, the key and
/// the number of partitions, and must choose as whatever wrote the table's topic did.
///
/// ```
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let orders = builder.table::<i64, String>("orders");
/// let customers = builder.table::<String, String>("customers");
/// let by_number = |_: &str, order: &i64, count: i32| i32::try_from(order % i64::from(count)).ok();
/// orders
///     .join_on(&customers, |order| order.clone(), |order, customer| format!("{order} {customer}"))
///     .with_table_joined(TableJoined::<i64, String>::default().with_partitioner(by_number));
/// builder.build()?;
/// # Ok::<(), streams_dsl::Error>(())
/// ```
pub struct TableJoined<K, KO> {
    pub(crate) partitioner: Option<KeyPartitioner<K>>,
    pub(crate) other_partitioner: Option<KeyPartitioner<KO>>,
}

impl<K, KO> TableJoined<K, KO> {
    /// Partitioner of the left table: responses go to the partition that it chooses.
    #[must_use]
    pub fn with_partitioner(
        mut self,
        partitioner: impl Fn(&str, &K, i32) -> Option<i32> + Send + Sync + 'static,
    ) -> Self {
        self.partitioner = Some(Arc::new(partitioner));
        self
    }

    /// Partitioner of the right table: subscriptions go to the partition that it chooses.
    #[must_use]
    pub fn with_other_partitioner(
        mut self,
        partitioner: impl Fn(&str, &KO, i32) -> Option<i32> + Send + Sync + 'static,
    ) -> Self {
        self.other_partitioner = Some(Arc::new(partitioner));
        self
    }
}

impl<K, KO> Default for TableJoined<K, KO> {
    fn default() -> Self {
        Self { partitioner: None, other_partitioner: None }
    }
}

impl<K, KO> Clone for TableJoined<K, KO> {
    fn clone(&self) -> Self {
        Self {
            partitioner: self.partitioner.clone(),
            other_partitioner: self.other_partitioner.clone(),
        }
    }
}

impl<K, KO> fmt::Debug for TableJoined<K, KO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (own, other) = (self.partitioner.is_some(), self.other_partitioner.is_some());
        write!(f, "TableJoined(partitioner: {own}, other_partitioner: {other})")
    }
}
