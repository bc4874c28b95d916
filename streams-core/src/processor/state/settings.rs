//! Settings that all tasks of an application share.

use std::{fmt, sync::Arc};

use state_store::MemoryBudget;

use super::{super::Reactor, PartitionCounts, Refusals};
use crate::{
    Error, ErrorKind, Result,
    config::{
        DeserializationHandlerChoice, ProcessingGuarantee, ProcessingHandlerChoice,
        TimestampAheadPolicy, TimestampExtractorChoice, ValidConfig,
    },
    handler::{
        Continue, DeserializationExceptionHandler, Handlers, LogAndFail,
        ProcessingExceptionHandler, ProductionExceptionHandler, Retry,
    },
    time::duration_ms,
};

/// Settings and handlers of the tasks of an application.
pub(crate) struct TaskSettings {
    pub(crate) application_id: String,
    pub(crate) max_task_idle_ms: i64,
    pub(crate) caching: bool,
    pub(crate) timestamp_extractor: DefaultTimestampExtractor,
    /// `timestamp.max.ahead.ms`; `i64::MAX` permits every timestamp.
    pub(crate) max_ahead_ms: i64,
    pub(crate) ahead_policy: TimestampAheadPolicy,
    /// `errors.dead.letter.queue.topic.name`.
    pub(crate) dead_letter_topic: Option<String>,
    pub(crate) deserialization_handler: Arc<dyn DeserializationExceptionHandler>,
    pub(crate) processing_handler: Arc<dyn ProcessingExceptionHandler>,
    /// True if the processing exception handler may have records processed again.
    pub(crate) may_retry: bool,
    pub(crate) production_handler: Arc<dyn ProductionExceptionHandler>,
    pub(crate) built_in: BuiltIn,
    /// Memory of the process's stores.
    pub(crate) budget: MemoryBudget,
    /// The least time between two searches for closed windows, in milliseconds.
    pub(crate) windowed_emit_interval_ms: i64,
    /// The least time between two searches for records that a stream join left unmatched, in
    /// milliseconds.
    pub(crate) outer_join_emit_interval_ms: i64,
    /// Partition counts that sinks and inputs use.
    pub(crate) partition_counts: PartitionCounts,
    /// Records that the cluster refused.
    pub(crate) refusals: Refusals,
    /// Time for which writes to stores on disk may wait for a flush, in milliseconds: a crash makes
    /// this much of a changelog be read again.
    pub(crate) flush_age_ms: i64,
    /// True if records of changelogs carry the position of their store in the inputs.
    pub(crate) logs_positions: bool,
    /// Time for which a record may be in flight in an async operator, in milliseconds: half the
    /// transaction timeout.
    pub(crate) in_flight_ms_max: Option<i64>,
    pub(crate) reactor: Reactor,
}

/// The least time between two flushes, in milliseconds, however often tasks commit.
const FLUSH_INTERVAL_MS: i64 = 5_000;

impl TaskSettings {
    /// Settings of a configuration, with the handlers given in code.
    pub(crate) fn new(config: &ValidConfig, handlers: Handlers, budget: MemoryBudget) -> Self {
        let dead_letter_topic = config.dead_letter_queue_topic().map(str::to_owned);
        let fail = LogAndFail { dead_letter_topic: dead_letter_topic.clone() };
        let resume = || Arc::new(Continue { dead_letter_topic: dead_letter_topic.clone() });
        let deserialization: Arc<dyn DeserializationExceptionHandler> =
            match config.deserialization_exception_handler() {
                DeserializationHandlerChoice::LogAndContinue => resume(),
                DeserializationHandlerChoice::LogAndFail => Arc::new(fail.clone()),
            };
        let processing: Arc<dyn ProcessingExceptionHandler> =
            match config.processing_exception_handler() {
                ProcessingHandlerChoice::LogAndContinue => resume(),
                ProcessingHandlerChoice::LogAndFail => Arc::new(fail.clone()),
            };
        let built_in = BuiltIn {
            deserialization: handlers.deserialization.is_none(),
            processing: handlers.processing.is_none(),
        };
        let retry = Retry::new(config.processing_retries(), config.processing_retry_backoff());
        let processing = retry.then(handlers.processing.unwrap_or(processing));
        Self {
            application_id: config.application_id().to_owned(),
            max_task_idle_ms: config.max_task_idle_ms(),
            caching: config.is_caching_enabled(),
            timestamp_extractor: match config.default_timestamp_extractor() {
                TimestampExtractorChoice::FailOnInvalidTimestamp => {
                    DefaultTimestampExtractor::FailOnInvalid
                }
                TimestampExtractorChoice::LogAndSkipOnInvalidTimestamp => {
                    DefaultTimestampExtractor::LogAndSkipOnInvalid
                }
                TimestampExtractorChoice::UsePartitionTimeOnInvalidTimestamp => {
                    DefaultTimestampExtractor::UsePartitionTimeOnInvalid
                }
                TimestampExtractorChoice::WallclockTimestampExtractor => {
                    DefaultTimestampExtractor::Wallclock
                }
            },
            max_ahead_ms: config.timestamp_max_ahead().map_or(i64::MAX, duration_ms),
            ahead_policy: config.timestamp_ahead_policy(),
            built_in,
            may_retry: processing.may_retry(),
            deserialization_handler: handlers.deserialization.unwrap_or(deserialization),
            processing_handler: Arc::new(processing),
            production_handler: handlers.production.unwrap_or_else(|| Arc::new(fail)),
            budget,
            dead_letter_topic,
            windowed_emit_interval_ms: duration_ms(config.windowed_emit_interval()),
            outer_join_emit_interval_ms: duration_ms(config.outer_join_emit_interval()),
            partition_counts: PartitionCounts::default(),
            refusals: Refusals::default(),
            flush_age_ms: duration_ms(config.commit_interval()).max(FLUSH_INTERVAL_MS),
            logs_positions: config.logs_positions(),
            in_flight_ms_max: (config.processing_guarantee() == ProcessingGuarantee::ExactlyOnceV2)
                .then(|| duration_ms(config.transaction_timeout()) / 2),
            reactor: Reactor::default(),
        }
    }
}

/// The handlers that the configuration chose, for which the task logs the dropped records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BuiltIn {
    pub(crate) deserialization: bool,
    pub(crate) processing: bool,
}

impl fmt::Debug for TaskSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskSettings({})", self.application_id)
    }
}

/// The extractor of sources that name none: `default.timestamp.extractor`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DefaultTimestampExtractor {
    #[default]
    FailOnInvalid,
    LogAndSkipOnInvalid,
    UsePartitionTimeOnInvalid,
    Wallclock,
}

impl DefaultTimestampExtractor {
    /// The event time of a record; a negative one drops it.
    #[inline]
    pub(crate) fn timestamp(
        self,
        timestamp: i64,
        partition_time: i64,
        now_ms: i64,
        position: &dyn Fn() -> String,
    ) -> Result<i64> {
        match self {
            Self::Wallclock => Ok(now_ms),
            _ if timestamp >= 0 => Ok(timestamp),
            Self::LogAndSkipOnInvalid => Ok(timestamp),
            Self::UsePartitionTimeOnInvalid if partition_time >= 0 => Ok(partition_time),
            Self::FailOnInvalid | Self::UsePartitionTimeOnInvalid => Err(Error::new(
                ErrorKind::Processing,
                format!(
                    "record {} has the invalid timestamp {timestamp}; set \
                         default.timestamp.extractor to one that accepts it, or mend its producer",
                    position()
                ),
            )),
        }
    }
}
