//! A node of user code in a task.

use std::{any::Any, marker::PhantomData, sync::Arc};

use super::{Children, Context, Event, Node, NodeInfo, Processor, TaskState};
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

    fn context<'a>(
        info: &'a NodeInfo,
        children: &'a mut Children<KOut, VOut>,
        task: &'a mut TaskState,
    ) -> Context<'a, KOut, VOut> {
        Context { node: info, children, task }
    }

    /// An error that came up from a child was handled there; an error of this node goes to the
    /// handler.
    #[cold]
    fn failed(&self, error: BoxError, task: &mut TaskState) -> Result {
        match error.downcast::<Error>() {
            Ok(error) => Err(*error),
            Err(error) if self.info.global => Err(task.global_failed(&self.info.name, error)),
            Err(error) => task.processing_failed(&self.info.name, error),
        }
    }

    /// A punctuation that fails, or a close while no record comes, goes to the handler too, but
    /// without a record: the previous one is not to blame. If `init`, `flush` or `resume` fails, a
    /// processor can't go on, whatever a handler decides about records.
    #[cold]
    fn event_failed(&self, event: Event, error: BoxError, task: &mut TaskState) -> Result {
        let timestamp = match event {
            Event::Punctuate { punctuation, .. } => Some(punctuation.timestamp),
            Event::AskIdle { time, .. } | Event::Idle { time, .. } => Some(time),
            _ => None,
        };
        let Some(timestamp) = timestamp else {
            let error = match error.downcast::<Error>() {
                Ok(error) => return Err(*error),
                Err(error) => error,
            };
            let called = match event {
                Event::Init => "init",
                Event::Resume { .. } => "resume",
                _ => "flush",
            };
            let text =
                format!("`{called}` of node `{}` failed in task {}", self.info.name, task.id);
            return Err(Error::with_source(ErrorKind::Processing, text, error));
        };
        let current = task.switch(no_record(timestamp));
        let done = self.failed(error, task);
        task.switch(current);
        done
    }
}

impl<P, KIn, VIn, KOut, VOut> Node<KIn, VIn> for ProcessorNode<P, KIn, VIn, KOut, VOut>
where
    P: Processor<KIn, VIn, KOut, VOut> + Any,
{
    fn push(&mut self, record: Record<'_, KIn, VIn>, task: &mut TaskState) -> Result {
        let mut context = Self::context(&self.info, &mut self.children, task);
        match self.processor.process(record, &mut context) {
            Ok(()) => Ok(()),
            Err(error) => self.failed(error, task),
        }
    }

    fn control(&mut self, event: Event, task: &mut TaskState) -> Result {
        if event.is_for(self.info.id) {
            let above = task.at_work.enter(self.info.id);
            let mut context = Self::context(&self.info, &mut self.children, task);
            let done = match event {
                Event::Init => self.processor.init(&mut context),
                Event::Flush { .. } => self.processor.flush(&mut context),
                Event::Resume { .. } => self.processor.resume(&mut context),
                Event::Punctuate { punctuation, .. } => {
                    let (processor, none) = (&mut self.processor, no_record(punctuation.timestamp));
                    context.with_record_context(&none, |context, _| {
                        processor.punctuate(punctuation, context)
                    })
                }
                Event::Undo => {
                    self.processor.undo(&mut context);
                    Ok(())
                }
                Event::AskIdle { time, .. } => {
                    let asked = self.processor.would_close(time, &mut context);
                    asked.map(|would_close| context.task.idle.would_close |= would_close)
                }
                Event::Idle { time, .. } => {
                    let processor = &mut self.processor;
                    context.with_record_context(&no_record(time), |context, _| {
                        processor.idle(time, context)
                    })
                }
                Event::Close => {
                    self.processor.close();
                    Ok(())
                }
            };
            let done = done.or_else(|error| self.event_failed(event, error, task));
            task.at_work.leave(above);
            done?;
            if !event.is_for_all() {
                return Ok(());
            }
        }
        for child in &mut self.children {
            child.node.control(event, task)?;
        }
        Ok(())
    }
}

/// The context of a call that no record caused.
fn no_record(timestamp: i64) -> RecordContext {
    RecordContext { timestamp, offset: -1, input: None, headers: None }
}
