//! `map_async`: calls of other services that give a new key and value.

use std::{hash::Hash, sync::Arc};

use streams_core::{BoxError, Record};

use super::async_calls::{AsyncOperator, Called};
use crate::{KStream, plan::prefix};

impl<K, V> KStream<K, V>
where
    K: Clone + Hash + Send + 'static,
    V: Clone + Send + 'static,
{
    /// Makes a new key and value of each record by a future: a call of another service, a look into
    /// a database. Java has nothing like it.
    ///
    /// Many records are in flight at a time, and the stream thread does not wait for them.
    /// [`with_async`](Self::with_async) sets their number, the order of results, the time that a
    /// call may take, and retries. A call that fails in the end goes to the processing exception
    /// handler, as any failure of a record.
    ///
    /// A commit waits until nothing is in flight, so that with exactly-once each record has its
    /// results once; the call itself may be made again when a task starts over. Results have the
    /// time of their records; as stream time may be further by then, windows below need a grace
    /// period for that.
    ///
    /// Futures are polled on the stream thread, within a tokio runtime that drives sockets and
    /// timers. Move long computations to `tokio::task::spawn_blocking`.
    ///
    /// The key may change, so that grouping or joining the result repartitions it; where the key
    /// stays, [`map_values_async`](Self::map_values_async) avoids that.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// async fn customer_of(order: String) -> (String, String) {
    ///     (format!("customer of {order}"), order)
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream::<String, String>("orders");
    /// orders.map_async(|_, order| customer_of(order)).named("customers").to("by-customer");
    /// assert!(builder.build()?.describe().contains("Processor: customers"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn map_async<K2, V2, F>(
        &self,
        mapper: impl Fn(K, V) -> F + Send + Sync + 'static,
    ) -> KStream<K2, V2>
    where
        K2: Send + 'static,
        V2: Send + 'static,
        F: Future<Output = (K2, V2)> + Send + 'static,
    {
        self.add_map_async(move |key, value| {
            let called = mapper(key, value);
            Box::pin(async move { Ok(called.await) })
        })
    }

    /// Like [`map_async`](Self::map_async), with futures that can fail: their errors go to the
    /// processing exception handler when no attempt is left.
    #[track_caller]
    pub fn try_map_async<K2, V2, F, Failure>(
        &self,
        mapper: impl Fn(K, V) -> F + Send + Sync + 'static,
    ) -> KStream<K2, V2>
    where
        K2: Send + 'static,
        V2: Send + 'static,
        F: Future<Output = Result<(K2, V2), Failure>> + Send + 'static,
        Failure: Into<BoxError>,
    {
        self.add_map_async(move |key, value| {
            let called = mapper(key, value);
            Box::pin(async move { called.await.map_err(Into::into) })
        })
    }

    #[track_caller]
    fn add_map_async<K2: Send + 'static, V2: Send + 'static>(
        &self,
        call: impl Fn(K, V) -> Called<(K2, V2)> + Send + Sync + 'static,
    ) -> KStream<K2, V2> {
        KStream::of(self.add_async(AsyncOperator {
            prefix: prefix::MAP_ASYNC,
            keeps_keys: false,
            call: Arc::new(call),
            forward: |_, (key, value): (K2, V2), (time, headers), context| {
                context.forward(Record::new(&key, &value, time, headers))
            },
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::effect;

    #[test]
    fn each_record_becomes_another_at_its_time() {
        let out = effect(
            |b| {
                let lines = b.stream::<String, String>("in");
                lines.map_async(|key, line| async move { (line, key) }).to("out");
            },
            &[("in", "a", "x", 1), ("in", "b", "y", 2)],
        );
        assert_eq!(out, ["x=a@1", "y=b@2"]);
    }

    #[test]
    fn what_a_call_gives_below_a_table_is_there_with_the_record() {
        let out = effect(
            |b| {
                let lines = b.stream::<String, String>("in");
                let keyed = lines.map_async(|key, line| async move { (line, key) });
                let counts = keyed.group_by_key().count().to_stream();
                let texts = counts.map_async(|key, count| async move {
                    (key, count.map(|count| count.to_string()))
                });
                texts.to("out");
            },
            &[("in", "a", "x", 1), ("in", "b", "x", 2)],
        );
        assert_eq!(out, ["x=1@1", "x=2@2"]);
    }
}
