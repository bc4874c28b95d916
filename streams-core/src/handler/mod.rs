//! Handlers, which decide on records that can't be processed.
//!
//! Three kinds of error have a handler each: bytes that can't be read, user code that fails, and
//! records that can't be written. A handler answers fail or continue, and may send dead letters;
//! every dropped record is logged and counted.

mod dead_letter;
mod handlers;
mod response;
mod retry;

use crate::{Error, Headers, TaskId, TopicPartition};

pub(crate) use self::handlers::Handlers;
pub use self::{
    dead_letter::{DeadLetter, dead_letter},
    response::{HandlerResponse, Reaction},
    retry::{Retry, RetryThen},
};

/// The record in question and the point of failure. Java's `ErrorHandlerContext`.
#[derive(Clone, Debug)]
pub struct ErrorContext<'a> {
    /// The task.
    pub task: TaskId,
    /// The node that failed.
    pub node: &'a str,
    /// Origin of the input record; `None` in a punctuation.
    pub topic_partition: Option<&'a TopicPartition>,
    /// Offset of the input record; -1 in a punctuation.
    pub offset: i64,
    /// Timestamp of the input record or punctuation, in milliseconds since the epoch.
    pub timestamp: i64,
    /// Key bytes of the input record; `None` in a punctuation, and for a change that a cache or a
    /// buffer held back.
    pub key: Option<&'a [u8]>,
    /// Value bytes of the input record; `None` where the key is.
    pub value: Option<&'a [u8]>,
    /// Headers of the input record.
    pub headers: &'a Headers,
    /// Number of the attempt to process the record that failed; 1 for the first.
    pub attempt: u32,
    /// True if the effects of the attempt can be undone, so that the answer may be
    /// [`Reaction::Retry`].
    pub can_retry: bool,
}

/// Decides on a record whose bytes can't be read.
pub trait DeserializationExceptionHandler: Send + Sync {
    /// The answer for this record.
    fn handle(&self, context: &ErrorContext<'_>, error: &Error) -> HandlerResponse;
}

/// Decides on an error of user code.
pub trait ProcessingExceptionHandler: Send + Sync {
    /// The answer for this record.
    fn handle(&self, context: &ErrorContext<'_>, error: &Error) -> HandlerResponse;

    /// Returns whether the answer may be [`Reaction::Retry`]. Only then are the effects of each
    /// record noted, so that they can be undone.
    fn may_retry(&self) -> bool {
        false
    }
}

impl ProcessingExceptionHandler for std::sync::Arc<dyn ProcessingExceptionHandler> {
    fn handle(&self, context: &ErrorContext<'_>, error: &Error) -> HandlerResponse {
        (**self).handle(context, error)
    }

    fn may_retry(&self) -> bool {
        (**self).may_retry()
    }
}

/// Decides on a record that can't be written to `topic`.
pub trait ProductionExceptionHandler: Send + Sync {
    /// The answer for this record.
    fn handle(&self, context: &ErrorContext<'_>, topic: &str, error: &Error) -> HandlerResponse;
}

/// Logs the error and fails the task; first sends a dead letter if a topic for them is configured.
/// With exactly-once that dead letter is part of the transaction, which the failure aborts.
#[derive(Clone, Debug, Default)]
pub struct LogAndFail {
    /// `errors.dead.letter.queue.topic.name`.
    pub dead_letter_topic: Option<String>,
}

/// Logs the error, drops the record and continues; sends a dead letter if a topic for them is
/// configured. Chosen by the configuration it logs one line per 30 seconds and node, with the
/// number of records; given in code, one per record.
#[derive(Clone, Debug, Default)]
pub struct LogAndContinue {
    /// `errors.dead.letter.queue.topic.name`.
    pub dead_letter_topic: Option<String>,
}

impl LogAndContinue {
    /// Sends dead letters to this topic.
    pub fn with_dead_letters(topic: impl Into<String>) -> Self {
        Self { dead_letter_topic: Some(topic.into()) }
    }
}

/// Form of [`LogAndContinue`] that the configuration chooses: the task logs the records that it
/// drops, one line per interval if there are many.
#[derive(Debug)]
pub(crate) struct Continue {
    pub(crate) dead_letter_topic: Option<String>,
}

impl Continue {
    fn answer(&self, context: &ErrorContext<'_>, error: &Error) -> HandlerResponse {
        let topic = self.dead_letter_topic.as_deref();
        let dead_letters = topic.map(|topic| dead_letter(topic, context, error));
        HandlerResponse {
            reaction: Reaction::Continue,
            dead_letters: dead_letters.into_iter().collect(),
        }
    }
}

impl DeserializationExceptionHandler for Continue {
    fn handle(&self, context: &ErrorContext<'_>, error: &Error) -> HandlerResponse {
        self.answer(context, error)
    }
}

impl ProcessingExceptionHandler for Continue {
    fn handle(&self, context: &ErrorContext<'_>, error: &Error) -> HandlerResponse {
        self.answer(context, error)
    }
}

fn answer(
    reaction: Reaction,
    topic: Option<&str>,
    context: &ErrorContext<'_>,
    error: &Error,
) -> HandlerResponse {
    let (task, node) = (context.task, context.node);
    match reaction {
        Reaction::Fail | Reaction::Retry { .. } => tracing::error!(%task, node, "{error}"),
        Reaction::Continue => tracing::warn!(%task, node, "dropped a record: {error}"),
    }
    let dead_letters = topic.map(|topic| dead_letter(topic, context, error)).into_iter().collect();
    HandlerResponse { reaction, dead_letters }
}

macro_rules! handlers {
    ($handler:ty, $reaction:expr) => {
        impl DeserializationExceptionHandler for $handler {
            fn handle(&self, context: &ErrorContext<'_>, error: &Error) -> HandlerResponse {
                answer($reaction, self.dead_letter_topic.as_deref(), context, error)
            }
        }

        impl ProcessingExceptionHandler for $handler {
            fn handle(&self, context: &ErrorContext<'_>, error: &Error) -> HandlerResponse {
                answer($reaction, self.dead_letter_topic.as_deref(), context, error)
            }
        }

        impl ProductionExceptionHandler for $handler {
            fn handle(
                &self,
                context: &ErrorContext<'_>,
                _topic: &str,
                error: &Error,
            ) -> HandlerResponse {
                answer($reaction, self.dead_letter_topic.as_deref(), context, error)
            }
        }
    };
}

handlers!(LogAndFail, Reaction::Fail);
handlers!(LogAndContinue, Reaction::Continue);
