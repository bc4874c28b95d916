//! `map_values`: Java's `KStreamMapValues`.

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
        /// Makes a new value of each record's value. Java's `mapValues`.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// builder.stream::<String, String>("lines").map_values(|line| line.len() as i64).to("lengths");
        /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-MAPVALUES-0000000001"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn map_values, try_map_values [V2: Send + 'static,](&self) (mapper: (value: &V) -> V2) -> KStream<K, V2> {
            let mapper = Arc::new(move |_: &K, value: &V| mapper(value));
            self.apply(move || MapValues(mapper.clone()))
        }
    }

    fallible! {
        /// Like [`map_values`](Self::map_values), with a mapper that sees the key too.
        pub fn map_values_with_key, try_map_values_with_key [V2: Send + 'static,](&self) (mapper: (key: &K, value: &V) -> V2) -> KStream<K, V2> {
            let mapper = Arc::new(mapper);
            self.apply(move || MapValues(mapper.clone()))
        }
    }
}

/// Forwards each record with the value that the mapper makes of it.
struct MapValues<F>(Arc<F>);

impl<K, V, V2, F> Processor<K, V, K, V2> for MapValues<F>
where
    F: Fn(&K, &V) -> Result<V2, BoxError> + Send + Sync,
{
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K, V2>,
    ) -> Result<(), BoxError> {
        let value = (self.0)(record.key, record.value)?;
        context.forward(record.with_value(&value))?;
        Ok(())
    }
}

impl<K, V, V2, F> Stateless<K, V, K, V2> for MapValues<F>
where
    F: Fn(&K, &V) -> Result<V2, BoxError> + Send + Sync + 'static,
{
    const PREFIX: &'static str = prefix::MAP_VALUES;
    const KEEPS: Keeps = Keeps::Keys;
}

#[cfg(test)]
mod tests {
    use crate::tests::effect;

    #[test]
    fn each_value_becomes_another_under_its_key() {
        let out = effect(
            |b| {
                let lines = b.stream::<String, String>("in");
                lines.map_values(|line| line.to_uppercase()).to("out");
                lines.map_values_with_key(|key, line| format!("{key}{line}")).to("out");
            },
            &[("in", "a", "x", 1)],
        );
        assert_eq!(out, ["a=X@1", "a=ax@1"]);
    }
}
