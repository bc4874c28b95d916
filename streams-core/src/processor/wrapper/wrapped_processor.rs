//! Code around one processor.

use super::{AnyRecord, InnerProcessor};
use crate::{BoxError, processor::Punctuation};

/// Stands around the processor of one node in one task: it is called in the processor's place, and calls the processor.
///
/// Each method does nothing but that unless it is written. Errors count as those of the processor.
/// A [`ProcessorWrapper`](crate::topology::ProcessorWrapper) makes it. What Java's `WrappedProcessorSupplier` and
/// `WrappedFixedKeyProcessorSupplier` supply.
pub trait WrappedProcessor: Send {
    /// Called once, before the first record.
    ///
    /// # Errors
    /// Any error; it fails the task.
    fn init(&mut self, inner: &mut InnerProcessor<'_>) -> Result<(), BoxError> {
        inner.init()
    }

    /// Processes one record. What stands before the call of `inner` sees the record before the node does, what stands
    /// behind it runs when all that is below the node has seen what the node forwarded. Without the call the node never
    /// sees the record.
    ///
    /// # Errors
    /// Any error; the processing exception handler decides what follows.
    fn process(
        &mut self,
        record: AnyRecord<'_>,
        inner: &mut InnerProcessor<'_>,
    ) -> Result<(), BoxError> {
        inner.process(record)
    }

    /// Called when a punctuation of the node is due: one that the processor scheduled, or one of this code, which knows
    /// it by its id and keeps it from the processor.
    ///
    /// # Errors
    /// Any error; the processing exception handler decides what follows.
    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        inner: &mut InnerProcessor<'_>,
    ) -> Result<(), BoxError> {
        inner.punctuate(punctuation)
    }

    /// Called when an attempt to process a record was undone, before the processor's
    /// [`undo`](crate::processor::Processor::undo): what this code has put into its own fields is to be forgotten.
    fn undo(&mut self) {}

    /// Called once, when the task is closed, before the processor's `close`.
    fn close(&mut self) {}
}
