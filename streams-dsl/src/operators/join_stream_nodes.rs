//! The nodes of a join of two streams, with Java's names: a node for each stream that keeps its
//! records, one for each that joins them, and one for the results.

use std::{any::TypeId, marker::PhantomData, sync::Arc, time::Duration};

use streams_core::{
    store::{StoreBuilder, StoreRef, Stores, WindowStore},
    time::duration_ms,
};

use super::{
    Nullable,
    join_sides::{Closing, JoinOthers, Joiner, LeftSide, PutInWindow, RightSide, Spans, Unjoined},
    join_table::repartition_for_join,
    merge::PassThrough,
    self_join::SelfJoin,
};
use crate::{
    options::{Named, StreamStored},
    plan::{
        Drawn, DrawnStream, GraphNodeId, Lowering, Name, Operator, Part, Role, Sketch, Slot, Step,
        prefix,
    },
    windows::JoinWindows,
};

/// The records that come out when they are joined with nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// None.
    Inner,
    /// Those of the left stream.
    Left,
    /// Those of both.
    Outer,
}

impl Kind {
    fn keeps_left(self) -> bool {
        self != Self::Inner
    }

    fn keeps_right(self) -> bool {
        self == Self::Outer
    }
}

type Types<K, V, K2, VO, L, R, VR> = fn(K, V, K2, VO, L, R) -> VR;

/// A join of streams of keys `K` and values `V` and `VO`, of which `K2`, `L` and `R` are without
/// null.
pub(super) struct JoinStreams<F, K, V, K2, VO, L, R, VR> {
    pub(super) windows: JoinWindows,
    pub(super) kind: Kind,
    pub(super) joiner: Arc<F>,
    pub(super) types: PhantomData<Types<K, V, K2, VO, L, R, VR>>,
}

/// The names of the nodes and stores of a join.
#[derive(Clone)]
struct Names {
    windowed: [Name; 2],
    joins: [Name; 2],
    merge: Name,
    stores: [Name; 2],
    unjoined: Option<Name>,
}

impl Names {
    fn draw(kind: Kind, step: &Step, stores: &StreamStored, sketch: &mut Sketch<'_>) -> Self {
        let given = step.options.name.as_ref();
        let names = &mut sketch.names;
        let windowed = ["-this-windowed", "-other-windowed"]
            .map(|suffix| names.suffixed_or_new(given, suffix, prefix::WINDOWED));
        let (this, this_suffix) = if kind.keeps_right() {
            (names.new_name(prefix::OUTER_THIS), "-outer-this-join")
        } else {
            (names.new_name(prefix::JOIN_THIS), "-this-join")
        };
        let (other, other_suffix) = if kind.keeps_left() {
            (names.new_name(prefix::OUTER_OTHER), "-outer-other-join")
        } else {
            (names.new_name(prefix::JOIN_OTHER), "-other-join")
        };
        let of = |base: Option<&Named>, generated: &Name, suffix: &str| -> Name {
            base.map_or_else(|| generated.clone(), |base| format!("{base}{suffix}").into())
        };
        let joins = [of(given, &this, this_suffix), of(given, &other, other_suffix)];
        let merge = names.suffixed_or_new(given, "-merge", prefix::MERGE);
        let base = stores.name.as_ref();
        let shared_suffix =
            if kind.keeps_right() { "-outer-shared-join" } else { "-left-shared-join" };
        let number = this.rsplit('-').next().unwrap_or_default();
        let shared = format!("{}{number}", prefix::OUTER_SHARED).into();
        let store = |name: &Name| -> Name { format!("{name}-store").into() };
        Self {
            windowed,
            joins,
            merge,
            stores: [store(&of(base, &this, this_suffix)), store(&of(base, &other, other_suffix))],
            unjoined: kind.keeps_left().then(|| store(&of(base, &shared, shared_suffix))),
        }
    }
}

/// Settings from which the parts of a join are made.
struct Plan<F, K2, L, R> {
    names: Names,
    windows: JoinWindows,
    kind: Kind,
    joiner: Arc<F>,
    stores: StreamStored,
    key_serde: Slot<K2>,
    serdes: (Slot<L>, Slot<R>),
}

impl<F, K, V, K2, VO, L, R, VR> Operator for JoinStreams<F, K, V, K2, VO, L, R, VR>
where
    K: Nullable<K2> + From<K2> + Send + 'static,
    V: Nullable<L> + Send + 'static,
    K2: Clone + Send + 'static,
    VO: Nullable<R> + Send + 'static,
    L: Clone + Send + 'static,
    R: Clone + Send + 'static,
    VR: Send + 'static,
    F: Joiner<K, L, R, VR>,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let stores: StreamStored = step.options.stored().unwrap_or_default();
        sketch.check_name(step, stores.name.as_ref());
        let this = sketch.stream::<K, V>(step)?;
        let other = sketch.output::<DrawnStream<K, VO>>(step.inputs.get(1))?;
        let this = through_topic::<K, V, K2>(this, "-left", step, sketch);
        let other = through_topic::<K, VO, K2>(other, "-right", step, sketch);
        let new = other.sources.iter().filter(|source| !this.sources.contains(source));
        let sources: Vec<_> = this.sources.iter().chain(new).cloned().collect();
        sketch.copartition(sources.clone());
        let names = Names::draw(self.kind, step, &stores, sketch);
        let plan = Arc::new(Plan {
            names: names.clone(),
            windows: self.windows,
            kind: self.kind,
            joiner: self.joiner.clone(),
            stores,
            key_serde: this.key_serde.convert().or(&other.key_serde.convert()),
            serdes: (this.value_serde.convert::<L>(), other.value_serde.convert::<R>()),
        });
        let [this_name, other_name] = &names.windowed;
        let left = plan.clone();
        let part = move |lowering: &mut Lowering<'_>| left.keep_left::<K, V>(lowering);
        let this_windowed = sketch.add(this_name, Role::Other, &[this.node], step.caller, part);
        let right = plan.clone();
        let part = move |lowering: &mut Lowering<'_>| right.keep_right::<K, VO>(lowering);
        let other_windowed = sketch.add(other_name, Role::Other, &[other.node], step.caller, part);
        let windowed = (this_windowed, other_windowed);
        let one_type = TypeId::of::<(V, L)>() == TypeId::of::<(VO, R)>();
        let role = Role::StreamJoin {
            windowed_other: other_windowed,
            keeps_null_keys: self.kind.keeps_left(),
            as_self_join: one_type.then(|| plan.self_join::<K, V, VR>(this_windowed)),
        };
        let part = move |lowering: &mut Lowering<'_>| plan.join::<K, V, VO, VR>(windowed, lowering);
        let node = sketch.add(&names.merge, role, &[this.node, other.node], step.caller, part);
        let joined = DrawnStream::<K, VR> {
            node,
            name: names.merge,
            key_serde: this.key_serde.or(&other.key_serde),
            value_serde: Slot::unknown(),
            sources: sources.into(),
            repartition_required: false,
        };
        Some(joined.of(step))
    }
}

/// A stream behind a repartition topic, if it needs one.
fn through_topic<K, V, K2>(
    stream: DrawnStream<K, V>,
    suffix: &str,
    step: &Step,
    sketch: &mut Sketch<'_>,
) -> DrawnStream<K, V>
where
    K: Nullable<K2> + Send + 'static,
    V: Send + 'static,
{
    if !stream.repartition_required {
        return stream;
    }
    let given = step.options.name.as_ref().map(|name| format!("{name}{suffix}").into());
    let has_key = |key: &K| key.as_value().is_some();
    repartition_for_join(stream, (given, has_key), step, sketch)
}

impl<F, K2, L, R> Plan<F, K2, L, R>
where
    K2: Clone + Send + 'static,
    L: Clone + Send + 'static,
    R: Clone + Send + 'static,
    F: Send + Sync + 'static,
{
    fn retention(&self) -> Duration {
        self.windows.size().saturating_add(self.windows.grace_period())
    }

    fn spans(&self) -> Spans {
        Spans {
            before: self.windows.before_ms(),
            after: self.windows.after_ms(),
            grace: duration_ms(self.windows.grace_period()),
        }
    }

    /// Closing of windows while no record comes, if records wait for it.
    fn closing(&self) -> Option<Closing> {
        let (store, idle) = self.names.unjoined.clone().zip(self.windows.idle_time())?;
        Some(Closing { store, grace_ms: self.spans().grace, idle })
    }

    /// Adds the node that keeps the records of the left stream.
    fn keep_left<K, V>(&self, lowering: &mut Lowering<'_>)
    where
        K: Nullable<K2> + 'static,
        V: Nullable<L> + 'static,
    {
        let ([node, _], [store, _]) = (&self.names.windowed, &self.names.stores);
        let store = self.window_store(store, &self.serdes.0, node, lowering);
        keep::<K, V, K2, L>(node, store, self.closing(), lowering);
    }

    /// Adds the node that keeps the records of the right stream.
    fn keep_right<K, V>(&self, lowering: &mut Lowering<'_>)
    where
        K: Nullable<K2> + 'static,
        V: Nullable<R> + 'static,
    {
        let ([_, node], [_, store]) = (&self.names.windowed, &self.names.stores);
        let store = self.window_store(store, &self.serdes.1, node, lowering);
        keep::<K, V, K2, R>(node, store, self.closing(), lowering);
    }

    fn window_store<V2: Clone + Send + 'static>(
        &self,
        store: &Name,
        value: &Slot<V2>,
        node: &Name,
        lowering: &mut Lowering<'_>,
    ) -> StoreBuilder<WindowStore<K2, V2>> {
        let key = lowering.serde(&self.key_serde, node, "key");
        let value = lowering.serde(value, node, "value");
        let store = Stores::window(store.clone(), self.retention(), key, value);
        let in_memory = lowering.settings().in_memory_stores;
        self.stores.configure(store.retaining_duplicates(), in_memory)
    }

    /// Adds the store of records that wait until it is known whether they join, if any do.
    fn unjoined(&self, lowering: &mut Lowering<'_>) -> Option<Unjoined<K2, L, R>> {
        let name = self.names.unjoined.as_ref()?;
        let node = &self.names.merge;
        let key = lowering.serde(&self.key_serde, node, "key");
        let left = lowering.serde(&self.serdes.0, node, "left value");
        let right = lowering.serde(&self.serdes.1, node, "right value");
        let store = Stores::outer_join(name.clone(), key, left, right);
        let in_memory = lowering.settings().in_memory_stores;
        let store = lowering.add_store(self.stores.configure(store, in_memory));
        Some(Unjoined { store, this: self.kind.keeps_left(), other: self.kind.keeps_right() })
    }

    /// Adds the nodes that join the records of both streams, and the one of the results.
    fn join<K, V, VO, VR>(
        &self,
        (this, other): (GraphNodeId, GraphNodeId),
        lowering: &mut Lowering<'_>,
    ) where
        K: Nullable<K2> + From<K2> + 'static,
        V: Nullable<L> + 'static,
        VO: Nullable<R> + 'static,
        VR: Send + 'static,
        F: Joiner<K, L, R, VR>,
    {
        let (this, other) = (lowering.forwarded::<K, V>(this), lowering.forwarded::<K, VO>(other));
        let [left, right] = &self.names.stores;
        let left: Option<StoreRef<WindowStore<K2, L>>> = lowering.store(left);
        let right: Option<StoreRef<WindowStore<K2, R>>> = lowering.store(right);
        let (Some((this, other)), Some((left, right))) = (this.zip(other), left.zip(right)) else {
            return;
        };
        let unjoined = self.unjoined(lowering);
        let spans = self.spans();
        let [this_name, other_name] = &self.names.joins;
        let (joiner, closing) = (self.joiner.clone(), self.closing());
        let make = move || {
            let closing = closing.clone();
            let join = JoinOthers::<LeftSide, F, K2, L, R, VR>::new;
            join(right, unjoined, joiner.clone(), spans).closing(closing)
        };
        let this = lowering.processor::<_, K, V, K, VR>(this_name, make, &[this]);
        lowering.topology().connect(this.id(), right);
        let joiner = self.joiner.clone();
        let of_other = unjoined.map(Unjoined::seen_from_the_other);
        let make = move || {
            JoinOthers::<RightSide, F, K2, L, R, VR>::new(left, of_other, joiner.clone(), spans)
        };
        let other = lowering.processor::<_, K, VO, K, VR>(other_name, make, &[other]);
        lowering.topology().connect(other.id(), left);
        if let Some(Unjoined { store, .. }) = unjoined {
            lowering.topology().connect(this.id(), store);
            lowering.topology().connect(other.id(), store);
        }
        let merge = &self.names.merge;
        let node = lowering.processor::<_, K, VR, K, VR>(merge, || PassThrough, &[this, other]);
        lowering.forwards(node);
    }

    /// The part that joins a stream with itself.
    fn self_join<K, V, VR>(self: &Arc<Self>, windowed: GraphNodeId) -> Arc<dyn Part>
    where
        K: Nullable<K2> + 'static,
        V: Nullable<L> + 'static,
        VR: Send + 'static,
        F: Joiner<K, L, R, VR>,
    {
        let plan = self.clone();
        Arc::new(move |lowering: &mut Lowering<'_>| {
            let [name, _] = &plan.names.stores;
            let store: Option<StoreRef<WindowStore<K2, L>>> = lowering.store(name);
            let above = lowering.forwarded::<K, V>(windowed);
            let Some((above, store)) = above.zip(store) else { return };
            let (spans, retention) = (plan.spans(), duration_ms(plan.retention()));
            let joiner = plan.joiner.clone();
            let make =
                move || SelfJoin::<F, K2, L, R, VR>::new(store, joiner.clone(), spans, retention);
            let node = &plan.names.merge;
            let node = lowering.processor::<_, K, V, K, VR>(node, make, &[above]);
            lowering.topology().connect(node.id(), store);
            lowering.forwards(node);
        })
    }
}

/// Adds a node that keeps the records of a stream.
fn keep<K, V, K2, V2>(
    node: &Name,
    store: StoreBuilder<WindowStore<K2, V2>>,
    closing: Option<Closing>,
    lowering: &mut Lowering<'_>,
) where
    K: Nullable<K2> + 'static,
    V: Nullable<V2> + 'static,
    K2: Send + 'static,
    V2: Clone + Send + 'static,
{
    let parents = lowering.parents::<K, V>();
    let store = lowering.add_store(store);
    let put = move || PutInWindow { store, closing: closing.clone() };
    let node = lowering.processor::<_, K, V, K, V>(node, put, &parents);
    lowering.topology().connect(node.id(), store);
    lowering.forwards(node);
}
