//! `map_values` of a table: Java's `KTableMapValues`.

use std::marker::PhantomData;

use streams_core::BoxError;

use super::{fallible::fallible, row_by_row::RowByRow};
use crate::{KTable, plan::prefix};

impl<K, V> KTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    fallible! {
        /// A table whose values are made of those of this one. Java's `mapValues`.
        ///
        /// The mapper sees no deleted rows: they stay deleted. Without a store it is asked again
        /// when a row is looked up.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let names = builder.table::<String, String>("names");
        /// names.map_values(|name| name.len() as i64).to_stream().to("lengths");
        /// assert!(builder.build()?.describe().contains("Processor: KTABLE-MAPVALUES-0000000003"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn map_values, try_map_values [V2: Clone + Send + 'static,](&self) (mapper: (value: &V) -> V2) -> KTable<K, V2> {
            self.apply(MapValues { mapper: move |_: &K, value: &V| mapper(value), value: PhantomData })
        }
    }

    fallible! {
        /// Like [`map_values`](Self::map_values), with a mapper that sees the key too.
        pub fn map_values_with_key, try_map_values_with_key [V2: Clone + Send + 'static,](&self) (mapper: (key: &K, value: &V) -> V2) -> KTable<K, V2> {
            self.apply(MapValues { mapper, value: PhantomData })
        }
    }
}

struct MapValues<F, V2> {
    mapper: F,
    value: PhantomData<fn() -> V2>,
}

impl<K, V, V2, F> RowByRow<K, V> for MapValues<F, V2>
where
    V2: Clone + Send + 'static,
    F: Fn(&K, &V) -> Result<V2, BoxError> + Send + Sync + 'static,
{
    type Value = V2;

    const PREFIX: &'static str = prefix::TABLE_MAP_VALUES;
    const LEAVES_OUT: bool = false;

    fn row(&self, key: &K, value: &V) -> Result<Option<V2>, BoxError> {
        (self.mapper)(key, value).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::effect;

    #[test]
    fn deleted_rows_stay_deleted() {
        let out = effect(
            |b| {
                let rows = b.table::<String, String>("in");
                rows.map_values(|line| line.to_uppercase()).to_stream().to("out");
            },
            &[("in", "a", "x", 1), ("in", "a", "-", 2)],
        );
        assert_eq!(out, ["a=X@1", "a=-@2"]);
    }
}
