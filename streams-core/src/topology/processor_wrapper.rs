//! Wrapping processors as they are added to a topology.

use std::{any::TypeId, collections::BTreeMap, fmt, sync::Arc};

use super::{TopologyBuilder, WrappedNode};
use crate::processor::WrappedProcessor;

/// Makes the code around one processor, once for each task. What Java's `WrappedProcessorSupplier` is.
pub type WrapProcessor = Box<dyn Fn() -> Box<dyn WrappedProcessor> + Send + Sync>;

/// Wraps the processors of a topology: those of the DSL and those of the program alike. Java's `ProcessorWrapper`
/// (KIP-1112), which `processor.wrapper.class` names; here it is a value, given by
/// [`TopologyBuilder::with_processor_wrapper`] or the DSL's `StreamsBuilder::processor_wrapper`.
///
/// It sees each processor node when it is added, sources and sinks and the processors that fill global or read-only stores
/// aside, and may put code around it: for metrics, tracing, checks, or to leave records out. Names and edges stay as they
/// are. Keys can't be replaced, values only by others of their type.
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
    /// Called once for each processor node. `None` leaves it as it is.
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
    /// Has `wrapper` wrap the processors that are added from now on.
    #[must_use]
    pub fn with_processor_wrapper(mut self, wrapper: impl ProcessorWrapper + 'static) -> Self {
        self.wrapping.wrapper = Some(Arc::new(wrapper));
        self
    }
}
