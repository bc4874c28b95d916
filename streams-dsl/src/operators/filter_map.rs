//! `filter_map`: `map` and `filter` in one. Java has no such operator.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

use super::{
    fallible::fallible,
    stateless::{Keeps, Stateless},
};
use crate::KStream;

const PREFIX: &str = "KSTREAM-FILTERMAP-";

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    fallible! {
        /// Makes a new key and value of each record, and leaves out the records of which `mapper`
        /// makes `None`.
        ///
        /// The keys may change: see [`map`](Self::map). Where they stay,
        /// [`filter_map_values`](Self::filter_map_values) repartitions nothing.
        ///
        /// Java has no counterpart: there it takes `map` and `filter`. As `Iterator::filter_map`.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let lines = builder.stream::<String, String>("lines");
        /// let pairs = lines.filter_map(|_, line| {
        ///     let (name, number) = line.split_once('=')?;
        ///     Some((name.to_owned(), number.parse::<i64>().ok()?))
        /// });
        /// pairs.to("numbers");
        /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-FILTERMAP-0000000001"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn filter_map, try_filter_map [K2: Send + 'static, V2: Send + 'static,](&self) (mapper: (key: &K, value: &V) -> Option<(K2, V2)>) -> KStream<K2, V2> {
            let mapper = Arc::new(mapper);
            self.apply(move || FilterMap(mapper.clone()))
        }
    }
}

/// Forwards the key and value that the mapper makes of a record, if it makes any.
struct FilterMap<F>(Arc<F>);

impl<K, V, K2, V2, F> Processor<K, V, K2, V2> for FilterMap<F>
where
    F: Fn(&K, &V) -> Result<Option<(K2, V2)>, BoxError> + Send + Sync,
{
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K2, V2>,
    ) -> Result<(), BoxError> {
        if let Some((key, value)) = (self.0)(record.key, record.value)? {
            context.forward(Record::new(&key, &value, record.timestamp, record.headers))?;
        }
        Ok(())
    }
}

impl<K, V, K2, V2, F> Stateless<K, V, K2, V2> for FilterMap<F>
where
    F: Fn(&K, &V) -> Result<Option<(K2, V2)>, BoxError> + Send + Sync + 'static,
{
    const PREFIX: &'static str = PREFIX;
    const KEEPS: Keeps = Keeps::Nothing;
}

#[cfg(test)]
mod tests {
    use crate::{StreamsBuilder, tests::effect};

    fn pair(key: &str, line: &str) -> Option<(String, String)> {
        line.split_once('=').map(|(name, value)| (name.to_owned(), format!("{value}{key}")))
    }

    #[test]
    fn records_of_which_nothing_is_made_are_left_out() {
        let out = effect(
            |b| {
                let lines = b.stream::<String, String>("in");
                lines.filter_map(|key, line| pair(key, line)).to("out");
            },
            &[("in", "a", "x=1", 1), ("in", "b", "y", 2), ("in", "c", "z=", 3)],
        );
        assert_eq!(out, ["x=1a@1", "z=c@3"]);
    }

    #[test]
    fn what_needs_the_new_keys_repartitions() {
        let builder = StreamsBuilder::new();
        let lines = builder.stream::<String, String>("in");
        lines.filter_map(|key, line| pair(key, line)).group_by_key().count().stored("counts");
        assert!(builder.build().unwrap().describe().contains("(topic: counts-repartition)"));
    }
}
