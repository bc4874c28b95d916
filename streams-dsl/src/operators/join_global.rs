//! `join_global` and `left_join_global`: each record looks a row up by a key that is made of it.
//! Java's `KStreamGlobalKTableJoin`.

use std::{marker::PhantomData, sync::Arc};

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
    store::{GlobalStoreRef, TimestampedKeyValueStore},
};

use super::{Nullable, fallible::fallible};
use crate::{
    GlobalKTable, KStream,
    plan::{Drawn, DrawnGlobal, DrawnStream, Lowering, Operator, Role, Sketch, Slot, Step, prefix},
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    fallible! {
        /// Joins each record with the row that the global table has at that time for the key that
        /// `mapper` makes of the record. Java's `join` with a `GlobalKTable`.
        ///
        /// The result keeps the record's own key, its timestamp and its headers. Neither side is
        /// repartitioned, for each instance has all rows. Only records of the stream give results:
        /// an update of the table does not, and is not synchronised with them by its timestamp.
        ///
        /// A record without a row, a value or a mapped key is left out; the latter two are counted
        /// as dropped. Its own key may be null. A mapper that can't always make a key returns an
        /// `Option`. Where the stream's values are `Option`s, the type of the mapper's second
        /// argument says what is joined. [`named`](Self::named) names the node.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let titles = builder.global_table::<String, String>("titles");
        /// // Who has seen which page.
        /// let visits = builder.stream::<String, String>("visits");
        /// visits
        ///     .join_global(&titles, |_, page| page.clone(), |page, title| format!("{title} ({page})"))
        ///     .to("titled-visits");
        /// let text = builder.build()?.describe();
        /// assert!(text.contains("Processor: KSTREAM-LEFTJOIN-0000000004 (stores: [])"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn join_global, try_join_global [KG, VG, KM, V2, VR,](&self, table: &GlobalKTable<KG, VG>)
        (mapper: (key: &K, value: &V2) -> KM, joiner: (value: &V2, row: &VG) -> VR) -> KStream<K, VR>
        where [
            KG: Clone + Send + 'static,
            VG: Clone + Send + 'static,
            KM: Nullable<KG>,
            V: Nullable<V2>,
            V2: 'static,
            VR: Send + 'static,
        ] {
            let joiner = move |_: &K, value: &V2, row: Option<&VG>| {
                row.map(|row| joiner(value, row)).transpose()
            };
            self.look_up_global(table, mapper, joiner, false)
        }
    }

    fallible! {
        /// Like [`join_global`](Self::join_global), with a joiner that sees the key too.
        pub fn join_global_with_key, try_join_global_with_key [KG, VG, KM, V2, VR,](&self, table: &GlobalKTable<KG, VG>)
        (mapper: (key: &K, value: &V2) -> KM, joiner: (key: &K, value: &V2, row: &VG) -> VR) -> KStream<K, VR>
        where [
            KG: Clone + Send + 'static,
            VG: Clone + Send + 'static,
            KM: Nullable<KG>,
            V: Nullable<V2>,
            V2: 'static,
            VR: Send + 'static,
        ] {
            let joiner = move |key: &K, value: &V2, row: Option<&VG>| {
                row.map(|row| joiner(key, value, row)).transpose()
            };
            self.look_up_global(table, mapper, joiner, false)
        }
    }

    fallible! {
        /// Joins each record with the row that the global table has at that time for the key that
        /// `mapper` makes of the record, or with `None`. Java's `leftJoin` with a `GlobalKTable`.
        ///
        /// Like [`join_global`](Self::join_global), but a record without a row or a mapped key is
        /// kept.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let names = builder.global_table::<i64, String>("names");
        /// let visits = builder.stream::<Option<String>, String>("visits");
        /// // Guests have no number.
        /// let visitor = |_: &Option<String>, visit: &String| visit.parse::<i64>().ok();
        /// visits
        ///     .left_join_global(&names, visitor, |_, name| name.cloned().unwrap_or("a guest".to_owned()))
        ///     .to("visitors");
        /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-LEFTJOIN-0000000004"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn left_join_global, try_left_join_global [KG, VG, KM, V2, VR,](&self, table: &GlobalKTable<KG, VG>)
        (mapper: (key: &K, value: &V2) -> KM, joiner: (value: &V2, row: Option<&VG>) -> VR) -> KStream<K, VR>
        where [
            KG: Clone + Send + 'static,
            VG: Clone + Send + 'static,
            KM: Nullable<KG>,
            V: Nullable<V2>,
            V2: 'static,
            VR: Send + 'static,
        ] {
            let joiner = move |_: &K, value: &V2, row: Option<&VG>| joiner(value, row).map(Some);
            self.look_up_global(table, mapper, joiner, true)
        }
    }

    fallible! {
        /// Like [`left_join_global`](Self::left_join_global), with a joiner that sees the key too.
        pub fn left_join_global_with_key, try_left_join_global_with_key [KG, VG, KM, V2, VR,](&self, table: &GlobalKTable<KG, VG>)
        (mapper: (key: &K, value: &V2) -> KM, joiner: (key: &K, value: &V2, row: Option<&VG>) -> VR) -> KStream<K, VR>
        where [
            KG: Clone + Send + 'static,
            VG: Clone + Send + 'static,
            KM: Nullable<KG>,
            V: Nullable<V2>,
            V2: 'static,
            VR: Send + 'static,
        ] {
            let joiner = move |key: &K, value: &V2, row: Option<&VG>| joiner(key, value, row).map(Some);
            self.look_up_global(table, mapper, joiner, true)
        }
    }

    #[track_caller]
    fn look_up_global<KG, VG, KM, V2, VR, M, F>(
        &self,
        table: &GlobalKTable<KG, VG>,
        mapper: M,
        joiner: F,
        left: bool,
    ) -> KStream<K, VR>
    where
        KG: Clone + Send + 'static,
        VG: Clone + Send + 'static,
        KM: Nullable<KG>,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
        M: Fn(&K, &V2) -> Result<KM, BoxError> + Send + Sync + 'static,
        F: Fn(&K, &V2, Option<&VG>) -> Result<Option<VR>, BoxError> + Send + Sync + 'static,
    {
        let mapper = move |key: &K, value: &V2| mapper(key, value).map(Nullable::into_value);
        let functions = Arc::new((mapper, joiner));
        let types = PhantomData::<Types<K, V, KG, VG, V2, VR>>;
        let what = "a stream can't be joined with a global table";
        let join = JoinGlobal { functions, left, types };
        KStream::of(self.step().then_with(table.step(), what, join))
    }
}

type Types<K, V, KG, VG, V2, VR> = fn(K, V, KG, VG, V2) -> VR;

struct JoinGlobal<M, F, K, V, KG, VG, V2, VR> {
    /// The mapper and the joiner; the latter says with `None` that nothing comes of a record.
    functions: Arc<(M, F)>,
    left: bool,
    types: PhantomData<Types<K, V, KG, VG, V2, VR>>,
}

impl<M, F, K, V, KG, VG, V2, VR> Operator for JoinGlobal<M, F, K, V, KG, VG, V2, VR>
where
    K: Send + 'static,
    V: Nullable<V2> + Send + 'static,
    KG: Clone + Send + 'static,
    VG: Clone + Send + 'static,
    V2: 'static,
    VR: Send + 'static,
    M: Fn(&K, &V2) -> Result<Option<KG>, BoxError> + Send + Sync + 'static,
    F: Fn(&K, &V2, Option<&VG>) -> Result<Option<VR>, BoxError> + Send + Sync + 'static,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let stream = sketch.stream::<K, V>(step)?;
        let DrawnGlobal { store } = sketch.output(step.inputs.get(1))?;
        // Java's prefix for both kinds.
        let name = sketch.name(step, prefix::LEFT_JOIN);
        let (node_name, functions, left) = (name.clone(), self.functions.clone(), self.left);
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, V>();
            let Some(table) = lowering.global_store(&store) else { return };
            let functions = functions.clone();
            let supplier = move || Join::<KG, V2, VG, _, _> {
                table,
                functions: functions.clone(),
                left,
                value: PhantomData,
            };
            let node = lowering.processor(&node_name, supplier, &parents);
            lowering.forwards::<K, VR>(node);
        };
        let role = if left { Role::KeepsNullKeys } else { Role::Other };
        let node = sketch.add(&name, role, &[stream.node], step.caller, part);
        let joined = DrawnStream::<K, VR> {
            node,
            name,
            key_serde: stream.key_serde,
            value_serde: Slot::unknown(),
            sources: stream.sources,
            repartition_required: stream.repartition_required,
        };
        Some(joined.of(step))
    }
}

type Table<KG, VG> = GlobalStoreRef<TimestampedKeyValueStore<KG, VG>>;

/// Joins each record with the row that the global table has now for the key that the mapper makes
/// of it. A record without a value is dropped, and with an inner join one for which the mapper has
/// no key.
struct Join<KG, V, VG, M, F> {
    table: Table<KG, VG>,
    functions: Arc<(M, F)>,
    left: bool,
    value: PhantomData<fn(V)>,
}

impl<K, VIn, KG, V, VG, VR, M, F> Processor<K, VIn, K, VR> for Join<KG, V, VG, M, F>
where
    VIn: Nullable<V>,
    KG: 'static,
    VG: Clone + Send + 'static,
    M: Fn(&K, &V) -> Result<Option<KG>, BoxError> + Send + Sync,
    F: Fn(&K, &V, Option<&VG>) -> Result<Option<VR>, BoxError> + Send + Sync,
{
    fn process(
        &mut self,
        record: Record<'_, K, VIn>,
        context: &mut Context<'_, K, VR>,
    ) -> Result<(), BoxError> {
        let Some(value) = record.value.as_value() else {
            context.drop_record("its value is null");
            return Ok(());
        };
        let row = match (self.functions.0)(record.key, value)? {
            Some(key) => context.global_store(self.table)?.get(&key)?,
            None if self.left => None,
            None => {
                context.drop_record("its key for the global table is null");
                return Ok(());
            }
        };
        let joined = (self.functions.1)(record.key, value, row.as_ref().map(|row| &row.value))?;
        if let Some(joined) = joined {
            context.forward(record.with_value(&joined))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::effect;

    #[test]
    fn a_record_is_joined_with_the_row_of_a_key_that_is_made_of_it() {
        let out = effect(
            |b| {
                let rows = b.global_table::<String, String>("rows");
                let lines = b.stream::<String, String>("in");
                let key = |_: &String, line: &String| line.clone();
                lines.join_global(&rows, key, |line, row| format!("{line}+{row}")).to("out");
            },
            &[("in", "a", "x", 1), ("rows", "x", "r", 2), ("in", "a", "x", 3)],
        );
        assert_eq!(out, ["a=x+r@3"]);
    }
}
