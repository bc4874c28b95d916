//! `flat_map`: Java's `KStreamFlatMap`.

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
        /// Makes any number of records of each record, in the order in which they come. Java's
        /// `flatMap`.
        ///
        /// The keys may change: see [`map`](Self::map).
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let lines = builder.stream::<String, String>("lines");
        /// lines
        ///     .flat_map(|key, line| {
        ///         let words = line.split(' ').map(|word| (word.to_owned(), key.clone()));
        ///         words.collect::<Vec<_>>()
        ///     })
        ///     .to("words");
        /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-FLATMAP-0000000001"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn flat_map, try_flat_map [K2: Send + 'static, V2: Send + 'static, I,](&self) (mapper: (key: &K, value: &V) -> I) -> KStream<K2, V2> where [I: IntoIterator<Item = (K2, V2)> + 'static] {
            let mapper = Arc::new(mapper);
            self.apply(move || FlatMap(mapper.clone()))
        }
    }
}

/// Forwards each key and value that the mapper makes of a record, in the order in which they come.
struct FlatMap<F>(Arc<F>);

impl<K, V, K2, V2, I, F> Processor<K, V, K2, V2> for FlatMap<F>
where
    F: Fn(&K, &V) -> Result<I, BoxError> + Send + Sync,
    I: IntoIterator<Item = (K2, V2)> + 'static,
{
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K2, V2>,
    ) -> Result<(), BoxError> {
        for (key, value) in (self.0)(record.key, record.value)? {
            context.forward(Record::new(&key, &value, record.timestamp, record.headers))?;
        }
        Ok(())
    }
}

impl<K, V, K2, V2, I, F> Stateless<K, V, K2, V2> for FlatMap<F>
where
    F: Fn(&K, &V) -> Result<I, BoxError> + Send + Sync + 'static,
    I: IntoIterator<Item = (K2, V2)> + 'static,
{
    const PREFIX: &'static str = prefix::FLAT_MAP;
    const KEEPS: Keeps = Keeps::Nothing;
}

#[cfg(test)]
mod tests {
    use crate::tests::effect;

    #[test]
    fn a_record_becomes_any_number_of_others() {
        let out = effect(
            |b| {
                let lines = b.stream::<String, String>("in");
                let words = |key: &String, line: &String| {
                    let words = line.split_whitespace().map(|word| (word.to_owned(), key.clone()));
                    words.collect::<Vec<_>>()
                };
                lines.flat_map(words).to("out");
            },
            &[("in", "a", "x y", 1), ("in", "b", " ", 2)],
        );
        assert_eq!(out, ["x=a@1", "y=a@1"]);
    }
}
