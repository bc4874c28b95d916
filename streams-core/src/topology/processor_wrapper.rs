//! Wrapping processors as they are added to a topology.

use std::{any::TypeId, collections::BTreeMap, fmt, sync::Arc};

use super::{TopologyBuilder, WrappedNode};
use crate::processor::WrappedProcessor;

/// Makes the code around one processor, once per task. Java's `WrappedProcessorSupplier`.
pub type WrapProcessor = Box<dyn Fn() -> Box<dyn WrappedProcessor> + Send + Sync>;

/// Wraps the processors of a topology, of the DSL and of the program alike. Java's
/// `ProcessorWrapper` (KIP-1112), which `processor.wrapper.class` names; here it is a value, passed
/// to [`TopologyBuilder::with_processor_wrapper`] or to the DSL's
/// `StreamsBuilder::processor_wrapper`.
///
/// It sees each processor node when it is added, but not sources, sinks and the processors that
/// fill global or read-only stores, and may put code around it: for metrics, tracing, checks, or to
/// drop records. Names and edges don't change. Keys can't be replaced; values can, by others of
/// their type.
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
/// use streams_core::{
///     BoxError, serde,
///     processor::{AnyRecord, InnerProcessor, WrappedProcessor},
///     topology::{ProcessorWrapper, TopologyBuilder, WrapProcessor, WrappedNode},
/// };
///
/// /// Counts the records that come to the nodes of a topology.
/// struct CountRecords(Arc<AtomicU64>);
///
/// struct Counting(Arc<AtomicU64>);
///
/// impl WrappedProcessor for Counting {
///     fn process(&mut self, record: AnyRecord<'_>, inner: &mut InnerProcessor<'_>) -> Result<(), BoxError> {
///         self.0.fetch_add(1, Ordering::Relaxed);
///         inner.process(record)
///     }
/// }
///
/// impl ProcessorWrapper for CountRecords {
///     fn wrap(&self, _node: &mut WrappedNode<'_>) -> Option<WrapProcessor> {
///         let records = self.0.clone();
///         Some(Box::new(move || Box::new(Counting(records.clone()))))
///     }
/// }
///
/// let records = Arc::new(AtomicU64::new(0));
/// let builder = TopologyBuilder::new().with_processor_wrapper(CountRecords(records.clone()));
/// # drop(builder);
/// ```
pub trait ProcessorWrapper: Send + Sync {
    /// Called once per processor node. `None` leaves it unwrapped.
    fn wrap(&self, node: &mut WrappedNode<'_>) -> Option<WrapProcessor>;
}

impl<W: ProcessorWrapper + ?Sized> ProcessorWrapper for Arc<W> {
    fn wrap(&self, node: &mut WrappedNode<'_>) -> Option<WrapProcessor> {
        (**self).wrap(node)
    }
}

/// The wrapper of a builder, and the stores that it added, by their names.
#[derive(Clone, Default)]
pub(super) struct Wrapping {
    pub(super) wrapper: Option<Arc<dyn ProcessorWrapper>>,
    pub(super) stores: BTreeMap<Arc<str>, (TypeId, usize)>,
}

impl fmt::Debug for Wrapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wrapping({})", self.wrapper.is_some())
    }
}

impl TopologyBuilder {
    /// Wraps the processors that are added from now on with `wrapper`.
    #[must_use]
    pub fn with_processor_wrapper(mut self, wrapper: impl ProcessorWrapper + 'static) -> Self {
        self.wrapping.wrapper = Some(Arc::new(wrapper));
        self
    }
}
