//! The typed values of a checked configuration, in groups, each with the code that reads it from
//! the settings.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::choice::{
    AutoOffsetReset, ChangelogCorrupt, ChangelogLost, Choice as _, DataPlane,
    DeserializationHandlerChoice, DslStore, DslStoreFormat, GroupProtocol, ProcessingGuarantee,
    ProcessingHandlerChoice, ProductionHandlerChoice, TimestampAheadPolicy,
    TimestampExtractorChoice, TopologyOptimization,
};
use super::client_keys::{EOS_TRANSACTION_TIMEOUT_MS, SESSION_TIMEOUT_MS};
use super::settings::{Settings, as_count, as_span, parse_number};
use super::upgrade_from::UpgradeFrom;

const HEARTBEAT_INTERVAL_MS: i64 = 3_000;
const MAX_POLL_INTERVAL_MS: i64 = 300_000;
const MAX_POLL_RECORDS: i64 = 1_000;
const EOS_COMMIT_INTERVAL_MS: i64 = 100;

/// The values in the order of the getters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Groups {
    pub(super) identity: Identity,
    pub(super) assignment: Assignment,
    pub(super) processing: Processing,
    pub(super) state: State,
    pub(super) errors: Errors,
    pub(super) topology: TopologySettings,
    pub(super) group: Group,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) application_id: String,
    pub(super) bootstrap_servers: String,
    pub(super) client_id: Option<String>,
    pub(super) application_server: Option<String>,
    pub(super) metrics_listen: Option<String>,
    pub(super) data_plane: DataPlane,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) num_standby_replicas: usize,
    pub(super) acceptable_recovery_lag: u64,
    pub(super) max_warmup_replicas: usize,
    pub(super) probing_rebalance_interval: Duration,
    pub(super) rack_aware_assignment_tags: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Processing {
    pub(super) num_stream_threads: usize,
    pub(super) guarantee: ProcessingGuarantee,
    pub(super) commit_interval: Duration,
    pub(super) poll: Duration,
    pub(super) metadata_max_age: Duration,
    pub(super) max_task_idle_ms: i64,
    pub(super) buffered_records_per_partition: usize,
    pub(super) task_timeout: Duration,
    pub(super) repartition_purge_interval: Duration,
    pub(super) log_summary_interval: Option<Duration>,
    pub(super) outer_join_emit_interval: Duration,
    pub(super) windowed_emit_interval: Duration,
    pub(super) default_timestamp_extractor: TimestampExtractorChoice,
    pub(super) timestamp_max_ahead: Option<Duration>,
    pub(super) timestamp_ahead_policy: TimestampAheadPolicy,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    pub(super) dir: PathBuf,
    pub(super) memory_max_bytes: usize,
    pub(super) cache_max_bytes: usize,
    pub(super) cleanup_delay: Duration,
    pub(super) default_dsl_store: DslStore,
    pub(super) dsl_store_format: DslStoreFormat,
    pub(super) logs_positions: bool,
    pub(super) changelog_lost: ChangelogLost,
    pub(super) changelog_corrupt: ChangelogCorrupt,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Errors {
    pub(super) deserialization: DeserializationHandlerChoice,
    pub(super) processing: ProcessingHandlerChoice,
    pub(super) processing_retries: u32,
    pub(super) processing_retry_backoff: Duration,
    pub(super) production: ProductionHandlerChoice,
    pub(super) dead_letter_queue_topic: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TopologySettings {
    pub(super) optimization: BTreeSet<TopologyOptimization>,
    pub(super) ensure_explicit_internal_resource_naming: bool,
    pub(super) replication_factor: i16,
    pub(super) windowstore_changelog_additional_retention_ms: i64,
    pub(super) upgrade_from: Option<UpgradeFrom>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) protocol: GroupProtocol,
    pub(super) session_timeout: Duration,
    pub(super) heartbeat_interval: Duration,
    pub(super) max_poll_interval: Duration,
    pub(super) max_poll_records: usize,
    pub(super) auto_offset_reset: AutoOffsetReset,
    pub(super) instance_id: Option<String>,
    pub(super) transaction_timeout: Duration,
}

impl Groups {
    /// Reads settings that have been checked.
    pub(super) fn read(settings: &Settings) -> Self {
        Self {
            identity: Identity::read(settings),
            assignment: Assignment::read(settings),
            processing: Processing::read(settings),
            state: State::read(settings),
            errors: Errors::read(settings),
            topology: TopologySettings::read(settings),
            group: Group::read(settings),
        }
    }
}

impl Identity {
    fn read(settings: &Settings) -> Self {
        Self {
            application_id: settings.text("application.id"),
            bootstrap_servers: settings.text("bootstrap.servers"),
            client_id: settings.optional_text("client.id"),
            application_server: settings.optional_text("application.server"),
            metrics_listen: settings.optional_text("metrics.listen"),
            data_plane: settings.choice("client.data.plane"),
        }
    }
}

impl Assignment {
    fn read(settings: &Settings) -> Self {
        Self {
            num_standby_replicas: settings.count("num.standby.replicas"),
            acceptable_recovery_lag: settings
                .number("acceptable.recovery.lag")
                .max(0)
                .unsigned_abs(),
            max_warmup_replicas: settings.count("max.warmup.replicas"),
            probing_rebalance_interval: settings.span("probing.rebalance.interval.ms"),
            rack_aware_assignment_tags: settings.list("rack.aware.assignment.tags"),
        }
    }
}

impl Processing {
    fn read(settings: &Settings) -> Self {
        let guarantee: ProcessingGuarantee = settings.choice("processing.guarantee");
        let is_default = settings.explicit("commit.interval.ms").is_none();
        let commit_interval = match guarantee {
            ProcessingGuarantee::ExactlyOnceV2 if is_default => as_span(EOS_COMMIT_INTERVAL_MS),
            _ => settings.span("commit.interval.ms"),
        };
        let summary = settings.span("log.summary.interval.ms");
        Self {
            num_stream_threads: settings.count("num.stream.threads"),
            guarantee,
            commit_interval,
            poll: settings.span("poll.ms"),
            metadata_max_age: settings.span("metadata.max.age.ms"),
            max_task_idle_ms: settings.number("max.task.idle.ms"),
            buffered_records_per_partition: settings.count("buffered.records.per.partition"),
            task_timeout: settings.span("task.timeout.ms"),
            repartition_purge_interval: settings.span("repartition.purge.interval.ms"),
            log_summary_interval: (!summary.is_zero()).then_some(summary),
            outer_join_emit_interval: settings
                .span("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__"),
            windowed_emit_interval: settings
                .span("__emit.interval.ms.kstreams.windowed.aggregation__"),
            default_timestamp_extractor: settings.choice("default.timestamp.extractor"),
            timestamp_max_ahead: settings
                .effective("timestamp.max.ahead.ms")
                .map(|text| as_span(parse_number(Some(text)))),
            timestamp_ahead_policy: settings.choice("timestamp.ahead.policy"),
        }
    }
}

impl State {
    fn read(settings: &Settings) -> Self {
        let dir = settings.explicit("state.dir").map(PathBuf::from);
        Self {
            dir: dir.unwrap_or_else(|| std::env::temp_dir().join("kafka-streams")),
            memory_max_bytes: settings.count("state.memory.max.bytes"),
            cache_max_bytes: settings.count("statestore.cache.max.bytes"),
            cleanup_delay: settings.span("state.cleanup.delay.ms"),
            default_dsl_store: settings.choice("default.dsl.store"),
            dsl_store_format: settings.choice("dsl.store.format"),
            logs_positions: settings.flag("__iq.consistency.offset.vector.enabled__"),
            changelog_lost: settings.choice("state.changelog.lost"),
            changelog_corrupt: settings.choice("state.changelog.corrupt"),
        }
    }
}

impl Errors {
    fn read(settings: &Settings) -> Self {
        Self {
            deserialization: settings.choice("deserialization.exception.handler"),
            processing: settings.choice("processing.exception.handler"),
            processing_retries: u32::try_from(settings.count("processing.retries"))
                .unwrap_or(u32::MAX),
            processing_retry_backoff: settings.span("processing.retry.backoff.ms"),
            production: settings.choice("production.exception.handler"),
            dead_letter_queue_topic: settings.optional_text("errors.dead.letter.queue.topic.name"),
        }
    }
}

impl TopologySettings {
    fn read(settings: &Settings) -> Self {
        let names = settings.list("topology.optimization");
        let optimization = if names.iter().any(|name| name == "all") {
            TopologyOptimization::ALL.into()
        } else {
            names.iter().filter_map(|name| TopologyOptimization::from_name(name)).collect()
        };
        let upgrade_from = settings.effective("upgrade.from").and_then(UpgradeFrom::from_name);
        Self {
            optimization,
            ensure_explicit_internal_resource_naming: settings
                .flag("ensure.explicit.internal.resource.naming"),
            replication_factor: settings.number("replication.factor").try_into().unwrap_or(-1),
            windowstore_changelog_additional_retention_ms: settings
                .number("windowstore.changelog.additional.retention.ms"),
            upgrade_from,
        }
    }
}

impl Group {
    fn read(settings: &Settings) -> Self {
        let consumer = |key| settings.main_consumer(key).map(|(_, value)| value);
        let number = |key, default| consumer(key).map_or(default, |text| parse_number(Some(text)));
        let transaction_timeout = settings
            .producer("transaction.timeout.ms")
            .map_or(EOS_TRANSACTION_TIMEOUT_MS, |(_, text)| parse_number(Some(text)));
        Self {
            protocol: settings.choice("group.protocol"),
            session_timeout: as_span(number("session.timeout.ms", SESSION_TIMEOUT_MS)),
            heartbeat_interval: as_span(number("heartbeat.interval.ms", HEARTBEAT_INTERVAL_MS)),
            max_poll_interval: as_span(number("max.poll.interval.ms", MAX_POLL_INTERVAL_MS)),
            max_poll_records: as_count(number("max.poll.records", MAX_POLL_RECORDS)),
            auto_offset_reset: consumer("auto.offset.reset")
                .and_then(AutoOffsetReset::from_name)
                .unwrap_or_default(),
            instance_id: consumer("group.instance.id")
                .filter(|id| !id.is_empty())
                .map(str::to_owned),
            transaction_timeout: as_span(transaction_timeout),
        }
    }
}
