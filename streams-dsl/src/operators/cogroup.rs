//! `cogroup`: several grouped streams that fold into one table, by key, and by key and window.
//! Java's `CogroupedStreamAggregateBuilder`.

use std::{marker::PhantomData, panic::Location, sync::Arc};

use streams_core::BoxError;

use super::{
    Nullable,
    aggregate_stream::{Folds, Kept, Row, Windowing, gather, lower_fold},
    aggregation::Aggregation,
    fallible::fallible,
    merge::PassThrough,
};
use crate::{
    CogroupedKStream, KGroupedStream, KTable, Unwindowed, Windowed,
    change::Change,
    plan::{
        Drawn, DrawnGroup, GraphNodeId, Lowering, Name, Operator, Role, RowsOf, Sketch, Slot,
        Sources, Step, StepId, prefix,
    },
    windows::{SessionWindows, SlidingWindows, TimeWindows, UnlimitedWindows},
};

impl<K, V, S> KGroupedStream<K, V, S>
where
    K: Clone + Send + 'static,
    V: Send + 'static,
    S: Nullable<K> + Send + 'static,
{
    fallible! {
        /// Begins an aggregation of several groups into one table: the values of this group are
        /// folded by `aggregator(key, value, aggregate)`. Java's `cogroup`.
        ///
        /// Where the stream's values are `Option`s, the type of the aggregator's second argument
        /// says what is folded: values, or `Option`s, as windows of time and sessions need to see
        /// nulls.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let orders = builder.stream::<String, i64>("orders").group_by_key();
        /// let visits = builder.stream::<String, String>("visits").group_by_key();
        /// let points = orders
        ///     .cogroup(|_, amount: &i64, points: i64| points + amount)
        ///     .cogroup(&visits, |_, _page: &String, points| points + 1)
        ///     .aggregate(|| 0)
        ///     .stored("points");
        /// points.to_stream().to("points");
        /// assert!(builder.build()?.describe().contains("Processor: COGROUPKSTREAM-MERGE-0000000004"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn cogroup, try_cogroup [V2, VA, R,](&self)
        (aggregator: (key: &K, value: &V2, aggregate: VA) -> R) -> CogroupedKStream<K, VA>
        where [
            V: Nullable<V2>,
            V2: 'static,
            VA: Clone + Send + 'static,
            R: Nullable<VA>,
        ] {
            let aggregator = move |key: &K, value: &V2, aggregate: VA| {
                aggregator(key, value, aggregate).map(Nullable::into_value)
            };
            let member = Group::<_, V, S, V2> { aggregator: Arc::new(aggregator), types: PhantomData };
            CogroupedKStream::of(self.step().plan().clone()).with(self.step().id(), member)
        }
    }
}

impl<K, VA> CogroupedKStream<K, VA>
where
    K: Clone + Send + 'static,
    VA: Clone + Send + 'static,
{
    fallible! {
        /// Adds a group, whose values are folded by `aggregator(key, value, aggregate)`. Java's
        /// `cogroup`.
        #[must_use]
        pub fn cogroup, try_cogroup [V, S, V2, R,](&self, group: &KGroupedStream<K, V, S>)
        (aggregator: (key: &K, value: &V2, aggregate: VA) -> R) -> CogroupedKStream<K, VA>
        where [
            V: Nullable<V2> + Send + 'static,
            S: Nullable<K> + Send + 'static,
            V2: 'static,
            R: Nullable<VA>,
        ] {
            let aggregator = move |key: &K, value: &V2, aggregate: VA| {
                aggregator(key, value, aggregate).map(Nullable::into_value)
            };
            if !self.plan().is(group.step().plan()) {
                let what = "a stream can't be cogrouped with one of another builder";
                self.plan().problem(Location::caller(), what);
                return self.clone();
            }
            let member = Group::<_, V, S, V2> { aggregator: Arc::new(aggregator), types: PhantomData };
            self.clone().with(group.step().id(), member)
        }
    }

    /// Puts the records of all groups into windows. Java's `windowedBy`.
    #[track_caller]
    #[expect(private_bounds, reason = "the kinds of windows are those of this crate")]
    pub fn windowed_by<W: Windowing>(&self, windows: W) -> CogroupedKStream<K, VA, W> {
        if let Err(problem) = windows.check() {
            self.plan().problem(Location::caller(), problem);
        }
        self.in_windows(windows)
    }

    fallible! {
        /// Folds the values of all groups by key, beginning with `initializer()`. Java's
        /// `aggregate`.
        pub fn aggregate, try_aggregate [](&self) (initializer: () -> VA) -> KTable<K, VA> {
            self.fold(initializer, None)
        }
    }
}

#[expect(private_bounds, reason = "the kinds of windows are those of this crate")]
impl<K, VA, W> CogroupedKStream<K, VA, W>
where
    K: Clone + Send + 'static,
    VA: Clone + Send + 'static,
    W: CogroupingByTime,
    dyn Member<K, VA>: FoldsIn<W, K, VA>,
{
    fallible! {
        /// Folds the values of all groups by key and window, beginning with `initializer()`. Java's
        /// `aggregate`.
        pub fn aggregate, try_aggregate [](&self) (initializer: () -> VA) -> KTable<Windowed<K>, VA> {
            self.fold(initializer, None)
        }
    }
}

impl<K, VA> CogroupedKStream<K, VA, SessionWindows>
where
    K: Clone + Send + 'static,
    VA: Clone + Send + 'static,
{
    fallible! {
        /// Folds the values of all groups by key and session, beginning with `initializer()`; the
        /// aggregate of two sessions that become one is `merger(key, aggregate, other)`. Java's
        /// `aggregate`.
        pub fn aggregate, try_aggregate [R,](&self)
        (initializer: () -> VA, merger: (key: &K, aggregate: VA, other: VA) -> R) -> KTable<Windowed<K>, VA>
        where [R: Nullable<VA>,] {
            let merger = move |key: &K, aggregate: VA, other: VA| {
                merger(key, aggregate, other).map(Nullable::into_value)
            };
            self.fold(initializer, Some(Arc::new(merger)))
        }
    }
}

/// Windows in which cogrouped streams are folded without a merger.
pub(crate) trait CogroupingByTime: Windowing {}

impl CogroupingByTime for TimeWindows {}
impl CogroupingByTime for SlidingWindows {}
impl CogroupingByTime for UnlimitedWindows {}

type Initializer<VA> = dyn Fn() -> Result<VA, BoxError> + Send + Sync;
type Merger<K, VA> = dyn Fn(&K, VA, VA) -> Result<Option<VA>, BoxError> + Send + Sync;

/// The settings that the groups share.
pub(crate) struct Common<K, VA> {
    initializer: Arc<Initializer<VA>>,
    merger: Option<Arc<Merger<K, VA>>>,
}

impl<K, VA> Clone for Common<K, VA> {
    fn clone(&self) -> Self {
        Self { initializer: self.initializer.clone(), merger: self.merger.clone() }
    }
}

#[expect(private_bounds, reason = "the kinds of windows are those of this crate")]
impl<K: Row, VA: Row, W> CogroupedKStream<K, VA, W>
where
    W: Folds,
    dyn Member<K, VA>: FoldsIn<W, K, VA>,
{
    #[track_caller]
    fn fold<K2>(
        &self,
        initializer: impl Fn() -> Result<VA, BoxError> + Send + Sync + 'static,
        merger: Option<Arc<Merger<K, VA>>>,
    ) -> KTable<K2, VA> {
        let common = Common { initializer: Arc::new(initializer), merger };
        let (groups, members): (Vec<_>, Vec<_>) = self.members().iter().cloned().unzip();
        let windows = self.windows().clone();
        let fold = CogroupFold { windows, members, common };
        KTable::of(self.plan().add(groups, Location::caller(), fold))
    }
}

/// A group of a cogrouped stream, whatever its values are.
pub(crate) trait Member<K: Row, VA: Row>:
    FoldsIn<Unwindowed, K, VA>
    + FoldsIn<TimeWindows, K, VA>
    + FoldsIn<SlidingWindows, K, VA>
    + FoldsIn<UnlimitedWindows, K, VA>
    + FoldsIn<SessionWindows, K, VA>
    + Send
    + Sync
    + 'static
{
    /// The serde of the group's keys.
    fn key_serde(&self, group: StepId, sketch: &Sketch<'_>) -> Option<Slot<K>>;

    /// The node from which its records come by key.
    fn gather(
        &self,
        group: StepId,
        store: &Name,
        step: &Step,
        sketch: &mut Sketch<'_>,
    ) -> Option<(GraphNodeId, Sources)>;
}

/// A group that can be folded in windows of a kind.
pub(crate) trait FoldsIn<W: Folds, K: Row, VA: Row> {
    /// Adds the node that folds.
    fn lower(
        &self,
        windows: &W,
        lowering: &mut Lowering<'_>,
        node: &Name,
        store: (&Name, W::Store<K, VA>),
        common: &Common<K, VA>,
    );
}

struct Group<F, V, S, V2> {
    aggregator: Arc<F>,
    types: PhantomData<fn(V, S, V2)>,
}

impl<W, K, VA, F, V, S, V2> FoldsIn<W, K, VA> for Group<F, V, S, V2>
where
    W: Folds,
    K: Row,
    VA: Row,
    F: Fn(&K, &V2, VA) -> Result<Option<VA>, BoxError> + Send + Sync + 'static,
    V: Nullable<V2> + Send + 'static,
    S: Nullable<K> + Send + 'static,
    V2: 'static,
{
    fn lower(
        &self,
        windows: &W,
        lowering: &mut Lowering<'_>,
        node: &Name,
        store: (&Name, W::Store<K, VA>),
        common: &Common<K, VA>,
    ) {
        let (common, aggregator) = (common.clone(), self.aggregator.clone());
        let aggregation = Arc::new(Cogroup { common, aggregator });
        lower_fold::<W, K, V, S, V2, VA, _>(windows, lowering, node, store, &aggregation);
    }
}

impl<K, VA, F, V, S, V2> Member<K, VA> for Group<F, V, S, V2>
where
    K: Row,
    VA: Row,
    F: Fn(&K, &V2, VA) -> Result<Option<VA>, BoxError> + Send + Sync + 'static,
    V: Nullable<V2> + Send + 'static,
    S: Nullable<K> + Send + 'static,
    V2: 'static,
{
    fn key_serde(&self, group: StepId, sketch: &Sketch<'_>) -> Option<Slot<K>> {
        sketch.output::<DrawnGroup<K, V>>(Some(&group)).map(|group| group.key_serde)
    }

    fn gather(
        &self,
        group: StepId,
        store: &Name,
        step: &Step,
        sketch: &mut Sketch<'_>,
    ) -> Option<(GraphNodeId, Sources)> {
        let group = sketch.output::<DrawnGroup<K, V>>(Some(&group))?;
        let key_serde = group.key_serde.clone();
        Some(gather::<K, V, S>(&group, store, key_serde, step, sketch))
    }
}

/// Folds the values of one group into the aggregate of all.
struct Cogroup<K, VA, F> {
    common: Common<K, VA>,
    aggregator: Arc<F>,
}

impl<K, V, VA, F> Aggregation<K, V, VA> for Cogroup<K, VA, F>
where
    K: Row,
    VA: Row,
    F: Fn(&K, &V, VA) -> Result<Option<VA>, BoxError> + Send + Sync + 'static,
{
    fn initial(&self) -> Result<Option<VA>, BoxError> {
        (self.common.initializer)().map(Some)
    }

    fn add(&self, key: &K, value: &V, aggregate: Option<VA>) -> Result<Option<VA>, BoxError> {
        let aggregate = match aggregate {
            Some(aggregate) => aggregate,
            None => (self.common.initializer)()?,
        };
        (self.aggregator)(key, value, aggregate)
    }

    fn merge(&self, key: &K, one: Option<VA>, other: VA) -> Result<Option<VA>, BoxError> {
        let one = match one {
            Some(one) => one,
            None => (self.common.initializer)()?,
        };
        match &self.common.merger {
            Some(merger) => merger(key, one, other),
            None => Err("sessions would have to become one, and there is no merger".into()),
        }
    }
}

struct CogroupFold<K, VA, W> {
    windows: W,
    members: Vec<Arc<dyn Member<K, VA>>>,
    common: Common<K, VA>,
}

impl<K, VA, W> Operator for CogroupFold<K, VA, W>
where
    K: Row,
    VA: Row,
    W: Folds,
    dyn Member<K, VA>: FoldsIn<W, K, VA>,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let members: Vec<_> = self.members.iter().zip(&step.inputs).collect();
        let mut keys = Slot::unknown();
        for (member, group) in &members {
            keys = keys.or(&member.key_serde(**group, sketch)?);
        }
        let name = (prefix::COGROUP_AGGREGATE, false);
        let kept = Kept::draw(&self.windows, name, (&keys, &Slot::unknown()), step, sketch);
        let (mut above, mut all_sources) = (Vec::new(), Vec::new());
        for (member, group) in &members {
            let (parent, sources) = member.gather(**group, &kept.store.name, step, sketch)?;
            above.push(parent);
            all_sources.extend(sources.iter().cloned());
        }
        let mut nodes = Vec::new();
        for (index, ((member, _), parent)) in members.into_iter().zip(above).enumerate() {
            let (given, suffix) = (step.options.name.as_ref(), format!("-cogroup-agg-{index}"));
            let name = sketch.names.suffixed_or_new(given, &suffix, prefix::COGROUP_AGGREGATE);
            let (windows, member, common) =
                (self.windows.clone(), member.clone(), self.common.clone());
            let (store, retention, id) = (kept.store.clone(), kept.retention, step.id);
            let node = name.clone();
            let part = move |lowering: &mut Lowering<'_>| {
                let added = lowering.shared_store(id, |lowering| {
                    windows.add_store(&store, retention, lowering, &node)
                });
                let Some(added) = added else { return };
                let store = (&store.name, added);
                FoldsIn::<W, K, VA>::lower(&*member, &windows, lowering, &node, store, &common);
            };
            nodes.push(sketch.add(&name, self.windows.role(), &[parent], step.caller, part));
        }
        if nodes.len() > 1 {
            sketch.copartition(all_sources.clone());
        }
        let given = step.options.name.as_ref();
        let name = sketch.names.suffixed_or_new(given, "-cogroup-merge", prefix::COGROUP_MERGE);
        let merge = name.clone();
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<W::Key<K>, Change<VA>>();
            let node = lowering.processor(&merge, || PassThrough, &parents);
            lowering.forwards::<W::Key<K>, Change<VA>>(node);
        };
        let node = sketch.add(&name, Role::Other, &nodes, step.caller, part);
        sketch.rows(node, RowsOf::Several(nodes));
        Some(kept.table(&self.windows, node, all_sources.into()).of(step))
    }
}

#[cfg(test)]
mod tests {
    use streams_core::{
        serde::{long, option, string},
        testing::TopologyTestDriver,
    };

    use crate::{StreamsBuilder, StreamsConfig};

    #[test]
    fn groups_with_values_of_different_types_fold_into_one_row() {
        let builder = StreamsBuilder::new();
        let orders = builder.stream::<String, i64>("orders").group_by_key();
        let visits = builder.stream::<String, String>("visits").group_by_key();
        let first = orders.cogroup(|_, amount: &i64, points: i64| points + amount);
        let both = first.cogroup(&visits, |_, _: &String, points| points + 1);
        both.aggregate(|| 100).to_stream().to("points");
        let config = StreamsConfig::new("cogroup", "localhost:9092");
        let driver = TopologyTestDriver::new(&builder.build().unwrap(), config).unwrap();
        let ann = || "ann".to_owned();
        driver.input_topic("orders", string(), long()).pipe_input(ann(), 7, 0).unwrap();
        let mut visits = driver.input_topic("visits", string(), string());
        visits.pipe_input(ann(), "home".to_owned(), 5).unwrap();
        let points = driver.output_topic("points", string(), option(long()));
        let expected = [(ann(), Some(107)), (ann(), Some(108))];
        assert_eq!(points.read_key_values_to_list().unwrap(), expected);
    }
}
