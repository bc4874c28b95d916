//! Code around one processor.

use super::{AnyRecord, InnerProcessor};
use crate::{BoxError, processor::Punctuation};

/// Code around the processor of one node in one task: it is called instead of the processor, and
/// calls the processor.
///
/// By default each method does nothing else. Its errors count as the processor's. Made by a
/// [`ProcessorWrapper`](crate::topology::ProcessorWrapper). Corresponds to the products of Java's
/// `WrappedProcessorSupplier` and `WrappedFixedKeyProcessorSupplier`.
pub trait WrappedProcessor: Send {
    /// Called once, before the first record.
    ///
    /// # Errors
    /// Any error; it fails the task.
    fn init(&mut self, inner: &mut InnerProcessor<'_>) -> Result<(), BoxError> {
        inner.init()
    }

    /// Processes one record. Code before the call of `inner` sees the record before the node does;
    /// code after it runs when all nodes below have seen what the node forwarded. Without the call
    /// the node never sees the record.
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

    /// Called when a punctuation of the node is due: one that the processor scheduled, or one of
    /// this code, which it recognises by its id and keeps from the processor.
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
    /// [`undo`](crate::processor::Processor::undo): forgets the data of the record in this code's
    /// own fields.
    fn undo(&mut self) {}

    /// Called once, when the task is closed, before the processor's `close`.
    fn close(&mut self) {}
}
