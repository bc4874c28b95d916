//! `to_table`: a stream's records as updates of a table.

use std::marker::PhantomData;

use super::{Nullable, table_source::UpdatedRows};
use crate::{
    KStream, KTable,
    options::Materialized,
    plan::{Drawn, Lowering, Operator, Repartition, Role, Sketch, Slot, Step, prefix},
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// Takes each record as an update of the row of its key: a null value deletes it. Java's
    /// `toTable`.
    ///
    /// Records without a key are dropped. Where keys or values may be null, the types that they
    /// hold must be named, as `to_table::<String, String>`.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let statuses = builder.stream::<String, Option<String>>("statuses");
    /// let latest: KTable<String, String> = statuses.to_table().stored("latest-status");
    /// assert!(builder.build()?.describe().contains("(stores: [latest-status])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn to_table<K2, V2>(&self) -> KTable<K2, V2>
    where
        K: Nullable<K2>,
        V: Nullable<V2>,
        K2: Clone + Send + 'static,
        V2: Clone + Send + 'static,
    {
        KTable::of(self.step().then(ToTable::<K, V, K2, V2>(PhantomData)))
    }
}

type Types<K, V, K2, V2> = fn(K, V) -> (K2, V2);

struct ToTable<K, V, K2, V2>(PhantomData<Types<K, V, K2, V2>>);

impl<K, V, K2, V2> Operator for ToTable<K, V, K2, V2>
where
    K: Nullable<K2> + Send + 'static,
    V: Nullable<V2> + Send + 'static,
    K2: Clone + Send + 'static,
    V2: Clone + Send + 'static,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let above = sketch.stream::<K, V>(step)?;
        let materialized = step.options.stored::<Materialized<K2, V2>>().unwrap_or_default();
        let name = sketch.name(step, prefix::TO_TABLE);
        let key_serde = Slot::given(materialized.key_serde.clone())
            .or(&Slot::given(step.options.key_serde()))
            .or(&above.key_serde.convert());
        let value_serde = Slot::given(materialized.value_serde.clone())
            .or(&Slot::given(step.options.value_serde()))
            .or(&above.value_serde.convert());
        let serdes = (&key_serde, &value_serde);
        let rows = UpdatedRows::new(sketch, step, materialized, prefix::TO_TABLE, serdes);
        let (mut parent, mut sources) = (above.node, above.sources);
        if above.repartition_required {
            let values = above.value_serde.clone().or(&value_serde.convert());
            let (names, filter) = sketch.repartition_names(&name);
            let topic = Repartition::new(names, key_serde.clone(), values);
            let (node, source) =
                topic.draw_unwrapping::<K>(sketch, filter, (above.node, step.caller));
            (parent, sources) = (node, [source].into());
        }
        let (node_name, part_rows) = (name.clone(), rows.clone());
        let part = move |lowering: &mut Lowering<'_>| {
            // Behind a repartition topic keys have their plain type, unless that topic is shared.
            if lowering.parents_forward::<K2, V>() {
                let parents = lowering.parents::<K2, V>();
                part_rows.lower::<K2, V>(lowering, &node_name, &parents, None);
            } else {
                let parents = lowering.parents::<K, V>();
                part_rows.lower::<K, V>(lowering, &node_name, &parents, None);
            }
        };
        let node = sketch.add(&name, Role::Other, &[parent], step.caller, part);
        Some(rows.table(sketch, node, sources, (key_serde, value_serde)).of(step))
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::effect;

    #[test]
    fn records_become_updates_of_rows() {
        let out = effect(
            |b| {
                let lines = b.stream::<Option<String>, Option<String>>("in");
                let rows = lines.to_table::<String, String>();
                rows.filter(|_, line| line != "y").to_stream().to("out");
            },
            &[("in", "a", "x", 1), ("in", "-", "x", 2), ("in", "a", "y", 3)],
        );
        assert_eq!(out, ["a=x@1", "a=-@3"]);
    }
}
