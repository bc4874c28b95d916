//! Outputs of steps, as the steps below see them while the plan is drawn.

use std::sync::Arc;

use super::{Drawn, GraphNodeId, Name, Rows, Slot, Sources, Step, StepId};
use crate::options::Named;

/// A stream.
pub(crate) struct DrawnStream<K, V> {
    pub(crate) node: GraphNodeId,
    /// Base of the name of a repartition topic, if a join needs one.
    pub(crate) name: Name,
    pub(crate) key_serde: Slot<K>,
    pub(crate) value_serde: Slot<V>,
    pub(crate) sources: Sources,
    /// True if the key may have changed since the records were read: then what needs them by key
    /// repartitions.
    pub(crate) repartition_required: bool,
}

/// A table.
pub(crate) struct DrawnTable<K, V> {
    pub(crate) node: GraphNodeId,
    pub(crate) key_serde: Slot<K>,
    pub(crate) value_serde: Slot<V>,
    pub(crate) sources: Sources,
    pub(crate) rows: Arc<dyn Rows<K, V>>,
}

/// The records of a stream or the rows of a table, grouped by key.
pub(crate) struct DrawnGroup<K, V> {
    /// The step that grouped them.
    pub(crate) step: StepId,
    pub(crate) node: GraphNodeId,
    pub(crate) key_serde: Slot<K>,
    pub(crate) value_serde: Slot<V>,
    pub(crate) sources: Sources,
    pub(crate) repartition_required: bool,
    /// Base of the name of the repartition topic, if the user gave one.
    pub(crate) name: Option<Named>,
}

/// A table of which every instance has all rows.
#[derive(Clone)]
pub(crate) struct DrawnGlobal {
    pub(crate) store: Name,
}

impl<K: 'static, V: 'static> DrawnStream<K, V> {
    /// It, with the serdes that were given behind its step.
    pub(crate) fn of(mut self, step: &Step) -> Drawn {
        self.key_serde = Slot::given(step.options.key_serde()).or(&self.key_serde);
        self.value_serde = Slot::given(step.options.value_serde()).or(&self.value_serde);
        Box::new(self)
    }
}

impl<K: 'static, V: 'static> DrawnTable<K, V> {
    /// It, with the serdes that were given behind its step.
    pub(crate) fn of(mut self, step: &Step) -> Drawn {
        self.key_serde = Slot::given(step.options.key_serde()).or(&self.key_serde);
        self.value_serde = Slot::given(step.options.value_serde()).or(&self.value_serde);
        Box::new(self)
    }
}

impl<K, V> Clone for DrawnStream<K, V> {
    fn clone(&self) -> Self {
        Self {
            node: self.node,
            name: self.name.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            sources: self.sources.clone(),
            repartition_required: self.repartition_required,
        }
    }
}

impl<K, V> Clone for DrawnTable<K, V> {
    fn clone(&self) -> Self {
        Self {
            node: self.node,
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            sources: self.sources.clone(),
            rows: self.rows.clone(),
        }
    }
}

impl<K, V> Clone for DrawnGroup<K, V> {
    fn clone(&self) -> Self {
        Self {
            step: self.step,
            node: self.node,
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            sources: self.sources.clone(),
            repartition_required: self.repartition_required,
            name: self.name.clone(),
        }
    }
}
