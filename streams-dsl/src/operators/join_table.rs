//! `join` and `left_join` of a stream with a table: each record looks up the row of its key. Java's
//! `KStreamKTableJoin`.

use std::{marker::PhantomData, sync::Arc};

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

use super::{
    Nullable,
    fallible::fallible,
    join_grace::{Waiting, WaitingJoin},
};
use crate::{
    KStream, KTable,
    options::Named,
    plan::{
        Asked, Drawn, DrawnStream, DrawnTable, Lowering, Name, Need, Operator, Repartition, Role,
        SharedTopic, Sketch, Slot, Step, TableGetter, prefix,
    },
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    fallible! {
        /// Joins each record with the row that the table has for its key at that time. Java's
        /// `join` with a `KTable`.
        ///
        /// A record without a row, a key or a value is left out; the latter two are counted as
        /// dropped. Only records of the stream give results: an update of the table does not. Both
        /// sides need equal numbers of partitions; a stream whose key may have changed is
        /// repartitioned first. Where the stream's values are `Option`s, the type of the joiner's
        /// first argument says what is joined.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let customers = builder.table::<String, String>("customers");
        /// let orders = builder.stream::<String, i64>("orders");
        /// orders.join(&customers, |amount, name| format!("{name}: {amount}")).to("enriched");
        /// let text = builder.build()?.describe();
        /// assert!(text.contains("KSTREAM-JOIN-0000000004 (stores: [customers-STATE-STORE-0000000000])"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn join, try_join [KT, VT, V2, VR,](&self, table: &KTable<KT, VT>)
        (joiner: (value: &V2, row: &VT) -> VR) -> KStream<K, VR>
        where [
            KT: TableKey<K> + Clone + Send + 'static,
            VT: Clone + Send + 'static,
            V: Nullable<V2>,
            V2: 'static,
            VR: Send + 'static,
        ] {
            let joiner = move |_: &K, value: &V2, row: Option<&VT>| {
                row.map(|row| joiner(value, row)).transpose()
            };
            self.look_up(table, joiner, Kind::Inner)
        }
    }

    fallible! {
        /// Like [`join`](Self::join), with a joiner that sees the key too.
        pub fn join_with_key, try_join_with_key [KT, VT, V2, VR,](&self, table: &KTable<KT, VT>)
        (joiner: (key: &K, value: &V2, row: &VT) -> VR) -> KStream<K, VR>
        where [
            KT: TableKey<K> + Clone + Send + 'static,
            VT: Clone + Send + 'static,
            V: Nullable<V2>,
            V2: 'static,
            VR: Send + 'static,
        ] {
            let joiner = move |key: &K, value: &V2, row: Option<&VT>| {
                row.map(|row| joiner(key, value, row)).transpose()
            };
            self.look_up(table, joiner, Kind::Inner)
        }
    }

    fallible! {
        /// Joins each record with the row that the table has for its key at that time, or with
        /// `None`. Java's `leftJoin` with a `KTable`.
        ///
        /// Like [`join`](Self::join), but a record without a row or a key is kept.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let customers = builder.table::<String, String>("customers");
        /// let orders = builder.stream::<Option<String>, i64>("orders");
        /// let enriched = orders.left_join(&customers, |amount, name: Option<&String>| {
        ///     format!("{}: {amount}", name.map_or("unknown", String::as_str))
        /// });
        /// enriched.to("enriched");
        /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-LEFTJOIN-0000000004"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn left_join, try_left_join [KT, VT, V2, VR,](&self, table: &KTable<KT, VT>)
        (joiner: (value: &V2, row: Option<&VT>) -> VR) -> KStream<K, VR>
        where [
            KT: TableKey<K> + Clone + Send + 'static,
            VT: Clone + Send + 'static,
            V: Nullable<V2>,
            V2: 'static,
            VR: Send + 'static,
        ] {
            let joiner =
                move |_: &K, value: &V2, row: Option<&VT>| joiner(value, row).map(Some);
            self.look_up(table, joiner, Kind::Left)
        }
    }

    fallible! {
        /// Like [`left_join`](Self::left_join), with a joiner that sees the key too.
        pub fn left_join_with_key, try_left_join_with_key [KT, VT, V2, VR,](&self, table: &KTable<KT, VT>)
        (joiner: (key: &K, value: &V2, row: Option<&VT>) -> VR) -> KStream<K, VR>
        where [
            KT: TableKey<K> + Clone + Send + 'static,
            VT: Clone + Send + 'static,
            V: Nullable<V2>,
            V2: 'static,
            VR: Send + 'static,
        ] {
            let joiner =
                move |key: &K, value: &V2, row: Option<&VT>| joiner(key, value, row).map(Some);
            self.look_up(table, joiner, Kind::Left)
        }
    }

    /// The joiner says with `None` that nothing comes of a record.
    #[track_caller]
    fn look_up<KT, VT, V2, VR, F>(
        &self,
        table: &KTable<KT, VT>,
        joiner: F,
        kind: Kind,
    ) -> KStream<K, VR>
    where
        KT: TableKey<K> + Clone + Send + 'static,
        VT: Clone + Send + 'static,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
        F: Fn(&K, &V2, Option<&VT>) -> Result<Option<VR>, BoxError> + Send + Sync + 'static,
    {
        let what = "a stream can't be joined with a table";
        let joiner = Arc::new(joiner);
        let join = JoinTable::<F, K, V, KT, VT, V2, VR> { joiner, kind, types: PhantomData };
        KStream::of(self.step().then_with(table.step(), what, join))
    }
}

/// The records that give a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Those that have a row.
    Inner,
    /// All that have a value.
    Left,
}

type Types<K, V, KT, VT, V2, VR> = fn(K, V, KT, VT, V2) -> VR;

struct JoinTable<F, K, V, KT, VT, V2, VR> {
    joiner: Arc<F>,
    kind: Kind,
    types: PhantomData<Types<K, V, KT, VT, V2, VR>>,
}

impl<F, K, V, KT, VT, V2, VR> Operator for JoinTable<F, K, V, KT, VT, V2, VR>
where
    K: Send + 'static,
    V: Nullable<V2> + Send + 'static,
    KT: TableKey<K> + Clone + Send + 'static,
    VT: Clone + Send + 'static,
    V2: 'static,
    VR: Send + 'static,
    F: Fn(&K, &V2, Option<&VT>) -> Result<Option<VR>, BoxError> + Send + Sync + 'static,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let mut stream = sketch.stream::<K, V>(step)?;
        let table = sketch.output::<DrawnTable<KT, VT>>(step.inputs.get(1))?;
        if stream.repartition_required {
            let has_key = |key: &K| KT::of(key).is_some();
            let given = step.options.name.as_ref().map(Named::shared);
            stream = repartition_for_join(stream, (given, has_key), step, sketch);
        }
        let sources: Vec<_> = stream.sources.iter().chain(&*table.sources).cloned().collect();
        sketch.copartition(sources.clone());
        let left = self.kind == Kind::Left;
        let name = sketch.name(step, if left { prefix::LEFT_JOIN } else { prefix::JOIN });
        sketch.need(Need::Rows(table.node));
        let (node_name, joiner, rows) = (name.clone(), self.joiner.clone(), table.rows);
        let waiting = Waiting::of(step, (&name, &stream), &rows, sketch);
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, V>();
            let Some((table, connect)) = rows.getter(lowering) else { return };
            let joiner = joiner.clone();
            let supplier = move || Join {
                table: table.clone(),
                joiner: joiner.clone(),
                left,
                value: PhantomData::<fn(V2)>,
            };
            let node = if let Some(waiting) = &waiting {
                let waiting = waiting.lower(lowering, &node_name);
                let supplier = move || WaitingJoin::new(supplier(), waiting);
                let node = lowering.processor(&node_name, supplier, &parents);
                lowering.topology().connect(node.id(), waiting.0);
                node
            } else {
                lowering.processor(&node_name, supplier, &parents)
            };
            connect(lowering.topology(), node.id());
            lowering.forwards::<K, VR>(node);
        };
        let role = if left { Role::KeepsNullKeys } else { Role::Other };
        let node = sketch.add(&name, role, &[stream.node], step.caller, part);
        let joined = DrawnStream::<K, VR> {
            node,
            name,
            key_serde: stream.key_serde,
            value_serde: Slot::unknown(),
            sources: sources.into(),
            repartition_required: false,
        };
        Some(joined.of(step))
    }
}

/// A stream behind a repartition topic: the one that an earlier join of it made, unless this one is
/// given a name.
pub(super) fn repartition_for_join<K: Send + 'static, V: Send + 'static>(
    stream: DrawnStream<K, V>,
    (given, has_key): (Option<Name>, fn(&K) -> bool),
    step: &Step,
    sketch: &mut Sketch<'_>,
) -> DrawnStream<K, V> {
    let base = given.unwrap_or_else(|| stream.name.clone());
    let (names, filter) = sketch.repartition_names(&base);
    let who = SharedTopic::OfJoins(stream.node);
    let shared = if base == stream.name { sketch.shared_topic(who, None) } else { None };
    let (node, source) = shared.unwrap_or_else(|| {
        let (keys, values) = (stream.key_serde.clone(), stream.value_serde.clone());
        let topic = Repartition::new(names, keys, values);
        let above = (stream.node, step.caller);
        let (node, source) = topic.draw_keeping(sketch, filter, above, (has_key, true));
        sketch.share_topic(who, node, source.clone());
        (node, source)
    });
    let sources = [source.clone()].into();
    DrawnStream { node, name: source, sources, repartition_required: false, ..stream }
}

/// Joins each record with the row that the table has for its key now, and forwards the result under
/// the record's key, at its timestamp. Updates of the table forward nothing.
///
/// A record without a value is dropped. One without a key is dropped by an inner join; with `left`
/// it is joined with nothing.
pub(super) struct Join<KT, V, VT, F> {
    table: TableGetter<KT, VT>,
    joiner: Arc<F>,
    left: bool,
    value: PhantomData<fn(V)>,
}

impl<KT, V, VT, F> Join<KT, V, VT, F> {
    /// The value of a record that is joined; counts one that is not.
    pub(super) fn value_of<'r, K, VIn, VR>(
        &self,
        record: Record<'r, K, VIn>,
        context: &mut Context<'_, K, VR>,
    ) -> Option<&'r V>
    where
        VIn: Nullable<V>,
        KT: TableKey<K>,
    {
        let has_key = self.left || KT::of(record.key).is_some();
        let value = record.value.as_value().filter(|_| has_key);
        if value.is_none() {
            context.drop_record("its key or value is null");
        }
        value
    }

    /// Joins a record with the row that its key has at its time, or has now if rows are not
    /// versioned.
    pub(super) fn join<K, VR>(
        &self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K, VR>,
    ) -> Result<(), BoxError>
    where
        KT: TableKey<K> + 'static,
        VT: 'static,
        F: Fn(&K, &V, Option<&VT>) -> Result<Option<VR>, BoxError>,
    {
        let (joiner, asked) = (&self.joiner, Asked::AsOf(record.timestamp));
        let joined = match KT::of(record.key) {
            Some(key) => self.table.with(&mut context.stores(), key, asked, |row| {
                joiner(record.key, record.value, row.map(|(value, _)| value))
            })?,
            None => joiner(record.key, record.value, None)?,
        };
        if let Some(joined) = joined {
            context.forward(record.with_value(&joined))?;
        }
        Ok(())
    }
}

impl<K, VIn, KT, V, VT, VR, F> Processor<K, VIn, K, VR> for Join<KT, V, VT, F>
where
    VIn: Nullable<V>,
    KT: TableKey<K> + 'static,
    VT: 'static,
    F: Fn(&K, &V, Option<&VT>) -> Result<Option<VR>, BoxError> + Send + Sync,
{
    fn process(
        &mut self,
        record: Record<'_, K, VIn>,
        context: &mut Context<'_, K, VR>,
    ) -> Result<(), BoxError> {
        let Some(value) = self.value_of(record, context) else { return Ok(()) };
        self.join(record.with_value(value), context)
    }
}

/// A table keyed by `Self` can be joined by a stream keyed by `K`: `K` is the same type, or an
/// `Option` of it.
///
/// A stream record whose key is null has no row in the table: an inner join drops it, a left join
/// joins it with nothing.
#[diagnostic::on_unimplemented(
    message = "a stream keyed by `{K}` cannot join a table keyed by `{Self}`",
    label = "the keys of both sides must be of one type",
    note = "re-key the stream first, with `select_key`"
)]
pub trait TableKey<K>: Sized {
    /// The table's key in a stream's key, unless that is null.
    fn of(key: &K) -> Option<&Self>;
}

impl<K> TableKey<K> for K {
    #[inline]
    fn of(key: &K) -> Option<&K> {
        Some(key)
    }
}

impl<K> TableKey<Option<K>> for K {
    #[inline]
    fn of(key: &Option<K>) -> Option<&K> {
        key.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::effect;

    #[test]
    fn a_record_is_joined_with_the_row_of_its_key_at_that_time() {
        let out = effect(
            |b| {
                let rows = b.table::<String, String>("rows");
                let lines = b.stream::<String, String>("in");
                lines.join(&rows, |line: &String, row| format!("{line}+{row}")).to("out");
                let left = |line: &String, row: Option<&String>| {
                    format!("{line}/{}", row.map_or("none", String::as_str))
                };
                lines.left_join(&rows, left).to("out");
            },
            &[("in", "a", "x", 1), ("rows", "a", "r", 2), ("in", "a", "y", 3)],
        );
        assert_eq!(out, ["a=x/none@1", "a=y+r@3", "a=y/r@3"]);
    }
}
