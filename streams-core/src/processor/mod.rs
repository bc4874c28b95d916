//! The Processor API: user code inside a topology.
//!
//! A [`Processor`] sees one record at a time, depth first: what it forwards has been processed by
//! all that is below it when `forward` returns. Everything it may do while it holds a record goes
//! through its [`Context`].
//!
//! Behind it are the nodes of a task, and what they reach of it. Invariant: none of this knows how a topology is
//! described or a task is run; topologies are built of nodes, and tasks of topologies.

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
    state::{Head, HeldHead, Readiness, TaskSettings, TaskState},
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

/// A node of user code: receives records of keys `KIn` and values `VIn`, and forwards records of keys
/// `KOut` and values `VOut`. Made once for each task; Java's `processor.api.Processor`.
///
/// An error of [`process`](Self::process) or [`punctuate`](Self::punctuate) goes to the processing
/// exception handler with the node's name and the record's place.
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
    /// Called once, before the first record: the place to schedule punctuations.
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

    /// Called when a punctuation that [`Context::schedule`] made is due.
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

    /// Called at each commit, before anything is written, of a node that forwards for a cached store:
    /// forwards what the store held back.
    ///
    /// # Errors
    /// Any error; it fails the task.
    fn flush(&mut self, context: &mut Context<'_, KOut, VOut>) -> Result<(), BoxError> {
        let _ = context;
        Ok(())
    }

    /// Called in each turn of the thread, and until nothing is left before each commit, of a node that holds records: goes on
    /// with those that are through. Said by [`Context::set_in_flight`].
    ///
    /// # Errors
    /// Any error; it fails the task. What concerns one record goes to [`Context::fail`].
    fn resume(&mut self, context: &mut Context<'_, KOut, VOut>) -> Result<(), BoxError> {
        let _ = context;
        Ok(())
    }

    /// Called of each node when an attempt to process a record has failed and a handler has it [tried
    /// again](crate::handler::RetryThen): stores and topics are as they were before the record by then. A processor that
    /// has put something of the record into its own fields, or holds it, forgets that here.
    fn undo(&mut self, context: &mut Context<'_, KOut, VOut>) {
        let _ = context;
    }

    /// Whether something that this processor holds back would go on if stream time were `time`: asked while no record comes,
    /// of a processor that said so by [`Context::watch_idle`].
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

    /// Called when [`would_close`](Self::would_close) said so: no record has come for the time that [`Context::watch_idle`]
    /// said, and stream time would be `time` had it gone on with the wall clock since. Lets go of what no longer has to wait.
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
