//! `filter` and `filter_not` of a table: Java's `KTableFilter`.

use streams_core::BoxError;

use super::{fallible::fallible, row_by_row::RowByRow};
use crate::{KTable, plan::prefix};

impl<K, V> KTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    fallible! {
        /// The rows for which `predicate` holds. Java's `filter`.
        ///
        /// A row that ceases to fulfil it is deleted: that is a tombstone downstream. Where this
        /// table has no store, the predicate is asked again when a row is looked up.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let balances = builder.table::<String, i64>("balances");
        /// balances.filter(|_, balance| *balance < 0).stored("overdrawn").to_stream().to("overdrawn");
        /// assert!(builder.build()?.describe().contains("(stores: [overdrawn])"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        #[must_use]
        pub fn filter, try_filter [](&self) (predicate: (key: &K, value: &V) -> bool) -> KTable<K, V> {
            self.apply(Filter { predicate, kept: true })
        }
    }

    fallible! {
        /// The rows for which `predicate` does not hold. Java's `filterNot`.
        #[must_use]
        pub fn filter_not, try_filter_not [](&self) (predicate: (key: &K, value: &V) -> bool) -> KTable<K, V> {
            self.apply(Filter { predicate, kept: false })
        }
    }
}

/// Keeps the rows for which the predicate is `kept`.
struct Filter<F> {
    predicate: F,
    kept: bool,
}

impl<K, V, F> RowByRow<K, V> for Filter<F>
where
    V: Clone + Send + 'static,
    F: Fn(&K, &V) -> Result<bool, BoxError> + Send + Sync + 'static,
{
    type Value = V;

    const PREFIX: &'static str = prefix::TABLE_FILTER;
    const LEAVES_OUT: bool = true;

    fn row(&self, key: &K, value: &V) -> Result<Option<V>, BoxError> {
        Ok(((self.predicate)(key, value)? == self.kept).then(|| value.clone()))
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::effect;

    #[test]
    fn a_row_that_ceases_to_fulfil_the_predicate_is_deleted() {
        let out = effect(
            |b| {
                let rows = b.table::<String, String>("in").stored("rows");
                rows.filter(|_, line| line.starts_with('x')).to_stream().to("out");
            },
            &[("in", "a", "x", 1), ("in", "a", "y", 2), ("in", "b", "y", 3)],
        );
        assert_eq!(out, ["a=x@1", "a=-@2"], "b was never there");
    }
}
