//! `filter` and `filter_not`: Java's `KStreamFilter`.

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
        /// Keeps the records for which `predicate` holds. Java's `filter`.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// builder.stream::<String, i64>("orders").filter(|_, amount| *amount > 1_000).to("large");
        /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-FILTER-0000000001"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        #[must_use]
        pub fn filter, try_filter [](&self) (predicate: (key: &K, value: &V) -> bool) -> KStream<K, V> {
            let predicate = Arc::new(predicate);
            self.apply(move || Filter { predicate: predicate.clone(), kept: true })
        }
    }

    fallible! {
        /// Keeps the records for which `predicate` does not hold. Java's `filterNot`.
        #[must_use]
        pub fn filter_not, try_filter_not [](&self) (predicate: (key: &K, value: &V) -> bool) -> KStream<K, V> {
            let predicate = Arc::new(predicate);
            self.apply(move || Filter { predicate: predicate.clone(), kept: false })
        }
    }
}

/// Forwards the records for which the predicate is `kept`.
struct Filter<F> {
    predicate: Arc<F>,
    kept: bool,
}

impl<K, V, F> Processor<K, V, K, V> for Filter<F>
where
    F: Fn(&K, &V) -> Result<bool, BoxError> + Send + Sync,
{
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K, V>,
    ) -> Result<(), BoxError> {
        if (self.predicate)(record.key, record.value)? == self.kept {
            context.forward(record)?;
        }
        Ok(())
    }
}

impl<K, V, F> Stateless<K, V, K, V> for Filter<F>
where
    F: Fn(&K, &V) -> Result<bool, BoxError> + Send + Sync + 'static,
{
    const PREFIX: &'static str = prefix::FILTER;
    const KEEPS: Keeps = Keeps::Records;
}

#[cfg(test)]
mod tests {
    use crate::tests::effect;

    #[test]
    fn only_records_that_fulfil_the_predicate_go_on() {
        let out = effect(
            |b| {
                let lines = b.stream::<String, String>("in");
                lines.filter(|_, line| line.len() > 1).filter_not(|key, _| key == "b").to("out");
            },
            &[("in", "a", "one", 1), ("in", "a", "1", 2), ("in", "b", "two", 3)],
        );
        assert_eq!(out, ["a=one@1"]);
    }
}
