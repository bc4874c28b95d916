//! `join`, `left_join` and `outer_join`: two tables as one. Java's `KTableKTableInnerJoin` and its
//! siblings.

use std::{marker::PhantomData, sync::Arc};

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

use super::{
    Nullable,
    fallible::fallible,
    table_rows::{OUT_OF_ORDER, RowOutput, forward_pending, put_and_forward},
};
use crate::{
    KTable,
    change::Change,
    options::Materialized,
    plan::{
        Asked, Connect, Drawn, DrawnTable, Lookup, Lowering, Name, Need, Operator, Part, Role,
        Rows, RowsOf, Sketch, Slot, Step, StoredRows, TableGetter, TableStore, prefix,
    },
};

impl<K, V> KTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    fallible! {
        /// Joins the rows of both tables that have the same key. Java's inner `join`.
        ///
        /// There is a row where both tables have one; a change of either side updates it, at the
        /// later of the two rows' timestamps, and a deletion on either side deletes it. Both tables
        /// get a store, if they have none, and must have the same number of partitions. Where the
        /// joiner returns an `Option`, `None` is no row, and the types must be named, as
        /// `join::<String, i64, _>`.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let names = builder.table::<String, String>("names");
        /// let towns = builder.table::<String, String>("towns");
        /// names.join(&towns, |name, town| format!("{name} of {town}")).to_stream().to("addresses");
        /// assert!(builder.build()?.describe().contains("Processor: KTABLE-MERGE-0000000006"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn join, try_join [VO: Clone + Send + 'static, VR: Clone + Send + 'static, J: Nullable<VR>,](&self, other: &KTable<K, VO>)
        (joiner: (value: &V, other: &VO) -> J) -> KTable<K, VR> {
            let joiner = move |_: &K, value: Option<&V>, other: Option<&VO>| {
                let Some((value, other)) = value.zip(other) else { return Ok(None) };
                joiner(value, other).map(Nullable::into_value)
            };
            self.meet(other, joiner, Kind::Inner)
        }
    }

    fallible! {
        /// Like [`join`](Self::join), with a joiner that sees the key too.
        pub fn join_with_key, try_join_with_key [VO: Clone + Send + 'static, VR: Clone + Send + 'static, J: Nullable<VR>,](&self, other: &KTable<K, VO>)
        (joiner: (key: &K, value: &V, other: &VO) -> J) -> KTable<K, VR> {
            let joiner = move |key: &K, value: Option<&V>, other: Option<&VO>| {
                let Some((value, other)) = value.zip(other) else { return Ok(None) };
                joiner(key, value, other).map(Nullable::into_value)
            };
            self.meet(other, joiner, Kind::Inner)
        }
    }

    fallible! {
        /// Joins each row of this table with the row that `other` has under the same key, or with
        /// `None`. Java's `leftJoin`.
        ///
        /// Like [`join`](Self::join), but there is a row wherever this table has one.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let names = builder.table::<String, String>("names");
        /// let towns = builder.table::<String, String>("towns");
        /// let addresses = names.left_join(&towns, |name, town: Option<&String>| {
        ///     format!("{name} of {}", town.map_or("no town", String::as_str))
        /// });
        /// addresses.to_stream().to("addresses");
        /// builder.build()?;
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn left_join, try_left_join [VO: Clone + Send + 'static, VR: Clone + Send + 'static, J: Nullable<VR>,](&self, other: &KTable<K, VO>)
        (joiner: (value: &V, other: Option<&VO>) -> J) -> KTable<K, VR> {
            let joiner = move |_: &K, value: Option<&V>, other: Option<&VO>| {
                let Some(value) = value else { return Ok(None) };
                joiner(value, other).map(Nullable::into_value)
            };
            self.meet(other, joiner, Kind::Left)
        }
    }

    fallible! {
        /// Like [`left_join`](Self::left_join), with a joiner that sees the key too.
        pub fn left_join_with_key, try_left_join_with_key [VO: Clone + Send + 'static, VR: Clone + Send + 'static, J: Nullable<VR>,](&self, other: &KTable<K, VO>)
        (joiner: (key: &K, value: &V, other: Option<&VO>) -> J) -> KTable<K, VR> {
            let joiner = move |key: &K, value: Option<&V>, other: Option<&VO>| {
                let Some(value) = value else { return Ok(None) };
                joiner(key, value, other).map(Nullable::into_value)
            };
            self.meet(other, joiner, Kind::Left)
        }
    }

    fallible! {
        /// Joins the rows of both tables that have the same key, each with `None` where the other
        /// table has none. Java's `outerJoin`.
        ///
        /// Like [`join`](Self::join), but there is a row wherever either table has one: the joiner
        /// is never given two `None`s.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let ordered = builder.table::<String, i64>("ordered");
        /// let delivered = builder.table::<String, i64>("delivered");
        /// let missing = ordered.outer_join(&delivered, |ordered: Option<&i64>, delivered: Option<&i64>| {
        ///     ordered.unwrap_or(&0) - delivered.unwrap_or(&0)
        /// });
        /// missing.to_stream().to("missing");
        /// builder.build()?;
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn outer_join, try_outer_join [VO: Clone + Send + 'static, VR: Clone + Send + 'static, J: Nullable<VR>,](&self, other: &KTable<K, VO>)
        (joiner: (value: Option<&V>, other: Option<&VO>) -> J) -> KTable<K, VR> {
            let joiner = move |_: &K, value: Option<&V>, other: Option<&VO>| {
                joiner(value, other).map(Nullable::into_value)
            };
            self.meet(other, joiner, Kind::Outer)
        }
    }

    fallible! {
        /// Like [`outer_join`](Self::outer_join), with a joiner that sees the key too.
        pub fn outer_join_with_key, try_outer_join_with_key [VO: Clone + Send + 'static, VR: Clone + Send + 'static, J: Nullable<VR>,](&self, other: &KTable<K, VO>)
        (joiner: (key: &K, value: Option<&V>, other: Option<&VO>) -> J) -> KTable<K, VR> {
            let joiner = move |key: &K, value: Option<&V>, other: Option<&VO>| {
                joiner(key, value, other).map(Nullable::into_value)
            };
            self.meet(other, joiner, Kind::Outer)
        }
    }

    /// The joiner says with `None` that there is no row.
    #[track_caller]
    fn meet<VO, VR, F>(&self, other: &KTable<K, VO>, joiner: F, kind: Kind) -> KTable<K, VR>
    where
        VO: Clone + Send + 'static,
        VR: Clone + Send + 'static,
        F: Fn(&K, Option<&V>, Option<&VO>) -> Result<Option<VR>, BoxError> + Send + Sync + 'static,
    {
        let what = "a table can't be joined with one";
        let join = JoinTables {
            joiner: Arc::new(joiner),
            kind,
            types: PhantomData::<Types<K, V, VO, VR>>,
        };
        KTable::of(self.step().then_with(other.step(), what, join))
    }
}

/// The sides that must have a row for the join to have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Both.
    Inner,
    /// This one.
    Left,
    /// Either.
    Outer,
}

type Types<K, V, VO, VR> = fn(K, V, VO) -> VR;

struct JoinTables<F, K, V, VO, VR> {
    joiner: Arc<F>,
    kind: Kind,
    types: PhantomData<Types<K, V, VO, VR>>,
}

impl<F, K, V, VO, VR> Operator for JoinTables<F, K, V, VO, VR>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
    VO: Clone + Send + 'static,
    VR: Clone + Send + 'static,
    F: Fn(&K, Option<&V>, Option<&VO>) -> Result<Option<VR>, BoxError> + Send + Sync + 'static,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let this = sketch.table::<K, V>(step)?;
        let other = sketch.output::<DrawnTable<K, VO>>(step.inputs.get(1))?;
        let materialized = step.options.stored::<Materialized<K, VR>>();
        // Unlike an operator of one table it has a store even if that is not named, as in Java.
        let store_name = materialized.as_ref().map(|materialized| {
            sketch.check_name(step, materialized.name.as_ref());
            sketch.names.store(materialized.name.as_ref(), prefix::TABLE_JOIN_MERGE)
        });
        let name = sketch.name(step, prefix::TABLE_JOIN_MERGE);
        let new = other.sources.iter().filter(|source| !this.sources.contains(source));
        let sources: Vec<_> = this.sources.iter().chain(new).cloned().collect();
        sketch.copartition(sources.clone());
        let given = step.options.name.as_ref();
        let sides = [
            sketch.names.suffixed_or_new(given, "-join-this", prefix::TABLE_JOIN_THIS),
            sketch.names.suffixed_or_new(given, "-join-other", prefix::TABLE_JOIN_OTHER),
        ];
        if self.kind != Kind::Inner {
            sketch.need(Need::OldValues(this.node));
        }
        if self.kind == Kind::Outer {
            sketch.need(Need::OldValues(other.node));
        }
        sketch.need(Need::Rows(this.node));
        sketch.need(Need::Rows(other.node));
        let materialized = materialized.unwrap_or_default();
        let key_serde = Slot::given(materialized.key_serde.clone())
            .or(&Slot::given(step.options.key_serde()))
            .or(&this.key_serde);
        let value_serde = Slot::given(materialized.value_serde.clone())
            .or(&Slot::given(step.options.value_serde()));
        let joined = JoinedRows {
            this: this.rows,
            other: other.rows,
            joiner: self.joiner.clone(),
            types: PhantomData::<Types<K, V, VO, VR>>,
        };
        let joined = Arc::new(joined);
        let rows: Arc<dyn Rows<K, VR>> = match &store_name {
            Some(store) => Arc::new(StoredRows(store.clone())),
            None => joined.clone(),
        };
        let store =
            store_name.map(|name| TableStore::new(name, materialized, &key_serde, &value_serde));
        let part = JoinPart { names: (name.clone(), sides), rows: joined, store, kind: self.kind };
        let mut parents = vec![this.node, other.node];
        parents.dedup();
        let node = sketch.add(&name, Role::Other, &parents, step.caller, part);
        sketch.rows(node, RowsOf::Join(this.node, other.node));
        let sources = sources.into();
        Some(DrawnTable { node, key_serde, value_serde, sources, rows }.of(step))
    }
}

/// Rows that are computed from those of both sides.
struct JoinedRows<F, K, V, VO, VR> {
    this: Arc<dyn Rows<K, V>>,
    other: Arc<dyn Rows<K, VO>>,
    joiner: Arc<F>,
    types: PhantomData<Types<K, V, VO, VR>>,
}

impl<F, K, V, VO, VR> Rows<K, VR> for JoinedRows<F, K, V, VO, VR>
where
    K: 'static,
    V: Clone + 'static,
    VO: 'static,
    VR: 'static,
    F: Fn(&K, Option<&V>, Option<&VO>) -> Result<Option<VR>, BoxError> + Send + Sync + 'static,
{
    fn getter(&self, lowering: &mut Lowering<'_>) -> Option<Lookup<K, VR>> {
        let (this, connect_this) = self.this.getter(lowering)?;
        let (other, connect_other) = self.other.getter(lowering)?;
        let joiner = self.joiner.clone();
        let getter = TableGetter::asking(move |stores, key, asked, visit| {
            // Only one store can lend a row at a time.
            let own = |row: Option<(&V, i64)>| Ok(row.map(|(value, at)| (value.clone(), at)));
            let this = this.with(stores, key, asked, own)?;
            other.get(stores, key, asked, &mut |other| {
                if this.is_none() && other.is_none() {
                    return visit(None);
                }
                let latest = this.as_ref().map(|row| row.1).max(other.map(|row| row.1));
                let value = this.as_ref().map(|row| &row.0);
                let joined = joiner(key, value, other.map(|row| row.0))?;
                visit(joined.as_ref().zip(latest))
            })
        });
        let connect: Connect = Box::new(move |topology, node| {
            connect_this(topology, node);
            connect_other(topology, node);
        });
        Some((getter, connect))
    }
}

/// A join as it is added to a topology: a node a side, and one where they meet.
struct JoinPart<F, K, V, VO, VR> {
    /// The node where the sides meet, and those of the sides.
    names: (Name, [Name; 2]),
    rows: Arc<JoinedRows<F, K, V, VO, VR>>,
    store: Option<TableStore<K, VR>>,
    kind: Kind,
}

impl<F, K, V, VO, VR> Part for JoinPart<F, K, V, VO, VR>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
    VO: Clone + Send + 'static,
    VR: Clone + Send + 'static,
    F: Fn(&K, Option<&V>, Option<&VO>) -> Result<Option<VR>, BoxError> + Send + Sync + 'static,
{
    fn lower(&self, lowering: &mut Lowering<'_>) {
        let (name, [this_name, other_name]) = &self.names;
        let this_parent = lowering.parent::<K, Change<V>>(0);
        let other_parent = lowering.parent::<K, Change<VO>>(1);
        let Some((this_rows, connect_this)) = self.rows.this.getter(lowering) else { return };
        let Some((other_rows, connect_other)) = self.rows.other.getter(lowering) else { return };
        let send_old = lowering.sends_old_values();
        let needs_other = self.kind == Kind::Inner;
        let joiner = self.rows.joiner.clone();
        let supplier = side::<K, V, VO, VR, _>(other_rows, joiner, needs_other, send_old);
        let this = lowering.processor::<_, _, _, K, Change<VR>>(this_name, supplier, &this_parent);
        let needs_this = self.kind != Kind::Outer;
        let joiner = self.rows.joiner.clone();
        let reversed = Arc::new(move |key: &K, other: Option<&VO>, value: Option<&V>| {
            joiner(key, value, other)
        });
        let supplier = side::<K, VO, V, VR, _>(this_rows, reversed, needs_this, send_old);
        let other =
            lowering.processor::<_, _, _, K, Change<VR>>(other_name, supplier, &other_parent);
        connect_other(lowering.topology(), this.id());
        connect_this(lowering.topology(), other.id());
        let store = self.store.as_ref().map(|store| store.key_value(lowering, name));
        lowering.table(name, &[this, other], store, |output| Meet { output });
    }
}

/// Makes the processors of a side.
fn side<K, V, VO, VR, F>(
    other: TableGetter<K, VO>,
    joiner: Arc<F>,
    needs_other: bool,
    send_old: bool,
) -> impl Fn() -> Side<K, V, VO, VR, F> + Send + Sync
where
    K: 'static,
    V: 'static,
    VO: 'static,
    VR: 'static,
    F: Send + Sync + 'static,
{
    move || Side {
        other: other.clone(),
        joiner: joiner.clone(),
        needs_other,
        send_old,
        types: PhantomData,
    }
}

/// One side of a join: joins each change with the row of the other side. The joiner is given this
/// side's value, then the other's.
struct Side<K, V, VO, VR, F> {
    other: TableGetter<K, VO>,
    joiner: Arc<F>,
    needs_other: bool,
    send_old: bool,
    types: PhantomData<fn(V) -> VR>,
}

impl<K, V, VO, VR, F> Processor<K, Change<V>, K, Change<VR>> for Side<K, V, VO, VR, F>
where
    K: 'static,
    V: 'static,
    VO: 'static,
    F: Fn(&K, Option<&V>, Option<&VO>) -> Result<Option<VR>, BoxError> + Send + Sync,
{
    fn process(
        &mut self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K, Change<VR>>,
    ) -> Result<(), BoxError> {
        let (joiner, send_old, needs_other) = (&self.joiner, self.send_old, self.needs_other);
        let change = record.value;
        if !change.is_latest {
            context.drop_record(OUT_OF_ORDER);
            return Ok(());
        }
        let joined =
            self.other.with(&mut context.stores(), record.key, Asked::Followed, |row| {
                let is_nothing = change.new.is_none() && change.old.is_none();
                if row.is_none() && (needs_other || is_nothing) {
                    return Ok(None);
                }
                let other = row.map(|(value, _)| value);
                let join = |value: &Option<V>| match (value, other) {
                    (None, None) => Ok(None),
                    (value, other) => joiner(record.key, value.as_ref(), other),
                };
                let old = if send_old { join(&change.old)? } else { None };
                Ok(Some((
                    Change::new(join(&change.new)?, old),
                    row.map(|(_, timestamp)| timestamp),
                )))
            })?;
        if let Some((change, timestamp)) = joined {
            let timestamp = record.timestamp.max(timestamp.unwrap_or(record.timestamp));
            context.forward(Record::new(record.key, &change, timestamp, record.headers))?;
        }
        Ok(())
    }
}

/// The node in which both sides meet: Java's `KTableKTableJoinMerger`.
struct Meet<K, V> {
    output: RowOutput<K, V>,
}

impl<K, V> Processor<K, Change<V>, K, Change<V>> for Meet<K, V>
where
    K: 'static,
    V: Clone + Send + 'static,
{
    fn process(
        &mut self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K, Change<V>>,
    ) -> Result<(), BoxError> {
        // The sides join old values exactly where somebody below asked this node for them.
        debug_assert!(self.output.send_old || record.value.old.is_none(), "nobody asked for it");
        match self.output.store {
            Some(store) => {
                let place = (record.key, record.timestamp, record.headers);
                put_and_forward(store, place, record.value.clone(), context)
            }
            None => Ok(context.forward(record)?),
        }
    }

    fn flush(&mut self, context: &mut Context<'_, K, Change<V>>) -> Result<(), BoxError> {
        forward_pending(self.output, context)
    }
}
