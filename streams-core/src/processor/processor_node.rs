//! A node of user code in a task.

use std::{any::Any, marker::PhantomData, sync::Arc};

use super::{Children, Context, Event, Node, NodeInfo, Processor, Punctuation, TaskState};
use crate::{BoxError, Error, ErrorKind, Record, Result, store::RecordContext};

/// A processor with its children in this task.
pub(crate) struct ProcessorNode<P, KIn, VIn, KOut, VOut> {
    pub(crate) info: Arc<NodeInfo>,
    pub(crate) processor: P,
    pub(crate) children: Children<KOut, VOut>,
    input: PhantomData<fn(KIn, VIn)>,
}

impl<P, KIn, VIn, KOut, VOut> ProcessorNode<P, KIn, VIn, KOut, VOut> {
    pub(crate) fn new(info: Arc<NodeInfo>, processor: P, children: Children<KOut, VOut>) -> Self {
        Self { info, processor, children, input: PhantomData }
    }
}

impl<P, KIn, VIn, KOut, VOut> Node<KIn, VIn> for ProcessorNode<P, KIn, VIn, KOut, VOut>
where
    P: Processor<KIn, VIn, KOut, VOut> + Any,
{
    fn push(&mut self, record: Record<'_, KIn, VIn>, task: &mut TaskState) -> Result {
        let mut context = Context { node: &self.info, children: &mut self.children, task };
        match self.processor.process(record, &mut context) {
            Ok(()) => Ok(()),
            Err(error) => failed(&self.info, error, task),
        }
    }

    fn control(&mut self, event: Event, task: &mut TaskState) -> Result {
        let Self { info, processor, children, .. } = self;
        if event.is_for(info.id) {
            handle(info, event, task, &mut |task| {
                call(processor, event, &mut Context { node: info, children, task })
            })?;
            if !event.is_for_all() {
                return Ok(());
            }
        }
        for child in children {
            child.node.control(event, task)?;
        }
        Ok(())
    }
}

/// Calls the method of a processor that an event is for.
fn call<KIn, VIn, KOut, VOut>(
    processor: &mut impl Processor<KIn, VIn, KOut, VOut>,
    event: Event,
    context: &mut Context<'_, KOut, VOut>,
) -> Result<(), BoxError> {
    match event {
        Event::Init => processor.init(context)?,
        Event::Flush { .. } => processor.flush(context)?,
        Event::Resume { .. } => processor.resume(context)?,
        Event::Punctuate { punctuation, .. } => processor.punctuate(punctuation, context)?,
        Event::Undo => processor.undo(context),
        Event::AskIdle { time, .. } => {
            let would_close = processor.would_close(time, context)?;
            context.task.idle.would_close |= would_close;
        }
        Event::Idle { time, .. } => processor.idle(time, context)?,
        Event::Close => processor.close(),
    }
    Ok(())
}

// What follows knows no types of records, so it is compiled once and not for each processor.

/// Handles an event of this node: `call` calls the processor.
fn handle(
    node: &NodeInfo,
    event: Event,
    task: &mut TaskState,
    call: &mut dyn FnMut(&mut TaskState) -> Result<(), BoxError>,
) -> Result {
    let above = task.at_work.enter(node.id);
    let done = match event {
        Event::Punctuate { punctuation: Punctuation { timestamp, .. }, .. }
        | Event::Idle { time: timestamp, .. } => without_record(timestamp, task, call),
        _ => call(task),
    };
    let done = done.or_else(|error| event_failed(node, event, error, task));
    task.at_work.leave(above);
    done
}

/// Runs `body` at a time, with no record as the current one.
fn without_record<R>(
    timestamp: i64,
    task: &mut TaskState,
    body: impl FnOnce(&mut TaskState) -> R,
) -> R {
    let none = RecordContext { timestamp, offset: -1, input: None, headers: None };
    let current = task.switch(none);
    let done = body(task);
    task.switch(current);
    done
}

/// An error that came up from a child was handled there; an error of this node goes to the handler.
#[cold]
fn failed(node: &NodeInfo, error: BoxError, task: &mut TaskState) -> Result {
    match error.downcast::<Error>() {
        Ok(error) => Err(*error),
        Err(error) if node.global => Err(task.global_failed(&node.name, error)),
        Err(error) => task.processing_failed(&node.name, error),
    }
}

/// A punctuation that fails, or a close while no record comes, goes to the handler too, but without
/// a record: the previous one is not to blame. If `init`, `flush` or `resume` fails, a processor
/// can't go on, whatever a handler decides about records.
#[cold]
fn event_failed(node: &NodeInfo, event: Event, error: BoxError, task: &mut TaskState) -> Result {
    let called = match event {
        Event::Punctuate { punctuation: Punctuation { timestamp, .. }, .. }
        | Event::AskIdle { time: timestamp, .. }
        | Event::Idle { time: timestamp, .. } => {
            return without_record(timestamp, task, |task| failed(node, error, task));
        }
        Event::Init => "init",
        Event::Resume { .. } => "resume",
        _ => "flush",
    };
    let error = match error.downcast::<Error>() {
        Ok(error) => return Err(*error),
        Err(error) => error,
    };
    let text = format!("`{called}` of node `{}` failed in task {}", node.name, task.id);
    Err(Error::with_source(ErrorKind::Processing, text, error))
}
