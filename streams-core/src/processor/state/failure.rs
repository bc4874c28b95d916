//! Errors on the record path, and the handlers that decide on them.

use super::TaskState;
use crate::{
    BoxError, Error, ErrorKind, Headers, Result, TopicPartition,
    client::{ProduceRecord, RecordBatch, RecordView},
    handler::{DeadLetter, ErrorContext, HandlerResponse, Reaction},
    partitioner::partition_for_key,
};

impl TaskState {
    /// Handles a failure of user code in `node` on the current record.
    #[cold]
    pub(crate) fn processing_failed(&mut self, node: &str, cause: BoxError) -> Result {
        if self.attempt.is_given_up() {
            return Err(self.given_up());
        }
        let text = format!("node `{node}` failed on {}", self.record_position());
        let error = Error::with_source(ErrorKind::Processing, text, cause);
        let handler = self.shared_settings.processing_handler.clone();
        let response = self.ask(node, |context| handler.handle(context, &error));
        if let Some(given_up) = self.give_up_attempt(response.reaction, &error) {
            return Err(given_up);
        }
        let is_built_in = self.shared_settings.built_in.processing;
        self.react(node, "processing.exception.handler", is_built_in, &response, error)
    }

    /// Handles a failure of user code in `node`, which fills a global store, on the current record.
    /// As in Java without `processing.exception.handler.global.enabled`, no handler is asked
    /// (KIP-1270).
    #[cold]
    pub(crate) fn global_failed(&self, node: &str, cause: BoxError) -> Error {
        let text = format!(
            "node `{node}` of a global store failed on {}, and no handler is asked about global stores; correct what \
             is wrong and start again, or have the processor catch the error",
            self.record_position()
        );
        Error::with_source(ErrorKind::Processing, text, cause)
    }

    /// Handles a failure of the sink `node` to write the current record to `topic`.
    #[cold]
    pub(crate) fn production_failed(&mut self, node: &str, topic: &str, cause: Error) -> Result {
        if !matches!(cause.kind(), ErrorKind::Serialization | ErrorKind::Production) {
            // The fault is not the record's: the thread deals with it.
            return Err(cause
                .in_context(format!("sink `{node}` could not write {}", self.record_position())));
        }
        if self.attempt.is_given_up() {
            return Err(self.given_up());
        }
        let error = cause.in_context(format!("sink `{node}` failed on {}", self.record_position()));
        let handler = self.shared_settings.production_handler.clone();
        let response = self.ask(node, |context| handler.handle(context, topic, &error));
        self.react(node, "production.exception.handler", false, &response, error)
    }

    /// Returns whether a record may be sent to a partition.
    ///
    /// # Errors
    /// `Production` if the cluster refused it before.
    #[inline]
    pub(crate) fn check_refused(&self, to: &TopicPartition, record: &ProduceRecord<'_>) -> Result {
        let refusals = &self.shared_settings.refusals;
        if !refusals.has_some() {
            return Ok(());
        }
        refusals.check(to, record, self.record.input.is_none())
    }

    /// Handles a failure of the source `node` to read `part` (key or value) of the record at
    /// `index` of a batch.
    #[cold]
    pub(crate) fn unreadable(
        &mut self,
        node: &str,
        (batch, index): (&RecordBatch, usize),
        part: &str,
        cause: BoxError,
    ) -> Result {
        match batch.get(index) {
            Some(record) => {
                self.deserialization_failed(node, batch.topic_partition(), &record, part, cause)
            }
            None => Ok(()),
        }
    }

    fn deserialization_failed(
        &mut self,
        node: &str,
        partition: &TopicPartition,
        record: &RecordView<'_>,
        part: &str,
        cause: BoxError,
    ) -> Result {
        let text =
            format!("source `{node}` can't read the {part} of {partition}@{}", record.offset);
        let error = Error::with_source(ErrorKind::Deserialization, text, cause);
        let mut headers = Headers::new();
        record.read_headers(&mut headers);
        let context = ErrorContext {
            task: self.id,
            node,
            topic_partition: Some(partition),
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key,
            value: record.value,
            headers: &headers,
            attempt: 1,
            can_retry: false,
        };
        let response = self.shared_settings.deserialization_handler.handle(&context, &error);
        let is_built_in = self.shared_settings.built_in.deserialization;
        self.react(node, "deserialization.exception.handler", is_built_in, &response, error)
    }

    /// Asks a handler about the current record, as it was read. If a cache or a buffer held back
    /// its change, its bytes are gone by now, and the handler gets only its position, as in Java.
    fn ask(
        &self,
        node: &str,
        handle: impl FnOnce(&ErrorContext<'_>) -> HandlerResponse,
    ) -> HandlerResponse {
        let none = Headers::new();
        let raw = self.raw();
        let raw = raw.as_ref().and_then(|(batch, index)| batch.get(*index));
        handle(&ErrorContext {
            task: self.id,
            node,
            topic_partition: self.record.input.and_then(|input| self.inputs.get(input)),
            offset: self.record.offset,
            timestamp: self.record.timestamp,
            key: raw.as_ref().and_then(|raw| raw.key),
            value: raw.as_ref().and_then(|raw| raw.value),
            headers: self.record.headers.as_deref().unwrap_or(&none),
            attempt: self.attempt.number(),
            can_retry: self.can_undo(),
        })
    }

    /// Drops a record that source `node` read, because its timestamp is negative.
    #[cold]
    pub(crate) fn without_time(&mut self, node: &str, input: usize, offset: i64, timestamp: i64) {
        let Self { drops, inputs, now_ms, .. } = self;
        drops.note(node, 1, *now_ms, || {
            let partition = inputs.get(input).map_or_else(String::new, ToString::to_string);
            format!("dropped {partition}@{offset}: its timestamp is negative ({timestamp})")
        });
    }

    /// Follows the answer of the handler of `node`, which `setting` chooses. With `says` a dropped
    /// record is logged here; a handler of the user's own does that itself.
    pub(super) fn react(
        &mut self,
        node: &str,
        setting: &str,
        says: bool,
        response: &HandlerResponse,
        error: Error,
    ) -> Result {
        for letter in &response.dead_letters {
            self.send_dead_letter(letter).map_err(|cause| {
                let topic = &letter.topic;
                cause.in_context(format!(
                    "{error}; and its dead letter can't be written to topic `{topic}`, create it \
                     or correct errors.dead.letter.queue.topic.name"
                ))
            })?;
            self.tally.dead_letters += 1;
        }
        match response.reaction {
            Reaction::Continue => {
                if says {
                    let line = || format!("dropped a record: {error}");
                    self.drops.note(node, 1, self.now_ms, line);
                } else {
                    self.drops.count();
                }
                Ok(())
            }
            // Retries of processing errors were handled above; other errors are not retried.
            Reaction::Fail | Reaction::Retry { .. } => {
                if !response.dead_letters.is_empty() {
                    self.deliver_dead_letters();
                }
                Err(error.in_context(format!(
                    "the handler of {setting} stops at this record; correct what is wrong and start \
                     again, or let the handler continue without it"
                )))
            }
        }
    }

    fn send_dead_letter(&mut self, letter: &DeadLetter) -> Result {
        let partitions = self.collector()?.partitions(&letter.topic)?;
        let key = letter.key.as_deref();
        let partition = key.map_or(0, |key| partition_for_key(key, partitions));
        let record = ProduceRecord {
            timestamp: letter.timestamp,
            key,
            value: letter.value.as_deref(),
            headers: &letter.headers,
        };
        let to = TopicPartition::new(&*letter.topic, partition);
        self.check_refused(&to, &record)?;
        if self.holds_back(&to, &record, None) {
            return Ok(());
        }
        self.collector()?.append_to(&to, record)
    }

    /// Sends dead letters before the failure drops the uncommitted work. In a transaction they are
    /// dropped with it all the same, as in Java: the record fails again, and is reported again,
    /// after a restart.
    fn deliver_dead_letters(&mut self) {
        let delivered = self.send_outbox().and_then(|()| self.collector()).and_then(|collector| {
            collector.flush()?.into_iter().try_for_each(|report| report.result.map(drop))
        });
        if let Err(error) = delivered {
            tracing::warn!(task = %self.id, "dead letters may be missing: {error}");
        }
    }
}
