//! Records whose timestamps are too far ahead of the wall clock (`timestamp.max.ahead.ms`).
//!
//! One such record would advance stream time and close every window before it. The check is made
//! where a record enters a task from a source topic, whichever extractor gave its timestamp,
//! against the task's own time.

use std::time::Duration;

use super::TaskState;
use crate::{
    Error, ErrorKind, Headers, Result, TaskId,
    client::RecordBatch,
    config::TimestampAheadPolicy,
    handler::{ErrorContext, HandlerResponse, Reaction, dead_letter},
    time::Date,
};

impl TaskState {
    /// Latest timestamp that is permitted now.
    #[inline]
    pub(crate) fn latest_timestamp(&self) -> i64 {
        self.now_ms.saturating_add(self.shared_settings.max_ahead_ms)
    }

    /// Decides on a record of a batch, read by source `node`, whose `timestamp` is after
    /// [`latest_timestamp`](Self::latest_timestamp): the timestamp to process it at, or `None` if
    /// it is dropped.
    ///
    /// # Errors
    /// `Processing` if the policy is to fail, and errors of sending a dead letter.
    #[cold]
    pub(crate) fn too_far_ahead(
        &mut self,
        node: &str,
        (batch, index): (&RecordBatch, usize),
        timestamp: i64,
    ) -> Result<Option<i64>> {
        let latest = self.latest_timestamp();
        let partition = batch.topic_partition();
        if self.id == TaskId::GLOBAL || self.is_repartition(&partition.topic) {
            // Records that the topology itself wrote were permitted before, or have a timestamp
            // that it chose.
            return Ok(Some(timestamp));
        }
        let Some(record) = batch.get(index) else { return Ok(Some(timestamp)) };
        let ahead = Duration::from_millis(timestamp.saturating_sub(self.now_ms).unsigned_abs());
        let text = format!(
            "the timestamp of {partition}@{}, {}, is {ahead:?} ahead of the wall clock",
            record.offset,
            Date(timestamp)
        );
        match self.shared_settings.ahead_policy {
            TimestampAheadPolicy::Clamp => Ok(Some(latest)),
            TimestampAheadPolicy::Fail => Err(Error::new(
                ErrorKind::Processing,
                format!(
                    "{text}, more than timestamp.max.ahead.ms lets in; mend its producer, or set \
                     timestamp.ahead.policy to clamp or drop"
                ),
            )),
            TimestampAheadPolicy::Drop => {
                let error = Error::new(ErrorKind::Processing, text);
                let mut headers = Headers::new();
                record.read_headers(&mut headers);
                let context = ErrorContext {
                    attempt: 1,
                    can_retry: false,
                    task: self.id,
                    node,
                    topic_partition: Some(partition),
                    offset: record.offset,
                    timestamp: record.timestamp,
                    key: record.key,
                    value: record.value,
                    headers: &headers,
                };
                let topic = self.shared_settings.dead_letter_topic.as_deref();
                let letters = topic.map(|topic| dead_letter(topic, &context, &error));
                let dead_letters = letters.into_iter().collect();
                let response = HandlerResponse { reaction: Reaction::Continue, dead_letters };
                self.react(node, "timestamp.ahead.policy", true, &response, error)?;
                Ok(None)
            }
        }
    }
}
