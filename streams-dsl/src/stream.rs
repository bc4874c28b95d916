//! `KStream`: a stream of records, each an event of its own.

use std::{fmt, marker::PhantomData, time::Duration};

use streams_core::serde::SerdeRef;

use crate::{
    options::{AsyncOptions, Named, StreamStored, serde_options},
    plan::StepRef,
};

/// A stream of records: each is an event of its own, whatever came before under its key. Java's
/// `KStream`.
///
/// A handle of a step in the plan of its [`StreamsBuilder`](crate::StreamsBuilder): cloning it is
/// cheap and adds nothing, and each call of an operator adds a branch. Records reach the branches
/// in the order in which they were added, each to the end of a branch before the next.
///
/// Keys and values that may be null are `Option`s. Every operator with a closure has a `try_` form
/// whose closure can fail; its error goes to the processing exception handler. Options of an
/// operator follow it, set on the stream that it returned: [`named`](Self::named),
/// [`with_serdes`](Self::with_serdes).
pub struct KStream<K, V> {
    step: StepRef,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> KStream<K, V> {
    pub(crate) const fn of(step: StepRef) -> Self {
        Self { step, types: PhantomData }
    }

    pub(crate) const fn step(&self) -> &StepRef {
        &self.step
    }

    /// Names the operator that this stream comes from: its node, and the repartition topic that it
    /// may need. Java's `Named`, and the names of `Consumed`, `Joined` and `Repartitioned`.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream::<String, i64>("orders").named("orders-in");
    /// orders.filter(|_, amount| *amount > 1_000).named("large").to("large-orders").named("out");
    /// let text = builder.build()?.describe();
    /// assert!(text.contains("Source: orders-in") && text.contains("Processor: large"));
    /// assert!(text.contains("Sink: out"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[expect(clippy::return_self_not_must_use, reason = "it is an option of what was added before")]
    pub fn named(self, name: impl Into<Named>) -> Self {
        self.step.set_name(name.into());
        self
    }

    /// Holds the records of the stream back that a join with a table was called on, until stream
    /// time is so much later than their timestamps: until then updates of the table may come that
    /// they are to see. Java's `Joined.withGracePeriod` (KIP-923).
    ///
    /// The table must be versioned, with a history that is not shorter. Records come out in order
    /// of time, with their own timestamps; one that comes later than the grace period, or has no
    /// key in a left join, is joined at once. What is held back is in a store of its own, `<name of
    /// the join>-Buffer`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let seconds = Duration::from_secs;
    /// let prices = Materialized::versioned("prices", seconds(3_600));
    /// let prices = builder.table::<String, i64>("prices").stored(prices);
    /// let orders = builder.stream::<String, i64>("orders");
    /// let amounts = orders.join(&prices, |count, price| count * price);
    /// amounts.named("price").with_grace_period(seconds(60)).to("amounts");
    /// assert!(builder.build()?.describe().contains("Processor: price (stores: [price-Buffer, prices])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[expect(clippy::return_self_not_must_use, reason = "it is an option of what was added before")]
    pub fn with_grace_period(self, grace: Duration) -> Self {
        self.step.set_grace(grace);
        self
    }

    /// Says how the async operator that this stream comes from makes its calls.
    ///
    /// Said of a stream that comes from anything else it is a mistake, which the build reports.
    #[expect(clippy::return_self_not_must_use, reason = "it is an option of what was added before")]
    pub fn with_async(self, options: AsyncOptions) -> Self {
        self.step.set_async_options(options);
        self
    }
}

impl<K: 'static, V: 'static> KStream<K, V> {
    /// Names the stores of the operator that this stream comes from, or describes them as
    /// [`StreamStored`] does.
    ///
    /// Said of a stream whose operator has none, it is a mistake, which the build reports.
    #[expect(clippy::return_self_not_must_use, reason = "it is an option of what was added before")]
    pub fn stored(self, stores: impl Into<StreamStored>) -> Self {
        self.step.set_stored(stores.into());
        self
    }

    serde_options! {
        /// Writes the keys and values of this stream with these serdes, wherever they are written:
        /// to a topic, a repartition topic, a store.
        ///
        /// Without it they are written with the serdes of the stream above, if the operator keeps
        /// their types, else with what is registered for their types.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let lines = builder.stream::<String, String>("lines");
        /// lines.map_values(|line| line.len() as i64).with_serdes(string(), long()).to("lengths");
        /// builder.build()?;
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
    }
}

impl<K, V> Clone for KStream<K, V> {
    fn clone(&self) -> Self {
        Self::of(self.step.clone())
    }
}

impl<K, V> fmt::Debug for KStream<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KStream({})", self.step)
    }
}

/// The end of a stream, which can be named. Returned by [`to`](KStream::to) and
/// [`for_each`](KStream::for_each).
#[derive(Debug)]
pub struct StreamEnd {
    step: StepRef,
}

impl StreamEnd {
    pub(crate) const fn of(step: StepRef) -> Self {
        Self { step }
    }

    /// Says how [`for_each_async`](KStream::for_each_async), of which this is the end, makes its
    /// calls.
    #[expect(clippy::return_self_not_must_use, reason = "it is an option of what was added before")]
    pub fn with_async(self, options: AsyncOptions) -> Self {
        self.step.set_async_options(options);
        self
    }

    /// Names the node. Java's `Named`, and the name of `Produced`.
    pub fn named(self, name: impl Into<Named>) {
        self.step.set_name(name.into());
    }
}
