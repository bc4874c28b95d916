//! `flat_map_values`: Java's `KStreamFlatMapValues`.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

use super::{
    fallible::fallible,
    stateless::{Keeps, Stateless},
};
use crate::{KStream, plan::prefix};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    fallible! {
        /// Makes any number of values of each record's value, in the order in which they come.
        /// Java's `flatMapValues`.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let lines = builder.stream::<String, String>("lines");
        /// lines
        ///     .flat_map_values(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
        ///     .to("words");
        /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-FLATMAPVALUES-0000000001"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn flat_map_values, try_flat_map_values [V2: Send + 'static, I,](&self) (mapper: (value: &V) -> I) -> KStream<K, V2> where [I: IntoIterator<Item = V2> + 'static] {
            let mapper = Arc::new(move |_: &K, value: &V| mapper(value));
            self.apply(move || FlatMapValues(mapper.clone()))
        }
    }

    fallible! {
        /// Like [`flat_map_values`](Self::flat_map_values), with a mapper that sees the key too.
        pub fn flat_map_values_with_key, try_flat_map_values_with_key [V2: Send + 'static, I,](&self) (mapper: (key: &K, value: &V) -> I) -> KStream<K, V2> where [I: IntoIterator<Item = V2> + 'static] {
            let mapper = Arc::new(mapper);
            self.apply(move || FlatMapValues(mapper.clone()))
        }
    }
}

/// Forwards each value that the mapper makes of a record, under the record's key, in the order in
/// which they come.
struct FlatMapValues<F>(Arc<F>);

impl<K, V, V2, I, F> Processor<K, V, K, V2> for FlatMapValues<F>
where
    F: Fn(&K, &V) -> Result<I, BoxError> + Send + Sync,
    I: IntoIterator<Item = V2> + 'static,
{
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K, V2>,
    ) -> Result<(), BoxError> {
        for value in (self.0)(record.key, record.value)? {
            context.forward(record.with_value(&value))?;
        }
        Ok(())
    }
}

impl<K, V, V2, I, F> Stateless<K, V, K, V2> for FlatMapValues<F>
where
    F: Fn(&K, &V) -> Result<I, BoxError> + Send + Sync + 'static,
    I: IntoIterator<Item = V2> + 'static,
{
    const PREFIX: &'static str = prefix::FLAT_MAP_VALUES;
    const KEEPS: Keeps = Keeps::Keys;
}

#[cfg(test)]
mod tests {
    use crate::tests::effect;

    #[test]
    fn a_value_becomes_any_number_of_others() {
        let out = effect(
            |b| {
                let lines = b.stream::<String, String>("in");
                let words =
                    |line: &String| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
                lines.flat_map_values(words).to("out");
            },
            &[("in", "a", "x y", 1), ("in", "b", " ", 2)],
        );
        assert_eq!(out, ["a=x@1", "a=y@1"]);
    }
}
