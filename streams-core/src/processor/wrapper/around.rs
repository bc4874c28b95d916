//! A processor with code around it, as a processor of the same types.

use std::{fmt, time::Duration};

use super::{AnyRecord, InnerProcessor, WrappedProcessor, inner_processor::Inner};
use crate::{
    BoxError, Error, ErrorKind, Record, RecordMetadata, Result, TaskId,
    processor::{Context, Processor, Punctuation, PunctuationType, PunctuatorId, StoreAccess},
};

/// A processor, and the code around it. It knows the types of the records, not that of the
/// processor: what is seldom used is not compiled for each of them.
pub(crate) struct Around<KIn, VIn, KOut, VOut> {
    pub(crate) processor: Box<dyn Processor<KIn, VIn, KOut, VOut>>,
    pub(crate) wrapped: Box<dyn WrappedProcessor>,
}

impl<KIn, VIn, KOut, VOut> Processor<KIn, VIn, KOut, VOut> for Around<KIn, VIn, KOut, VOut>
where
    KIn: 'static,
    VIn: 'static,
    KOut: 'static,
    VOut: 'static,
{
    fn init(&mut self, context: &mut Context<'_, KOut, VOut>) -> Result<(), BoxError> {
        let mut inner = Typed { processor: &mut *self.processor, context };
        self.wrapped.init(&mut InnerProcessor::new(&mut inner))
    }

    fn process(
        &mut self,
        record: Record<'_, KIn, VIn>,
        context: &mut Context<'_, KOut, VOut>,
    ) -> Result<(), BoxError> {
        let mut inner = Typed { processor: &mut *self.processor, context };
        self.wrapped.process(AnyRecord::new(record), &mut InnerProcessor::new(&mut inner))
    }

    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        context: &mut Context<'_, KOut, VOut>,
    ) -> Result<(), BoxError> {
        let mut inner = Typed { processor: &mut *self.processor, context };
        self.wrapped.punctuate(punctuation, &mut InnerProcessor::new(&mut inner))
    }

    /// Changes that a cache held back passed the code around the node when they were processed.
    fn flush(&mut self, context: &mut Context<'_, KOut, VOut>) -> Result<(), BoxError> {
        self.processor.flush(context)
    }

    /// Records in flight passed it too.
    fn resume(&mut self, context: &mut Context<'_, KOut, VOut>) -> Result<(), BoxError> {
        self.processor.resume(context)
    }

    fn undo(&mut self, context: &mut Context<'_, KOut, VOut>) {
        self.wrapped.undo();
        self.processor.undo(context);
    }

    /// So did records that wait for time to pass.
    fn would_close(
        &mut self,
        time: i64,
        context: &mut Context<'_, KOut, VOut>,
    ) -> Result<bool, BoxError> {
        self.processor.would_close(time, context)
    }

    fn idle(&mut self, time: i64, context: &mut Context<'_, KOut, VOut>) -> Result<(), BoxError> {
        self.processor.idle(time, context)
    }

    fn close(&mut self) {
        self.wrapped.close();
        self.processor.close();
    }
}

/// A processor and its context for the duration of one call.
struct Typed<'a, 'c, KIn, VIn, KOut, VOut> {
    processor: &'a mut dyn Processor<KIn, VIn, KOut, VOut>,
    context: &'a mut Context<'c, KOut, VOut>,
}

impl<KIn, VIn, KOut, VOut> fmt::Debug for Typed<'_, '_, KIn, VIn, KOut, VOut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.context.fmt(f)
    }
}

impl<KIn, VIn, KOut, VOut> Inner for Typed<'_, '_, KIn, VIn, KOut, VOut>
where
    KIn: 'static,
    VIn: 'static,
{
    fn init(&mut self) -> Result<(), BoxError> {
        self.processor.init(self.context)
    }

    fn process(&mut self, record: AnyRecord<'_>) -> Result<(), BoxError> {
        let Some(record) = record.typed::<KIn, VIn>() else {
            let node = self.context.node_name();
            let text = format!(
                "the code around node `{node}` passed a value on that is not a {}",
                std::any::type_name::<VIn>()
            );
            return Err(Error::new(ErrorKind::Topology, text).into());
        };
        self.processor.process(record, self.context)
    }

    fn punctuate(&mut self, punctuation: Punctuation) -> Result<(), BoxError> {
        self.processor.punctuate(punctuation, self.context)
    }

    fn stores(&mut self) -> StoreAccess<'_> {
        self.context.stores()
    }

    fn schedule(&mut self, interval: Duration, kind: PunctuationType) -> PunctuatorId {
        self.context.schedule(interval, kind)
    }

    fn cancel(&mut self, id: PunctuatorId) {
        self.context.cancel(id);
    }

    fn commit(&mut self) {
        self.context.commit();
    }

    fn drop_record(&mut self, reason: &str) {
        self.context.drop_record(reason);
    }

    fn record_metadata(&self) -> RecordMetadata {
        self.context.record_metadata()
    }

    fn current_stream_time_ms(&self) -> i64 {
        self.context.current_stream_time_ms()
    }

    fn current_system_time_ms(&self) -> i64 {
        self.context.current_system_time_ms()
    }

    fn task_id(&self) -> TaskId {
        self.context.task_id()
    }

    fn node_name(&self) -> &str {
        self.context.node_name()
    }
}
