//! `map_values_async`: calls of other services that give a new value.

use std::{hash::Hash, sync::Arc};

use streams_core::{BoxError, Record};

use super::async_calls::{AsyncOperator, Called};
use crate::{KStream, plan::prefix};

impl<K, V> KStream<K, V>
where
    K: Clone + Hash + Send + 'static,
    V: Clone + Send + 'static,
{
    /// Makes a new value of each record's value by a future; see [`map_async`](Self::map_async) for
    /// what goes for all async operators.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let lines = builder.stream::<String, String>("lines");
    /// lines.map_values_async(|line| async move { line.len() as i64 }).to("lengths");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-MAPVALUESASYNC-0000000001"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn map_values_async<V2, F>(
        &self,
        mapper: impl Fn(V) -> F + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        V2: Send + 'static,
        F: Future<Output = V2> + Send + 'static,
    {
        self.map_values_async_with_key(move |_, value| mapper(value))
    }

    /// Like [`map_values_async`](Self::map_values_async), with futures that can fail: their errors
    /// go to the processing exception handler when no attempt is left.
    #[track_caller]
    pub fn try_map_values_async<V2, F, Failure>(
        &self,
        mapper: impl Fn(V) -> F + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        V2: Send + 'static,
        F: Future<Output = Result<V2, Failure>> + Send + 'static,
        Failure: Into<BoxError>,
    {
        self.try_map_values_async_with_key(move |_, value| mapper(value))
    }

    /// Like [`map_values_async`](Self::map_values_async), with a mapper that gets the key too.
    #[track_caller]
    pub fn map_values_async_with_key<V2, F>(
        &self,
        mapper: impl Fn(K, V) -> F + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        V2: Send + 'static,
        F: Future<Output = V2> + Send + 'static,
    {
        self.add_map_values_async(move |key, value| {
            let called = mapper(key, value);
            Box::pin(async move { Ok(called.await) })
        })
    }

    /// Like [`map_values_async_with_key`](Self::map_values_async_with_key), with futures that can
    /// fail.
    #[track_caller]
    pub fn try_map_values_async_with_key<V2, F, Failure>(
        &self,
        mapper: impl Fn(K, V) -> F + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        V2: Send + 'static,
        F: Future<Output = Result<V2, Failure>> + Send + 'static,
        Failure: Into<BoxError>,
    {
        self.add_map_values_async(move |key, value| {
            let called = mapper(key, value);
            Box::pin(async move { called.await.map_err(Into::into) })
        })
    }

    #[track_caller]
    fn add_map_values_async<V2: Send + 'static>(
        &self,
        call: impl Fn(K, V) -> Called<V2> + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        KStream::of(self.add_async(AsyncOperator {
            prefix: prefix::MAP_VALUES_ASYNC,
            keeps_keys: true,
            call: Arc::new(call),
            forward: |key, value: V2, (time, headers), context| {
                context.forward(Record::new(key, &value, time, headers))
            },
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Context, Poll},
        time::Duration,
    };

    use streams_core::{
        config::ProcessingHandlerChoice,
        serde::string,
        testing::{TestRecord, TopologyTestDriver},
    };

    use crate::{AsyncOptions, StreamsBuilder, StreamsConfig, tests::effect};

    /// Is through when it has been polled so often.
    struct Rounds(usize);

    impl Future for Rounds {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            if self.0 == 0 {
                return Poll::Ready(());
            }
            self.0 -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    }

    /// Records `a3`, `b2`, `a1` that are in flight together and take as long as their values say.
    fn in_the_order_of(options: AsyncOptions) -> Vec<String> {
        effect(
            |b| {
                let records = b.stream::<String, String>("in").flat_map(|_, text| {
                    let records = text.split(' ').map(|text| text.split_at(1));
                    records.map(|(key, n)| (key.to_owned(), n.to_owned())).collect::<Vec<_>>()
                });
                let called = records.map_values_async(|n| async move {
                    Rounds(n.parse().unwrap()).await;
                    n
                });
                called.with_async(options).to("out");
            },
            &[("in", "k", "a3 b2 a1", 7)],
        )
    }

    #[test]
    fn results_go_on_in_the_order_that_is_asked_for() {
        let options = AsyncOptions::default();
        assert_eq!(in_the_order_of(options), ["b=2@7", "a=3@7", "a=1@7"], "of each key");
        assert_eq!(in_the_order_of(options.ordered()), ["a=3@7", "b=2@7", "a=1@7"]);
        assert_eq!(in_the_order_of(options.unordered()), ["a=1@7", "b=2@7", "a=3@7"]);
    }

    #[test]
    fn records_beyond_those_that_may_be_in_flight_wait_for_their_turn() {
        let one = AsyncOptions::default().unordered().in_flight(1);
        assert_eq!(in_the_order_of(one), ["a=3@7", "b=2@7", "a=1@7"]);
    }

    #[test]
    fn what_tokio_drives_ends_too() {
        let out = effect(
            |b| {
                let called = b.stream::<String, String>("in").map_values_async(|line| async move {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    tokio::spawn(async move { line.to_uppercase() }).await.unwrap()
                });
                called.to("out");
            },
            &[("in", "a", "x", 1), ("in", "a", "y", 2)],
        );
        assert_eq!(out, ["a=X@1", "a=Y@2"]);
    }

    /// Returns the output, dead letters included, when calls fail this often.
    fn where_calls_fail(times: usize, options: AsyncOptions) -> Vec<TestRecord<String, String>> {
        let builder = StreamsBuilder::new();
        let calls = Arc::new(AtomicUsize::new(0));
        let called = builder.stream::<String, String>("in").try_map_values_async(move |line| {
            let fails = calls.fetch_add(1, Ordering::Relaxed) < times;
            async move { if fails { Err("no answer") } else { Ok(line) } }
        });
        called.with_async(options).named("call").to("out");
        let config = StreamsConfig::new("app", "localhost:9092")
            .processing_exception_handler(ProcessingHandlerChoice::LogAndContinue)
            .dead_letter_queue_topic("out");
        let driver = TopologyTestDriver::new(&builder.build().unwrap(), config).unwrap();
        let mut lines = driver.input_topic("in", string(), string());
        lines.pipe_input("k".to_owned(), "v".to_owned(), 5).unwrap();
        driver.output_topic("out", string(), string()).read_records_to_list().unwrap()
    }

    #[test]
    fn a_call_that_fails_is_repeated_and_goes_to_the_dead_letters_when_no_attempt_is_left() {
        let options = AsyncOptions::default().retry(2, Duration::from_secs(3_600));
        let out = where_calls_fail(2, options);
        assert_eq!((out.len(), out[0].headers.is_empty()), (1, true));
        let out = where_calls_fail(3, options);
        let header = |name: &str| {
            let value = out[0].headers.last(&format!("__streams.errors.{name}"));
            String::from_utf8(value.unwrap().unwrap().to_vec()).unwrap()
        };
        assert_eq!((&*out[0].key, &*out[0].value, out[0].timestamp), ("k", "v", 5));
        assert_eq!(
            (&*header("topic"), &*header("partition"), &*header("offset")),
            ("in", "0", "0")
        );
        assert_eq!(header("message"), "3 attempts failed, the last one with: no answer");
        assert!(header("stacktrace").starts_with("call: "), "{}", header("stacktrace"));
    }

    #[test]
    fn a_call_that_never_ends_fails_at_its_timeout() {
        let builder = StreamsBuilder::new();
        let lines = builder.stream::<String, String>("in");
        let never = lines.map_values_async(|_| std::future::pending::<String>());
        never.with_async(AsyncOptions::default().timeout(Duration::from_millis(20))).to("out");
        let config = StreamsConfig::new("app", "localhost:9092");
        let driver = TopologyTestDriver::new(&builder.build().unwrap(), config).unwrap();
        let mut lines = driver.input_topic("in", string(), string());
        let error = lines.pipe_input("k".to_owned(), "v".to_owned(), 5).unwrap_err().to_string();
        assert!(error.contains("failed on in-0@0: the call has not ended within 20ms"), "{error}");
    }

    #[test]
    fn calls_that_may_take_longer_than_a_transaction_are_refused() {
        let builder = StreamsBuilder::new();
        let lines = builder.stream::<String, String>("in");
        let slow = lines.map_values_async(|line| async move { line }).named("slow");
        slow.with_async(AsyncOptions::default().timeout(Duration::from_secs(6))).to("out");
        let config = StreamsConfig::new("app", "localhost:9092");
        let exactly_once = config.set("processing.guarantee", "exactly_once_v2");
        let error = TopologyTestDriver::new(&builder.build().unwrap(), exactly_once).unwrap_err();
        assert!(error.to_string().contains("6000 ms in node `slow`"), "{error}");
    }

    #[test]
    fn options_of_calls_that_nobody_makes_are_a_mistake() {
        let builder = StreamsBuilder::new();
        let lines = builder.stream::<String, String>("in");
        lines.filter(|_, _| true).with_async(AsyncOptions::default()).to("out");
        let error = builder.build().unwrap_err();
        let wrong = error.topology_problems()[0].wrong();
        assert_eq!(wrong, "`with_async` is said of something that is not an async operator");
    }
}
