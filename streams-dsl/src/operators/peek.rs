//! `peek`: Java's `KStreamPeek` with children.
#![expect(clippy::unused_unit, reason = "an action is a closure like others")]

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
        /// Shows each record to `action` and forwards it unchanged: for logs, counters and the
        /// like. Java's `peek`.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let lines = builder.stream::<String, String>("lines");
        /// lines.peek(|key, line| println!("{key}: {line}")).to("copies");
        /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-PEEK-0000000001"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        #[must_use]
        pub fn peek, try_peek [](&self) (action: (key: &K, value: &V) -> ()) -> KStream<K, V> {
            let action = Arc::new(action);
            self.apply(move || Peek(action.clone()))
        }
    }
}

/// Shows each record to the action, then forwards it as it is.
struct Peek<F>(Arc<F>);

impl<K, V, F> Processor<K, V, K, V> for Peek<F>
where
    F: Fn(&K, &V) -> Result<(), BoxError> + Send + Sync,
{
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K, V>,
    ) -> Result<(), BoxError> {
        (self.0)(record.key, record.value)?;
        context.forward(record)?;
        Ok(())
    }
}

impl<K, V, F> Stateless<K, V, K, V> for Peek<F>
where
    F: Fn(&K, &V) -> Result<(), BoxError> + Send + Sync + 'static,
{
    const PREFIX: &'static str = prefix::PEEK;
    const KEEPS: Keeps = Keeps::Records;
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use crate::tests::effect;

    #[test]
    fn the_action_sees_records_that_go_on() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let seen_here = seen.clone();
        let out = effect(
            move |b| {
                let note = move |key: &String, line: &String| {
                    seen_here.lock().unwrap().push(format!("{key}{line}"));
                };
                b.stream::<String, String>("in").peek(note).to("out");
            },
            &[("in", "a", "x", 1)],
        );
        assert_eq!((out.len(), seen.lock().unwrap().clone()), (1, vec!["ax".to_owned()]));
    }
}
