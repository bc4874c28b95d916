//! `map`: Java's `KStreamMap`.

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
        /// Makes a new key and value of each record. Java's `map`.
        ///
        /// The key may change, so that grouping or joining what comes of it repartitions it; where
        /// the key stays, [`map_values`](Self::map_values) avoids that.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let lines = builder.stream::<String, String>("lines");
        /// lines.map(|key, line| (line.clone(), key.len() as i64)).to("lengths");
        /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-MAP-0000000001"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn map, try_map [K2: Send + 'static, V2: Send + 'static,](&self) (mapper: (key: &K, value: &V) -> (K2, V2)) -> KStream<K2, V2> {
            let mapper = Arc::new(mapper);
            self.apply(move || Map(mapper.clone()))
        }
    }
}

/// Forwards the key and value that the mapper makes of each record.
struct Map<F>(Arc<F>);

impl<K, V, K2, V2, F> Processor<K, V, K2, V2> for Map<F>
where
    F: Fn(&K, &V) -> Result<(K2, V2), BoxError> + Send + Sync,
{
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K2, V2>,
    ) -> Result<(), BoxError> {
        let (key, value) = (self.0)(record.key, record.value)?;
        context.forward(Record::new(&key, &value, record.timestamp, record.headers))?;
        Ok(())
    }
}

impl<K, V, K2, V2, F> Stateless<K, V, K2, V2> for Map<F>
where
    F: Fn(&K, &V) -> Result<(K2, V2), BoxError> + Send + Sync + 'static,
{
    const PREFIX: &'static str = prefix::MAP;
    const KEEPS: Keeps = Keeps::Nothing;
}

#[cfg(test)]
mod tests {
    use crate::tests::effect;

    #[test]
    fn each_record_becomes_another_at_its_time() {
        let out = effect(
            |b| {
                let lines = b.stream::<String, String>("in");
                lines.map(|key, line| (line.clone(), key.clone())).to("out");
            },
            &[("in", "a", "x", 1), ("in", "b", "y", 2)],
        );
        assert_eq!(out, ["x=a@1", "y=b@2"]);
    }
}
