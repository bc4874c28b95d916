//! `join_stream`, `left_join_stream` and `outer_join_stream`: two streams in windows of time.
//! Java's `KStreamImplJoin`.

use std::{marker::PhantomData, panic::Location, sync::Arc};

use super::{
    Nullable,
    fallible::fallible,
    join_sides::Joiner,
    join_stream_nodes::{JoinStreams, Kind},
};
use crate::{KStream, windows::JoinWindows};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    fallible! {
        /// Joins each record with those of another stream that have its key and are near it in
        /// time. Java's `join` with a `KStream`.
        ///
        /// Records of both streams are kept as long as their windows take others, and each pair is
        /// joined once, when the later of the two is processed, at the later of both timestamps. A
        /// record without a key or a value joins nothing and is counted as dropped. Both sides need
        /// equal numbers of partitions; a stream whose key may have changed is repartitioned first,
        /// and a name that is given to the join is that of both repartition topics, with `-left`
        /// and `-right` behind it. Where keys or values are `Option`s, the call names the type of
        /// the keys, as in `left.join_stream::<String, _, _, _, _>`, and the types of the joiner's
        /// arguments say what is joined.
        ///
        /// ```
        /// use std::time::Duration;
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let orders = builder.stream::<String, i64>("orders");
        /// let payments = builder.stream::<String, i64>("payments");
        /// let hour = JoinWindows::of_time_difference_with_no_grace(Duration::from_secs(3_600));
        /// orders.join_stream(&payments, hour, |order, payment| order - payment).to("balances");
        /// let text = builder.build()?.describe();
        /// assert!(text.contains("Processor: KSTREAM-JOINTHIS-0000000004 (stores: [KSTREAM-JOINOTHER-0000000005-store])"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn join_stream, try_join_stream [K2, VO, L, R, VR,](&self, other: &KStream<K, VO>, windows: JoinWindows)
        (joiner: (left: &L, right: &R) -> VR) -> KStream<K, VR>
        where [
            K: Nullable<K2> + From<K2>,
            K2: Clone + Send + 'static,
            V: Nullable<L>,
            VO: Nullable<R> + Send + 'static,
            L: Clone + Send + 'static,
            R: Clone + Send + 'static,
            VR: Send + 'static,
        ] {
            let joiner = move |_: &K, left: Option<&L>, right: Option<&R>| {
                let Some((left, right)) = left.zip(right) else { return Ok(None) };
                joiner(left, right).map(Some)
            };
            self.meet(other, windows, joiner, Kind::Inner)
        }
    }

    fallible! {
        /// Like [`join_stream`](Self::join_stream), with a joiner that sees the key too.
        pub fn join_stream_with_key, try_join_stream_with_key [K2, VO, L, R, VR,](&self, other: &KStream<K, VO>, windows: JoinWindows)
        (joiner: (key: &K, left: &L, right: &R) -> VR) -> KStream<K, VR>
        where [
            K: Nullable<K2> + From<K2>,
            K2: Clone + Send + 'static,
            V: Nullable<L>,
            VO: Nullable<R> + Send + 'static,
            L: Clone + Send + 'static,
            R: Clone + Send + 'static,
            VR: Send + 'static,
        ] {
            let joiner = move |key: &K, left: Option<&L>, right: Option<&R>| {
                let Some((left, right)) = left.zip(right) else { return Ok(None) };
                joiner(key, left, right).map(Some)
            };
            self.meet(other, windows, joiner, Kind::Inner)
        }
    }

    fallible! {
        /// Like [`join_stream`](Self::join_stream), and a record of this stream that is joined with
        /// nothing comes out with `None`: when stream time is past its window and the grace period,
        /// or at once if it comes later than that. Java's `leftJoin` with a `KStream`.
        ///
        /// Such a result comes out with a record of either stream, not before, and has its own
        /// timestamp. A record of this stream without a key is joined with `None` at once.
        ///
        /// ```
        /// use std::time::Duration;
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let orders = builder.stream::<String, i64>("orders");
        /// let payments = builder.stream::<String, i64>("payments");
        /// let hour = JoinWindows::of_time_difference_with_no_grace(Duration::from_secs(3_600));
        /// let owed = orders.left_join_stream(&payments, hour, |order, payment: Option<&i64>| {
        ///     order - payment.copied().unwrap_or_default()
        /// });
        /// owed.named("owed").to("balances");
        /// assert!(builder.build()?.describe().contains("Processor: owed-outer-other-join"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn left_join_stream, try_left_join_stream [K2, VO, L, R, VR,](&self, other: &KStream<K, VO>, windows: JoinWindows)
        (joiner: (left: &L, right: Option<&R>) -> VR) -> KStream<K, VR>
        where [
            K: Nullable<K2> + From<K2>,
            K2: Clone + Send + 'static,
            V: Nullable<L>,
            VO: Nullable<R> + Send + 'static,
            L: Clone + Send + 'static,
            R: Clone + Send + 'static,
            VR: Send + 'static,
        ] {
            let joiner = move |_: &K, left: Option<&L>, right: Option<&R>| {
                let Some(left) = left else { return Ok(None) };
                joiner(left, right).map(Some)
            };
            self.meet(other, windows, joiner, Kind::Left)
        }
    }

    fallible! {
        /// Like [`left_join_stream`](Self::left_join_stream), with a joiner that sees the key too.
        pub fn left_join_stream_with_key, try_left_join_stream_with_key [K2, VO, L, R, VR,](&self, other: &KStream<K, VO>, windows: JoinWindows)
        (joiner: (key: &K, left: &L, right: Option<&R>) -> VR) -> KStream<K, VR>
        where [
            K: Nullable<K2> + From<K2>,
            K2: Clone + Send + 'static,
            V: Nullable<L>,
            VO: Nullable<R> + Send + 'static,
            L: Clone + Send + 'static,
            R: Clone + Send + 'static,
            VR: Send + 'static,
        ] {
            let joiner = move |key: &K, left: Option<&L>, right: Option<&R>| {
                let Some(left) = left else { return Ok(None) };
                joiner(key, left, right).map(Some)
            };
            self.meet(other, windows, joiner, Kind::Left)
        }
    }

    fallible! {
        /// Like [`left_join_stream`](Self::left_join_stream), but records of both streams come out
        /// that are joined with nothing. Java's `outerJoin` with a `KStream`.
        ///
        /// ```
        /// use std::time::Duration;
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let ours = builder.stream::<String, i64>("ours");
        /// let theirs = builder.stream::<String, i64>("theirs");
        /// let minute = JoinWindows::of_time_difference_and_grace(Duration::from_secs(60), Duration::from_secs(5));
        /// let difference = ours.outer_join_stream(&theirs, minute, |ours: Option<&i64>, theirs: Option<&i64>| {
        ///     ours.copied().unwrap_or_default() - theirs.copied().unwrap_or_default()
        /// });
        /// difference.stored("compared").to("differences");
        /// assert!(builder.build()?.describe().contains("compared-outer-shared-join-store"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn outer_join_stream, try_outer_join_stream [K2, VO, L, R, VR,](&self, other: &KStream<K, VO>, windows: JoinWindows)
        (joiner: (left: Option<&L>, right: Option<&R>) -> VR) -> KStream<K, VR>
        where [
            K: Nullable<K2> + From<K2>,
            K2: Clone + Send + 'static,
            V: Nullable<L>,
            VO: Nullable<R> + Send + 'static,
            L: Clone + Send + 'static,
            R: Clone + Send + 'static,
            VR: Send + 'static,
        ] {
            let joiner = move |_: &K, left: Option<&L>, right: Option<&R>| {
                joiner(left, right).map(Some)
            };
            self.meet(other, windows, joiner, Kind::Outer)
        }
    }

    fallible! {
        /// Like [`outer_join_stream`](Self::outer_join_stream), with a joiner that sees the key
        /// too.
        pub fn outer_join_stream_with_key, try_outer_join_stream_with_key [K2, VO, L, R, VR,](&self, other: &KStream<K, VO>, windows: JoinWindows)
        (joiner: (key: &K, left: Option<&L>, right: Option<&R>) -> VR) -> KStream<K, VR>
        where [
            K: Nullable<K2> + From<K2>,
            K2: Clone + Send + 'static,
            V: Nullable<L>,
            VO: Nullable<R> + Send + 'static,
            L: Clone + Send + 'static,
            R: Clone + Send + 'static,
            VR: Send + 'static,
        ] {
            let joiner = move |key: &K, left: Option<&L>, right: Option<&R>| {
                joiner(key, left, right).map(Some)
            };
            self.meet(other, windows, joiner, Kind::Outer)
        }
    }

    /// The joiner says with `None` that nothing comes of its arguments.
    #[track_caller]
    fn meet<K2, VO, L, R, VR, F>(
        &self,
        other: &KStream<K, VO>,
        windows: JoinWindows,
        joiner: F,
        kind: Kind,
    ) -> KStream<K, VR>
    where
        K: Nullable<K2> + From<K2>,
        K2: Clone + Send + 'static,
        V: Nullable<L>,
        VO: Nullable<R> + Send + 'static,
        L: Clone + Send + 'static,
        R: Clone + Send + 'static,
        VR: Send + 'static,
        F: Joiner<K, L, R, VR>,
    {
        if let Err(problem) = windows.check() {
            self.step().plan().problem(Location::caller(), problem);
        }
        let joiner = Arc::new(joiner);
        let what = "a stream can't be joined with one";
        let join = JoinStreams {
            windows,
            kind,
            joiner,
            types: PhantomData::<fn(K, V, K2, VO, L, R) -> VR>,
        };
        KStream::of(self.step().then_with(other.step(), what, join))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use streams_core::{
        serde::{long, string},
        testing::TopologyTestDriver,
    };

    use crate::{JoinWindows, StreamsBuilder, StreamsConfig};

    #[test]
    fn a_left_join_says_at_last_that_a_record_was_joined_with_nothing() {
        let builder = StreamsBuilder::new();
        let orders = builder.stream::<String, i64>("orders");
        let payments = builder.stream::<String, i64>("payments");
        let windows = JoinWindows::of_time_difference_with_no_grace(Duration::from_millis(10));
        let owed = orders.left_join_stream(&payments, windows, |order, payment: Option<&i64>| {
            order - payment.copied().unwrap_or_default()
        });
        owed.to("owed");
        let config = StreamsConfig::new("app", "localhost:9092");
        let driver = TopologyTestDriver::new(&builder.build().unwrap(), config).unwrap();
        let mut orders = driver.input_topic("orders", string(), long());
        let mut payments = driver.input_topic("payments", string(), long());
        orders.pipe_input("ann".to_owned(), 7, 100).unwrap();
        orders.pipe_input("bob".to_owned(), 9, 101).unwrap();
        payments.pipe_input("ann".to_owned(), 5, 105).unwrap();
        driver.advance_wall_clock_time(Duration::from_secs(1)).unwrap();
        payments.pipe_input("eve".to_owned(), 1, 112).unwrap();
        let owed = driver.output_topic("owed", string(), long());
        let found = owed.read_records_to_list().unwrap();
        let found: Vec<_> =
            found.iter().map(|record| (&*record.key, record.value, record.timestamp)).collect();
        assert_eq!(found, [("ann", 2, 105), ("bob", 9, 101)]);
    }
}
