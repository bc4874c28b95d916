//! `select_key`, and the re-keying half of `group_by`: Java's `KStreamMap` that keeps the value.

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
        /// Gives each record a new key. Java's `selectKey`.
        ///
        /// Grouping or joining what comes of it repartitions it.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let lines = builder.stream::<String, String>("lines");
        /// lines.select_key(|_, line| line.len() as i64).to("by-length");
        /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-KEY-SELECT-0000000001"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn select_key, try_select_key [K2: Send + 'static,](&self) (selector: (key: &K, value: &V) -> K2) -> KStream<K2, V> {
            let selector = Arc::new(selector);
            self.apply(move || SelectKey(selector.clone()))
        }
    }
}

/// Forwards each record under the key that the selector makes of its key and value; the value is
/// not copied.
pub(super) struct SelectKey<F>(pub(super) Arc<F>);

impl<K, V, K2, F> Processor<K, V, K2, V> for SelectKey<F>
where
    F: Fn(&K, &V) -> Result<K2, BoxError> + Send + Sync,
{
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K2, V>,
    ) -> Result<(), BoxError> {
        let key = (self.0)(record.key, record.value)?;
        context.forward(record.with_key(&key))?;
        Ok(())
    }
}

impl<K, V, K2, F> Stateless<K, V, K2, V> for SelectKey<F>
where
    F: Fn(&K, &V) -> Result<K2, BoxError> + Send + Sync + 'static,
{
    const PREFIX: &'static str = prefix::KEY_SELECT;
    const KEEPS: Keeps = Keeps::Values;
}

#[cfg(test)]
mod tests {
    use crate::tests::effect;

    #[test]
    fn a_record_goes_on_under_a_new_key() {
        let out = effect(
            |b| {
                let lines = b.stream::<String, String>("in");
                lines.select_key(|_, line| line.clone()).to("out");
            },
            &[("in", "a", "x", 1)],
        );
        assert_eq!(out, ["x=x@1"]);
    }
}
