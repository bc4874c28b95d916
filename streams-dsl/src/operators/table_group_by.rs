//! `group_by` of a table. Java's `KTableRepartitionMap`.

use std::{marker::PhantomData, sync::Arc};

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

use super::{Nullable, fallible::fallible};
use crate::{
    KGroupedTable, KTable,
    change::Change,
    plan::{Drawn, DrawnGroup, Lowering, Need, Operator, Role, Sketch, Slot, Step, prefix},
};

impl<K, V> KTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    fallible! {
        /// Groups the rows anew: `selector` gives the key and value that each row has in its group.
        /// Java's `groupBy`.
        ///
        /// An aggregation of the groups repartitions them: of each change, the old value goes to
        /// its group to be taken out and the new one to its own to be put in. Until both have
        /// arrived the groups are transiently wrong. The table gets a store, if it has none,
        /// because the old values are needed. A row is in no group if the selector gives `None` for
        /// its key or value; then the types must be named, as `group_by::<String, i64, _, _>`.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let home_towns = builder.table::<String, String>("home-towns");
        /// let per_town = home_towns.group_by(|person, town| (town.clone(), person.clone()));
        /// per_town.count().stored("people-per-town");
        /// assert!(builder.build()?.describe().contains("(topic: people-per-town-repartition)"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn group_by, try_group_by [K2, V2, KR, VR,](&self)
        (selector: (key: &K, value: &V) -> (KR, VR)) -> KGroupedTable<K2, V2>
        where [
            K2: PartialEq + Clone + Send + 'static,
            V2: Clone + Send + 'static,
            KR: Nullable<K2>,
            VR: Nullable<V2>,
        ] {
            let selector = move |key: &K, value: &V| {
                let (key, value) = selector(key, value)?;
                Ok(key.into_value().zip(value.into_value()))
            };
            let types = PhantomData::<Types<K, V, K2, V2>>;
            KGroupedTable::of(self.step().then(GroupBy { selector: Arc::new(selector), types }))
        }
    }
}

type Types<K, V, K2, V2> = fn(K, V) -> (K2, V2);

struct GroupBy<F, K, V, K2, V2> {
    selector: Arc<F>,
    types: PhantomData<Types<K, V, K2, V2>>,
}

impl<F, K, V, K2, V2> Operator for GroupBy<F, K, V, K2, V2>
where
    F: Fn(&K, &V) -> Result<Option<(K2, V2)>, BoxError> + Send + Sync + 'static,
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
    K2: PartialEq + Clone + Send + 'static,
    V2: Clone + Send + 'static,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let table = sketch.table::<K, V>(step)?;
        let name = sketch.name(step, prefix::TABLE_SELECT);
        sketch.need(Need::OldValues(table.node));
        let (node_name, selector) = (name.clone(), self.selector.clone());
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, Change<V>>();
            let split = lowering.settings().split_changes;
            let selector = selector.clone();
            let supplier = move || Regroup { selector: selector.clone(), split };
            let node = lowering.processor(&node_name, supplier, &parents);
            lowering.forwards::<K2, Change<V2>>(node);
        };
        let node = sketch.add(&name, Role::Other, &[table.node], step.caller, part);
        let group = DrawnGroup::<K2, V2> {
            step: step.id,
            node,
            key_serde: Slot::given(step.options.key_serde()),
            value_serde: Slot::given(step.options.value_serde()),
            sources: table.sources,
            repartition_required: true,
            name: step.options.name.clone(),
        };
        Some(Box::new(group))
    }
}

/// Turns each change of a row into the changes of the groups that its old and its new value belong
/// to. The selector gives the group's key and value, or `None` where one of them is null: then that
/// side is left out. The parent must send old values.
///
/// Where both sides are in the same group, by `==` of their keys, one record carries both values.
/// Else the old one goes first: between the two the groups are transiently wrong. With `split` two
/// records go out always, which is what applications that are being upgraded from 3.4 or older can
/// read.
struct Regroup<F> {
    selector: Arc<F>,
    split: bool,
}

impl<K, V, K2, V2, F> Processor<K, Change<V>, K2, Change<V2>> for Regroup<F>
where
    K2: PartialEq,
    F: Fn(&K, &V) -> Result<Option<(K2, V2)>, BoxError> + Send + Sync,
{
    fn process(
        &mut self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K2, Change<V2>>,
    ) -> Result<(), BoxError> {
        // An update of a versioned table that is older than the latest one takes nothing out of its
        // group.
        if !record.value.is_latest {
            return Ok(());
        }
        let map = |value: &Option<V>| match value {
            Some(value) => (self.selector)(record.key, value),
            None => Ok(None),
        };
        let (timestamp, headers) = (record.timestamp, record.headers);
        let mut forward = |key: &K2, change: Change<V2>| {
            context.forward(Record::new(key, &change, timestamp, headers))
        };
        match (map(&record.value.new)?, map(&record.value.old)?) {
            (Some((key, new)), Some((old_key, old))) if !self.split && key == old_key => {
                forward(&key, Change::new(Some(new), Some(old)))?;
            }
            (new, old) => {
                if let Some((key, old)) = old {
                    forward(&key, Change::new(None, Some(old)))?;
                }
                if let Some((key, new)) = new {
                    forward(&key, Change::new(Some(new), None))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::effect;

    #[test]
    fn a_row_that_changes_leaves_its_group() {
        let out = effect(
            |b| {
                let towns = b.table::<String, String>("in");
                let people = towns.group_by(|person, town| (town.clone(), person.clone())).count();
                people.to_stream().map_values(|n| n.map(|n| n.to_string())).to("out");
            },
            &[("in", "ann", "rome", 1), ("in", "bob", "rome", 2), ("in", "ann", "oslo", 3)],
        );
        assert_eq!(out, ["rome=1@1", "rome=2@2", "rome=1@3", "oslo=1@3"]);
    }
}
