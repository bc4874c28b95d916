//! A configuration that has been checked: typed values, with defaults in place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::check;
use super::choice::{
    AutoOffsetReset, Choice as _, DeserializationHandlerChoice, DslStore, GroupProtocol,
    ProcessingGuarantee, ProcessingHandlerChoice, ProductionHandlerChoice,
    TimestampExtractorChoice, TopologyOptimization,
};
use super::client_keys::ClientRole;
use super::settings::{Settings, as_count, as_span, parse_number};
use super::upgrade_from::UpgradeFrom;

/// The session timeout of the consumer unless it is set.
pub(super) const SESSION_TIMEOUT_MS: i64 = 45_000;
/// The timeout of transactions that exactly-once asks for unless it is set.
pub(super) const EOS_TRANSACTION_TIMEOUT_MS: i64 = 10_000;

const HEARTBEAT_INTERVAL_MS: i64 = 3_000;
const MAX_POLL_INTERVAL_MS: i64 = 300_000;
const MAX_POLL_RECORDS: i64 = 1_000;
const EOS_COMMIT_INTERVAL_MS: i64 = 100;

/// The configuration of an application after [`StreamsConfig::validate`]: every getter has a value.
///
/// Spans may be as long as Java's `long` in milliseconds, which stands for "never" in many
/// configurations: add them to a time with saturating arithmetic.
///
/// [`StreamsConfig::validate`]: super::StreamsConfig::validate
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidConfig {
    settings: Settings,
    warnings: Vec<String>,
    groups: Groups,
}

/// The values in the order of the getters.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Groups {
    identity: Identity,
    assignment: Assignment,
    processing: Processing,
    state: State,
    errors: Errors,
    topology: TopologySettings,
    group: Group,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    application_id: String,
    bootstrap_servers: String,
    client_id: Option<String>,
    application_server: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Assignment {
    num_standby_replicas: usize,
    acceptable_recovery_lag: u64,
    max_warmup_replicas: usize,
    probing_rebalance_interval: Duration,
    rack_aware_assignment_tags: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Processing {
    num_stream_threads: usize,
    guarantee: ProcessingGuarantee,
    commit_interval: Duration,
    poll: Duration,
    max_task_idle_ms: i64,
    buffered_records_per_partition: usize,
    task_timeout: Duration,
    repartition_purge_interval: Duration,
    log_summary_interval: Option<Duration>,
    outer_join_emit_interval: Duration,
    windowed_emit_interval: Duration,
    default_timestamp_extractor: TimestampExtractorChoice,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    dir: PathBuf,
    memory_max_bytes: usize,
    cache_max_bytes: usize,
    cleanup_delay: Duration,
    default_dsl_store: DslStore,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Errors {
    deserialization: DeserializationHandlerChoice,
    processing: ProcessingHandlerChoice,
    production: ProductionHandlerChoice,
    dead_letter_queue_topic: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct TopologySettings {
    optimization: BTreeSet<TopologyOptimization>,
    ensure_explicit_internal_resource_naming: bool,
    replication_factor: i16,
    windowstore_changelog_additional_retention_ms: i64,
    upgrade_from: Option<UpgradeFrom>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    protocol: GroupProtocol,
    session_timeout: Duration,
    heartbeat_interval: Duration,
    max_poll_interval: Duration,
    max_poll_records: usize,
    auto_offset_reset: AutoOffsetReset,
    instance_id: Option<String>,
    transaction_timeout: Duration,
}

impl ValidConfig {
    /// Reads settings that have been checked.
    pub(super) fn read(settings: Settings) -> Self {
        let groups = Groups {
            identity: Identity::read(&settings),
            assignment: Assignment::read(&settings),
            processing: Processing::read(&settings),
            state: State::read(&settings),
            errors: Errors::read(&settings),
            topology: TopologySettings::read(&settings),
            group: Group::read(&settings),
        };
        Self { warnings: check::warnings(&settings), settings, groups }
    }

    /// What should be logged although the configuration works, such as deprecated names.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The value in force for a key of Kafka Streams, or the value that was set for any other key,
    /// as text. `None` where neither was set and there is no default. Java: `appConfigs()`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.settings.effective(key)
    }

    /// All settings as they were given, without defaults, in the order of their keys. They may hold
    /// secrets.
    pub fn originals(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter()
    }

    /// What was set for a client, without prefixes: keys without a prefix that the client knows,
    /// then those of its prefixes, of which the narrower wins. Defaults are not among them, nor the
    /// application's id and brokers. They may hold secrets.
    pub fn client_overrides(&self, role: ClientRole) -> BTreeMap<&str, &str> {
        let plain = self.settings.iter().filter(|(key, _)| check::passes_to(role.class(), key));
        let mut overrides: BTreeMap<&str, &str> = plain.collect();
        for prefix in role.prefixes() {
            overrides.extend(self.settings.with_prefix(prefix));
        }
        if matches!(role, ClientRole::RestoreConsumer | ClientRole::GlobalConsumer) {
            // These are in no group, and their position is the store's, so neither can be meant.
            overrides.remove("auto.offset.reset");
            overrides.remove("group.instance.id");
        }
        overrides
    }

    /// What was set for the internal topics with `topic.`, without the prefix.
    pub fn topic_overrides(&self) -> BTreeMap<&str, &str> {
        self.settings.with_prefix("topic.").collect()
    }

    /// The tags of this instance, set with `client.tag.`, without the prefix.
    pub fn client_tags(&self) -> BTreeMap<&str, &str> {
        self.settings.with_prefix("client.tag.").collect()
    }

    /// `application.id`.
    pub fn application_id(&self) -> &str {
        &self.groups.identity.application_id
    }

    /// `bootstrap.servers`: `host:port` separated by commas.
    pub fn bootstrap_servers(&self) -> &str {
        &self.groups.identity.bootstrap_servers
    }

    /// `client.id`; `None` where the runtime shall make one of the application id and a random id.
    pub fn client_id(&self) -> Option<&str> {
        self.groups.identity.client_id.as_deref()
    }

    /// `application.server`: the `host:port` that other instances are told.
    pub fn application_server(&self) -> Option<&str> {
        self.groups.identity.application_server.as_deref()
    }

    /// `num.standby.replicas`.
    pub fn num_standby_replicas(&self) -> usize {
        self.groups.assignment.num_standby_replicas
    }

    /// `acceptable.recovery.lag`, in records.
    pub fn acceptable_recovery_lag(&self) -> u64 {
        self.groups.assignment.acceptable_recovery_lag
    }

    /// `max.warmup.replicas`, at least 1.
    pub fn max_warmup_replicas(&self) -> usize {
        self.groups.assignment.max_warmup_replicas
    }

    /// `probing.rebalance.interval.ms`.
    pub fn probing_rebalance_interval(&self) -> Duration {
        self.groups.assignment.probing_rebalance_interval
    }

    /// `rack.aware.assignment.tags`: the client tags by which standbys are spread.
    pub fn rack_aware_assignment_tags(&self) -> &[String] {
        &self.groups.assignment.rack_aware_assignment_tags
    }

    /// `num.stream.threads`, at least 1.
    pub fn num_stream_threads(&self) -> usize {
        self.groups.processing.num_stream_threads
    }

    /// `processing.guarantee`.
    pub fn processing_guarantee(&self) -> ProcessingGuarantee {
        self.groups.processing.guarantee
    }

    /// `commit.interval.ms`; unless it is set, 30 s, or 100 ms with exactly-once.
    pub fn commit_interval(&self) -> Duration {
        self.groups.processing.commit_interval
    }

    /// `poll.ms`: how long a thread without work waits for input.
    pub fn poll_interval(&self) -> Duration {
        self.groups.processing.poll
    }

    /// `max.task.idle.ms`: -1 waits for nothing, 0 for what the broker already has.
    pub fn max_task_idle_ms(&self) -> i64 {
        self.groups.processing.max_task_idle_ms
    }

    /// `buffered.records.per.partition`, at least 1.
    pub fn buffered_records_per_partition(&self) -> usize {
        self.groups.processing.buffered_records_per_partition
    }

    /// `task.timeout.ms`.
    pub fn task_timeout(&self) -> Duration {
        self.groups.processing.task_timeout
    }

    /// `repartition.purge.interval.ms`.
    pub fn repartition_purge_interval(&self) -> Duration {
        self.groups.processing.repartition_purge_interval
    }

    /// `log.summary.interval.ms`; `None` where the summary is off.
    pub fn log_summary_interval(&self) -> Option<Duration> {
        self.groups.processing.log_summary_interval
    }

    /// `__emit.interval.ms.kstreams.outer.join.spurious.results.fix__`: the shortest time between
    /// two looks for unmatched records of a stream join.
    pub fn outer_join_emit_interval(&self) -> Duration {
        self.groups.processing.outer_join_emit_interval
    }

    /// `__emit.interval.ms.kstreams.windowed.aggregation__`: the shortest time between two looks
    /// for closed windows.
    pub fn windowed_emit_interval(&self) -> Duration {
        self.groups.processing.windowed_emit_interval
    }

    /// `default.timestamp.extractor`.
    pub fn default_timestamp_extractor(&self) -> TimestampExtractorChoice {
        self.groups.processing.default_timestamp_extractor
    }

    /// `state.dir`; unless it is set, `kafka-streams` in the directory of temporary files.
    pub fn state_dir(&self) -> &Path {
        &self.groups.state.dir
    }

    /// `state.memory.max.bytes`: the memory budget of all stores of the process.
    pub fn state_memory_max_bytes(&self) -> usize {
        self.groups.state.memory_max_bytes
    }

    /// `statestore.cache.max.bytes`: the overlays' share of the budget, at most all of it. With 0,
    /// caching is off.
    pub fn statestore_cache_max_bytes(&self) -> usize {
        self.groups.state.cache_max_bytes
    }

    /// Whether stores with caching hold updates back until the commit: the cache has any size.
    pub fn is_caching_enabled(&self) -> bool {
        self.groups.state.cache_max_bytes > 0
    }

    /// `state.cleanup.delay.ms`.
    pub fn state_cleanup_delay(&self) -> Duration {
        self.groups.state.cleanup_delay
    }

    /// `default.dsl.store`.
    pub fn default_dsl_store(&self) -> DslStore {
        self.groups.state.default_dsl_store
    }

    /// `deserialization.exception.handler`.
    pub fn deserialization_exception_handler(&self) -> DeserializationHandlerChoice {
        self.groups.errors.deserialization
    }

    /// `processing.exception.handler`.
    pub fn processing_exception_handler(&self) -> ProcessingHandlerChoice {
        self.groups.errors.processing
    }

    /// `production.exception.handler`.
    pub fn production_exception_handler(&self) -> ProductionHandlerChoice {
        self.groups.errors.production
    }

    /// `errors.dead.letter.queue.topic.name`.
    pub fn dead_letter_queue_topic(&self) -> Option<&str> {
        self.groups.errors.dead_letter_queue_topic.as_deref()
    }

    /// `topology.optimization`: the rewritings that are on.
    pub fn topology_optimization(&self) -> &BTreeSet<TopologyOptimization> {
        &self.groups.topology.optimization
    }

    /// `ensure.explicit.internal.resource.naming`.
    pub fn ensure_explicit_internal_resource_naming(&self) -> bool {
        self.groups.topology.ensure_explicit_internal_resource_naming
    }

    /// `replication.factor` of internal topics; -1 leaves it to the broker.
    pub fn replication_factor(&self) -> i16 {
        self.groups.topology.replication_factor
    }

    /// `windowstore.changelog.additional.retention.ms`, in milliseconds.
    pub fn windowstore_changelog_additional_retention_ms(&self) -> i64 {
        self.groups.topology.windowstore_changelog_additional_retention_ms
    }

    /// `upgrade.from`: the version of Java Kafka Streams that still runs beside this instance.
    pub fn upgrade_from(&self) -> Option<UpgradeFrom> {
        self.groups.topology.upgrade_from
    }

    /// `group.protocol`: who decides which instance has which task.
    pub fn group_protocol(&self) -> GroupProtocol {
        self.groups.group.protocol
    }

    /// The main consumer's `session.timeout.ms`, default 45 s.
    pub fn session_timeout(&self) -> Duration {
        self.groups.group.session_timeout
    }

    /// The main consumer's `heartbeat.interval.ms`, default 3 s.
    pub fn heartbeat_interval(&self) -> Duration {
        self.groups.group.heartbeat_interval
    }

    /// The main consumer's `max.poll.interval.ms`, default 5 minutes.
    pub fn max_poll_interval(&self) -> Duration {
        self.groups.group.max_poll_interval
    }

    /// The main consumer's `max.poll.records`, default 1000 as Kafka Streams has it.
    pub fn max_poll_records(&self) -> usize {
        self.groups.group.max_poll_records
    }

    /// The main consumer's `auto.offset.reset`, default earliest as Kafka Streams has it.
    pub fn auto_offset_reset(&self) -> AutoOffsetReset {
        self.groups.group.auto_offset_reset
    }

    /// The main consumer's `group.instance.id`: this instance is a static member of the group.
    pub fn group_instance_id(&self) -> Option<&str> {
        self.groups.group.instance_id.as_deref()
    }

    /// The producer's `transaction.timeout.ms`, default 10 s as Kafka Streams has it. It matters
    /// with exactly-once only.
    pub fn transaction_timeout(&self) -> Duration {
        self.groups.group.transaction_timeout
    }
}

impl Identity {
    fn read(settings: &Settings) -> Self {
        Self {
            application_id: settings.text("application.id"),
            bootstrap_servers: settings.text("bootstrap.servers"),
            client_id: settings.optional_text("client.id"),
            application_server: settings.optional_text("application.server"),
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
        }
    }
}

impl Errors {
    fn read(settings: &Settings) -> Self {
        Self {
            deserialization: settings.choice("deserialization.exception.handler"),
            processing: settings.choice("processing.exception.handler"),
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
