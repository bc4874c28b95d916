//! The Processor API: user code inside a topology.
//!
//! A [`Processor`] sees one record at a time, depth first: when `forward` returns, every node below
//! has processed the forwarded record. All its actions while it processes a record go through its
//! [`Context`].
//!
//! The rest of the module are the nodes of a task, and the parts of the task that they use.
//! Invariant: nothing here knows how a topology is described or a task is run; topologies are built
//! from nodes, and tasks from topologies.

mod at_work;
mod context;
mod held_record;
mod idle;
mod in_flight;
mod node;
mod partitions;
mod processor_node;
mod punctuation;
mod reactor;
mod sink;
mod source;
mod state;
mod wrapper;

pub(crate) use self::{
    at_work::{AtWork, Names, TaskWatch},
    held_record::RawRecord,
    idle::IdleNodes,
    in_flight::NodesInFlight,
    node::{Child, Children, Event, Link, Node, NodeInfo, SharedNode, SharedNodes, push_all},
    processor_node::ProcessorNode,
    punctuation::Schedule,
    reactor::Reactor,
    sink::{SinkNode, SinkTopic},
    source::{Loaded, Reading, Source, SourceNode},
    state::{Head, HeldHead, Readiness, Spread, Tally, TaskSettings, TaskState},
    wrapper::Around,
};
pub use self::{
    context::{Context, StoreAccess},
    held_record::HeldRecord,
    in_flight::InFlight,
    partitions::Partitions,
    punctuation::{Punctuation, PunctuationType, PunctuatorId},
    sink::{StreamPartitioner, TopicNameExtractor},
    source::{ExtractTimestamp, TimestampExtractor},
    wrapper::{AnyRecord, InnerProcessor, WrappedProcessor},
};

use crate::{BoxError, Record, Result};

/// A node of user code: receives records of keys `KIn` and values `VIn`, and forwards records of
/// keys `KOut` and values `VOut`. One is made per task; Java's `processor.api.Processor`.
///
/// An error of [`process`](Self::process) or [`punctuate`](Self::punctuate) goes to the processing
/// exception handler with the node's name and the record's position.
///
/// ```
/// use streams_core::{BoxError, Record, processor::{Context, Processor}};
///
/// /// Forwards the length of each text.
/// struct Length;
///
/// impl Processor<String, String, String, i64> for Length {
///     fn process(
///         &mut self,
///         record: Record<'_, String, String>,
///         context: &mut Context<'_, String, i64>,
///     ) -> Result<(), BoxError> {
///         let length = i64::try_from(record.value.len())?;
///         Ok(context.forward(record.with_value(&length))?)
///     }
/// }
/// ```
pub trait Processor<KIn, VIn, KOut, VOut>: Send {
    /// Called once, before the first record; schedules punctuations, for example.
    ///
    /// # Errors
    /// Any error; it fails the task.
    fn init(&mut self, context: &mut Context<'_, KOut, VOut>) -> Result<(), BoxError> {
        let _ = context;
        Ok(())
    }

    /// Processes one record.
    ///
    /// # Errors
    /// Any error; the processing exception handler decides what follows.
    fn process(
        &mut self,
        record: Record<'_, KIn, VIn>,
        context: &mut Context<'_, KOut, VOut>,
    ) -> Result<(), BoxError>;

    /// Called when a punctuation made by [`Context::schedule`] is due.
    ///
    /// # Errors
    /// Any error; the processing exception handler decides what follows.
    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        context: &mut Context<'_, KOut, VOut>,
    ) -> Result<(), BoxError> {
        let _ = (punctuation, context);
        Ok(())
    }

    /// Called at each commit, before anything is written, on a node that forwards for a cached
    /// store: forwards the changes that the store held back.
    ///
    /// # Errors
    /// Any error; it fails the task.
    fn flush(&mut self, context: &mut Context<'_, KOut, VOut>) -> Result<(), BoxError> {
        let _ = context;
        Ok(())
    }

    /// Called on a node that holds records, in each turn of the thread, and before each commit
    /// until none is left: continues with those that are ready. Enabled by
    /// [`Context::set_in_flight`].
    ///
    /// # Errors
    /// Any error; it fails the task. Errors of a single record go to [`Context::fail`].
    fn resume(&mut self, context: &mut Context<'_, KOut, VOut>) -> Result<(), BoxError> {
        let _ = context;
        Ok(())
    }

    /// Called on each node when an attempt to process a record has failed and a handler asks for
    /// [another](crate::handler::RetryThen): by then stores and topics are as they were before the
    /// record. A processor that has put data of the record into its own fields, or holds it,
    /// forgets that here.
    fn undo(&mut self, context: &mut Context<'_, KOut, VOut>) {
        let _ = context;
    }

    /// Returns whether this processor holds back something that it would release if stream time
    /// were `time`: asked while no record comes, if the processor called [`Context::watch_idle`].
    ///
    /// # Errors
    /// Any error; the processing exception handler decides what follows.
    fn would_close(
        &mut self,
        time: i64,
        context: &mut Context<'_, KOut, VOut>,
    ) -> Result<bool, BoxError> {
        let _ = (time, context);
        Ok(false)
    }

    /// Called when [`would_close`](Self::would_close) returned true: no record has come for the
    /// time given to [`Context::watch_idle`], and `time` is the stream time if it had followed the
    /// wall clock since. Releases whatever no longer has to wait.
    ///
    /// # Errors
    /// Any error; the processing exception handler decides what follows.
    fn idle(&mut self, time: i64, context: &mut Context<'_, KOut, VOut>) -> Result<(), BoxError> {
        let _ = (time, context);
        Ok(())
    }

    /// Called once, when the task is closed.
    fn close(&mut self) {}
}

/// A stateless processor: a closure over the record and the context.
impl<F, KIn, VIn, KOut, VOut> Processor<KIn, VIn, KOut, VOut> for F
where
    F: FnMut(Record<'_, KIn, VIn>, &mut Context<'_, KOut, VOut>) -> Result<(), BoxError> + Send,
{
    fn process(
        &mut self,
        record: Record<'_, KIn, VIn>,
        context: &mut Context<'_, KOut, VOut>,
    ) -> Result<(), BoxError> {
        self(record, context)
    }
}
