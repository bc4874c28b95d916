//! `for_each_async`: calls of other services, and that is the end of a stream.

use std::{convert::Infallible, hash::Hash, sync::Arc};

use streams_core::BoxError;

use super::async_calls::{AsyncOperator, Called};
use crate::{KStream, StreamEnd, plan::prefix};

impl<K, V> KStream<K, V>
where
    K: Clone + Hash + Send + 'static,
    V: Clone + Send + 'static,
{
    /// Does something with each record by a future, and that is the end of it; see
    /// [`map_async`](Self::map_async) for what goes for all async operators.
    ///
    /// An offset is committed when the futures of all records before it have ended. What they do is
    /// not undone when a task starts over: they see records again then.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let lines = builder.stream::<String, String>("lines");
    /// lines.for_each_async(|key, line| async move { println!("{key}: {line}") });
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-FOREACHASYNC-0000000001"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn for_each_async<F>(&self, action: impl Fn(K, V) -> F + Send + Sync + 'static) -> StreamEnd
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.add_for_each_async(move |key, value| {
            let called = action(key, value);
            Box::pin(async move {
                called.await;
                Ok(())
            })
        })
    }

    /// Like [`for_each_async`](Self::for_each_async), with futures that can fail: their errors go
    /// to the processing exception handler when no attempt is left.
    #[track_caller]
    pub fn try_for_each_async<F, Failure>(
        &self,
        action: impl Fn(K, V) -> F + Send + Sync + 'static,
    ) -> StreamEnd
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
        Failure: Into<BoxError>,
    {
        self.add_for_each_async(move |key, value| {
            let called = action(key, value);
            Box::pin(async move { called.await.map_err(Into::into) })
        })
    }

    #[track_caller]
    fn add_for_each_async(
        &self,
        call: impl Fn(K, V) -> Called<()> + Send + Sync + 'static,
    ) -> StreamEnd {
        StreamEnd::of(self.add_async(AsyncOperator::<K, V, (), Infallible, Infallible> {
            prefix: prefix::FOR_EACH_ASYNC,
            keeps_keys: true,
            call: Arc::new(call),
            forward: |_, (), _, _| Ok(()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use crate::{AsyncOptions, tests::effect};

    #[test]
    fn the_action_sees_records_and_that_is_their_end() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let seen_here = seen.clone();
        let out = effect(
            move |b| {
                let lines = b.stream::<String, String>("in");
                let note = move |key: String, line: String| {
                    let seen = seen_here.clone();
                    async move { seen.lock().unwrap().push(format!("{key}{line}")) }
                };
                lines.for_each_async(note).with_async(AsyncOptions::default()).named("note");
                lines.filter(|_, _| false).to("out");
            },
            &[("in", "a", "x", 1)],
        );
        assert_eq!((out.len(), seen.lock().unwrap().clone()), (0, vec!["ax".to_owned()]));
    }
}
