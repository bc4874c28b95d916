//! A configuration that has been checked: typed values, with defaults in place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::check;
use super::choice::{
    AutoOffsetReset, ChangelogCorrupt, ChangelogLost, DataPlane, DeserializationHandlerChoice,
    DslStore, DslStoreFormat, GroupProtocol, ProcessingGuarantee, ProcessingHandlerChoice,
    ProductionHandlerChoice, TimestampAheadPolicy, TimestampExtractorChoice, TopologyOptimization,
};
use super::client_keys::{ClientRole, Target, split_prefix};
use super::groups::Groups;
use super::settings::Settings;
use super::upgrade_from::UpgradeFrom;

/// A checked configuration, made by [`StreamsConfig::validate`]: every getter has a value.
///
/// Durations may be as long as Java's `long` in milliseconds, which means "never" in many
/// configurations: add them to a time with saturating arithmetic.
///
/// [`StreamsConfig::validate`]: super::StreamsConfig::validate
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidConfig {
    settings: Settings,
    warnings: Vec<String>,
    groups: Groups,
}

impl ValidConfig {
    /// Reads settings that have been checked.
    pub(super) fn read(settings: Settings) -> Self {
        let groups = Groups::read(&settings);
        Self { warnings: check::warnings(&settings), settings, groups }
    }

    /// Warnings to log although the configuration works, such as deprecated names.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The effective value of a key of Kafka Streams, or the value that was set for any other key,
    /// as text. `None` if none was set and there is no default. Java: `appConfigs()`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.settings.effective(key)
    }

    /// All settings as they were given, without defaults, in the order of their keys. They may hold
    /// secrets.
    pub fn originals(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter()
    }

    /// Settings of a client, without prefixes: keys without a prefix that the client knows, then
    /// those with its prefixes, where the narrower prefix wins. They do not include defaults, the
    /// application id or the brokers. They may hold secrets.
    pub fn client_overrides(&self, role: ClientRole) -> BTreeMap<&str, &str> {
        let plain = self.settings.iter().filter(|(key, _)| check::passes_to(role.class(), key));
        let mut overrides: BTreeMap<&str, &str> = plain.collect();
        for prefix in role.prefixes() {
            overrides.extend(self.settings.with_prefix(prefix));
        }
        if matches!(role, ClientRole::RestoreConsumer | ClientRole::GlobalConsumer) {
            // These clients are in no group, and the store decides their position, so neither
            // setting can apply.
            overrides.remove("auto.offset.reset");
            overrides.remove("group.instance.id");
        }
        overrides
    }

    /// Settings of the internal topics, set with `topic.`, without the prefix.
    pub fn topic_overrides(&self) -> BTreeMap<&str, &str> {
        let topics = self.settings.iter().filter_map(|(key, value)| match split_prefix(key)? {
            (_, Target::Topic, rest) => Some((rest, value)),
            _ => None,
        });
        topics.collect()
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

    /// `client.id`; `None` if the runtime makes one from the application id and a random id.
    pub fn client_id(&self) -> Option<&str> {
        self.groups.identity.client_id.as_deref()
    }

    /// `application.server`: the `host:port` of this instance that other instances get.
    pub fn application_server(&self) -> Option<&str> {
        self.groups.identity.application_server.as_deref()
    }

    /// `metrics.listen`: the `host:port` at which metrics and health are served.
    pub fn metrics_listen(&self) -> Option<&str> {
        self.groups.identity.metrics_listen.as_deref()
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

    /// `rack.aware.assignment.tags`: the client tags by which standbys are spread out.
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

    /// `poll.ms`: the time for which a thread without work waits for input.
    pub fn poll_interval(&self) -> Duration {
        self.groups.processing.poll
    }

    /// `metadata.max.age.ms`: the time after which the partitions of topics are requested again.
    pub fn metadata_max_age(&self) -> Duration {
        self.groups.processing.metadata_max_age
    }

    /// `max.task.idle.ms`: with -1 a task never waits, with 0 only for records that the broker
    /// already has.
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

    /// `log.summary.interval.ms`; `None` if the summary is off.
    pub fn log_summary_interval(&self) -> Option<Duration> {
        self.groups.processing.log_summary_interval
    }

    /// `__emit.interval.ms.kstreams.outer.join.spurious.results.fix__`: the shortest time between
    /// two searches for unmatched records of a stream join.
    pub fn outer_join_emit_interval(&self) -> Duration {
        self.groups.processing.outer_join_emit_interval
    }

    /// `__emit.interval.ms.kstreams.windowed.aggregation__`: the shortest time between two searches
    /// for closed windows.
    pub fn windowed_emit_interval(&self) -> Duration {
        self.groups.processing.windowed_emit_interval
    }

    /// `default.timestamp.extractor`.
    pub fn default_timestamp_extractor(&self) -> TimestampExtractorChoice {
        self.groups.processing.default_timestamp_extractor
    }

    /// `timestamp.max.ahead.ms`; `None` if every timestamp is permitted.
    pub fn timestamp_max_ahead(&self) -> Option<Duration> {
        self.groups.processing.timestamp_max_ahead
    }

    /// `timestamp.ahead.policy`.
    pub fn timestamp_ahead_policy(&self) -> TimestampAheadPolicy {
        self.groups.processing.timestamp_ahead_policy
    }

    /// `state.dir`; unless it is set, `kafka-streams` in the directory of temporary files.
    pub fn state_dir(&self) -> &Path {
        &self.groups.state.dir
    }

    /// `state.memory.max.bytes`: the memory budget of all stores of the process.
    pub fn state_memory_max_bytes(&self) -> usize {
        self.groups.state.memory_max_bytes
    }

    /// `statestore.cache.max.bytes`: the overlays' share of the budget, at most all of it. 0 turns
    /// caching off.
    pub fn statestore_cache_max_bytes(&self) -> usize {
        self.groups.state.cache_max_bytes
    }

    /// Returns whether stores with caching hold updates back until the commit, which they do unless
    /// the cache has size 0.
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

    /// `dsl.store.format`.
    pub fn dsl_store_format(&self) -> DslStoreFormat {
        self.groups.state.dsl_store_format
    }

    /// `__iq.consistency.offset.vector.enabled__`.
    pub fn logs_positions(&self) -> bool {
        self.groups.state.logs_positions
    }

    /// `state.changelog.lost`.
    pub fn state_changelog_lost(&self) -> ChangelogLost {
        self.groups.state.changelog_lost
    }

    /// `state.changelog.corrupt`.
    pub fn state_changelog_corrupt(&self) -> ChangelogCorrupt {
        self.groups.state.changelog_corrupt
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

    /// `processing.retries`.
    pub fn processing_retries(&self) -> u32 {
        self.groups.errors.processing_retries
    }

    /// `processing.retry.backoff.ms`.
    pub fn processing_retry_backoff(&self) -> Duration {
        self.groups.errors.processing_retry_backoff
    }

    /// `errors.dead.letter.queue.topic.name`.
    pub fn dead_letter_queue_topic(&self) -> Option<&str> {
        self.groups.errors.dead_letter_queue_topic.as_deref()
    }

    /// `topology.optimization`: the rewritings that are turned on.
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

    /// `upgrade.from`: the version of Java Kafka Streams that still runs besides this instance.
    pub fn upgrade_from(&self) -> Option<UpgradeFrom> {
        self.groups.topology.upgrade_from
    }

    /// `client.data.plane`: the client that carries the records.
    pub fn data_plane(&self) -> DataPlane {
        self.groups.identity.data_plane
    }

    /// `group.protocol`: the protocol by which instances agree on their tasks.
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

    /// The main consumer's `max.poll.records`, default 1000 as in Kafka Streams.
    pub fn max_poll_records(&self) -> usize {
        self.groups.group.max_poll_records
    }

    /// The main consumer's `auto.offset.reset`, default earliest as in Kafka Streams.
    pub fn auto_offset_reset(&self) -> AutoOffsetReset {
        self.groups.group.auto_offset_reset
    }

    /// The main consumer's `group.instance.id`: this instance is a static member of the group.
    pub fn group_instance_id(&self) -> Option<&str> {
        self.groups.group.instance_id.as_deref()
    }

    /// The producer's `transaction.timeout.ms`, default 10 s as in Kafka Streams. It matters with
    /// exactly-once only.
    pub fn transaction_timeout(&self) -> Duration {
        self.groups.group.transaction_timeout
    }
}
