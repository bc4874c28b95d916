//! `for_each`: Java's `KStreamPeek` without children.
#![expect(clippy::unused_unit, reason = "an action is a closure like others")]

use std::{convert::Infallible, sync::Arc};

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

use super::{
    fallible::fallible,
    stateless::{Keeps, Stateless},
};
use crate::{KStream, StreamEnd, plan::prefix};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    fallible! {
        /// Shows each record to `action`, and that is the end of it. Java's `foreach`.
        ///
        /// Effects of the action are not undone when a task starts over: it sees records again
        /// then.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// builder.stream::<String, String>("lines").for_each(|key, line| println!("{key}: {line}"));
        /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-FOREACH-0000000001"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn for_each, try_for_each [](&self) (action: (key: &K, value: &V) -> ()) -> StreamEnd {
            let action = Arc::new(action);
            let end = self.apply::<_, Infallible, Infallible>(move || ForEach(action.clone()));
            StreamEnd::of(end.step().clone())
        }
    }
}

/// Shows each record to the action, and that is its end.
struct ForEach<F>(Arc<F>);

impl<K, V, F> Processor<K, V, Infallible, Infallible> for ForEach<F>
where
    F: Fn(&K, &V) -> Result<(), BoxError> + Send + Sync,
{
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        _context: &mut Context<'_, Infallible, Infallible>,
    ) -> Result<(), BoxError> {
        (self.0)(record.key, record.value)?;
        Ok(())
    }
}

impl<K, V, F> Stateless<K, V, Infallible, Infallible> for ForEach<F>
where
    F: Fn(&K, &V) -> Result<(), BoxError> + Send + Sync + 'static,
{
    const PREFIX: &'static str = prefix::FOR_EACH;
    const KEEPS: Keeps = Keeps::Keys;
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use crate::tests::effect;

    #[test]
    fn the_action_sees_records_and_that_is_their_end() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let seen_here = seen.clone();
        let out = effect(
            move |b| {
                let note = move |key: &String, line: &String| {
                    seen_here.lock().unwrap().push(format!("{key}{line}"));
                };
                let lines = b.stream::<String, String>("in");
                lines.for_each(note);
                lines.filter(|_, _| false).to("out");
            },
            &[("in", "a", "x", 1)],
        );
        assert_eq!((out.len(), seen.lock().unwrap().clone()), (0, vec!["ax".to_owned()]));
    }
}
