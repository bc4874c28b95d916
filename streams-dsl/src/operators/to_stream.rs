//! `to_stream`: the changes of a table, as records. Java's `KStreamMapValues` of the new value.

use std::marker::PhantomData;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
    serde::option,
};

use super::fallible::fallible;
use crate::{
    KStream, KTable,
    change::Change,
    plan::{Drawn, DrawnStream, Lowering, Operator, Role, Sketch, Step, prefix},
};

impl<K, V> KTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// The changes of the table as a stream: the new value of each row, and `None` where it was
    /// deleted. Java's `toStream`.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let counts = builder.stream::<String, String>("words").group_by_key().count();
    /// let changes: KStream<String, Option<i64>> = counts.to_stream();
    /// changes.to("word-counts");
    /// assert!(builder.build()?.describe().contains("Processor: KTABLE-TOSTREAM-0000000003"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn to_stream(&self) -> KStream<K, Option<V>> {
        KStream::of(self.step().then(ToStream::<K, V>(PhantomData)))
    }

    fallible! {
        /// Like [`to_stream`](Self::to_stream), under the key that `selector` makes of each change:
        /// then grouping or joining it repartitions it. Java's `toStream` with a mapper.
        ///
        /// ```
        /// use std::time::Duration;
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let hours = TimeWindows::of_size_with_no_grace(Duration::from_secs(3_600));
        /// let per_hour =
        ///     builder.stream::<String, i64>("orders").group_by_key().windowed_by(hours).count();
        /// per_hour.to_stream_with_key(|windowed, _| windowed.key.clone()).to("counts");
        /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-KEY-SELECT-0000000004"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn to_stream_with_key, try_to_stream_with_key [K2: Send + 'static,](&self)
        (selector: (key: &K, value: &Option<V>) -> K2) -> KStream<K2, Option<V>> {
            self.to_stream().try_select_key(selector)
        }
    }
}

struct ToStream<K, V>(PhantomData<fn(K, V)>);

impl<K, V> Operator for ToStream<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let table = sketch.table::<K, V>(step)?;
        let name = sketch.name(step, prefix::TABLE_TO_STREAM);
        let node_name = name.clone();
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, Change<V>>();
            let node = lowering.processor(&node_name, || NewValues, &parents);
            lowering.forwards::<K, Option<V>>(node);
        };
        let node = sketch.add(&name, Role::Other, &[table.node], step.caller, part);
        let stream = DrawnStream {
            node,
            name,
            key_serde: table.key_serde,
            value_serde: table.value_serde.map(option),
            sources: table.sources,
            repartition_required: false,
        };
        Some(stream.of(step))
    }
}

/// Forwards the new value of each change.
struct NewValues;

impl<K, V> Processor<K, Change<V>, K, Option<V>> for NewValues {
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K, Option<V>>,
    ) -> Result<(), BoxError> {
        context.forward(record.with_value(&record.value.new))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::effect;

    #[test]
    fn changes_become_records_and_deletions_nulls() {
        let out = effect(
            |b| {
                let rows = b.table::<String, String>("in");
                rows.to_stream().to("out");
                rows.to_stream_with_key(|key, _| format!("{key}{key}")).to("out");
            },
            &[("in", "a", "x", 1), ("in", "a", "-", 2)],
        );
        assert_eq!(out, ["a=x@1", "aa=x@1", "a=-@2", "aa=-@2"]);
    }
}
