//! The builder of a configuration.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use super::check;
use super::choice::{
    DataPlane, DeserializationHandlerChoice, GroupProtocol, ProcessingGuarantee,
    ProcessingHandlerChoice, ProductionHandlerChoice, TimestampAheadPolicy,
    TimestampExtractorChoice, TopologyOptimization,
};
use super::documentation;
use super::error::{ConfigError, ConfigProblem, ConfigProblemKind};
use super::settings::Settings;
use super::valid::ValidConfig;

/// The settings of an application, collected by key or by typed methods.
///
/// Keys and defaults are those of Java Kafka Streams, so a Java configuration can be reused;
/// [`documentation`](Self::documentation) lists them. Setting a key again replaces its value.
/// Nothing is checked before [`validate`](Self::validate), which then reports all problems at once.
/// Java's counterpart is `StreamsConfig` with its `Properties`.
///
/// Settings for the clients have a prefix, and the narrower one wins: `consumer.` for all
/// consumers, `main.consumer.`, `restore.consumer.` and `global.consumer.` for one, `producer.`,
/// `admin.`. A client's key without prefix goes to every client that knows it. `topic.` configures
/// the internal topics, `client.tag.` names this instance's tags.
///
/// ```
/// use std::time::Duration;
/// use streams_core::config::{ProcessingGuarantee, StreamsConfig};
///
/// let config = StreamsConfig::new("orders-app", "localhost:9092")
///     .num_stream_threads(4)
///     .processing_guarantee(ProcessingGuarantee::ExactlyOnceV2)
///     .set("producer.linger.ms", 5);
/// assert_eq!(config.validate()?.commit_interval(), Duration::from_millis(100));
///
/// let error = config.set("comit.interval.ms", 50).validate().unwrap_err();
/// assert!(error.to_string().contains("did you mean `commit.interval.ms`?"));
/// # Ok::<(), streams_core::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a configuration does nothing until an application is started with it"]
pub struct StreamsConfig {
    settings: Settings,
    /// Values without a textual form, found by the typed methods.
    unprintable: Vec<ConfigProblem>,
}

impl StreamsConfig {
    /// Creates a configuration with an application id (`application.id`), brokers
    /// (`bootstrap.servers`: `host:port` separated by commas), and defaults for everything else.
    pub fn new(application_id: impl Into<String>, bootstrap_servers: impl Into<String>) -> Self {
        let empty = Self { settings: Settings::default(), unprintable: Vec::new() };
        empty
            .set("application.id", application_id.into())
            .set("bootstrap.servers", bootstrap_servers.into())
    }

    /// Creates a configuration from keys and values alone, for example those of a file;
    /// `application.id` and `bootstrap.servers` must be among them.
    pub fn from_entries<K, V>(entries: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: AsRef<str>,
        V: Display,
    {
        let empty = Self { settings: Settings::default(), unprintable: Vec::new() };
        empty.set_all(entries)
    }

    /// Sets any key, with or without a prefix. White space around key and value is dropped.
    pub fn set(mut self, key: impl AsRef<str>, value: impl Display) -> Self {
        self.settings.set(key.as_ref(), &value.to_string());
        self
    }

    /// Sets several keys.
    pub fn set_all<K, V>(self, entries: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: AsRef<str>,
        V: Display,
    {
        entries.into_iter().fold(self, |config, (key, value)| config.set(key, value))
    }

    /// Number of threads that process records (`num.stream.threads`, default 1, at least 1).
    pub fn num_stream_threads(self, threads: usize) -> Self {
        self.set("num.stream.threads", threads)
    }

    /// Copies of each store on other instances (`num.standby.replicas`, default 0).
    pub fn num_standby_replicas(self, replicas: usize) -> Self {
        self.set("num.standby.replicas", replicas)
    }

    /// Records that a copy may be behind and still take over (`acceptable.recovery.lag`, default
    /// 10 000).
    pub fn acceptable_recovery_lag(self, records: u64) -> Self {
        self.set("acceptable.recovery.lag", records)
    }

    /// Stores copied to new instances at a time (`max.warmup.replicas`, default 2, at least 1).
    pub fn max_warmup_replicas(self, replicas: usize) -> Self {
        self.set("max.warmup.replicas", replicas)
    }

    /// Time between probing rebalances (`probing.rebalance.interval.ms`, default 10 minutes, at
    /// least one).
    pub fn probing_rebalance_interval(self, interval: Duration) -> Self {
        self.set_span("probing.rebalance.interval.ms", interval)
    }

    /// Guarantee for the effects of a record after a failure (`processing.guarantee`).
    pub fn processing_guarantee(self, guarantee: ProcessingGuarantee) -> Self {
        self.set("processing.guarantee", guarantee)
    }

    /// Time between commits (`commit.interval.ms`, default 30 s, or 100 ms with exactly-once).
    pub fn commit_interval(self, interval: Duration) -> Self {
        self.set_span("commit.interval.ms", interval)
    }

    /// Directory of the local stores (`state.dir`, default `kafka-streams` in the directory of
    /// temporary files). It must be valid Unicode.
    pub fn state_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        match directory.into().into_os_string().into_string() {
            Ok(text) => self.set("state.dir", text),
            Err(os_text) => {
                self.unprintable.push(ConfigProblem::new(
                    ConfigProblemKind::InvalidValue,
                    "state.dir",
                    Some(&os_text.to_string_lossy()),
                    "it is not valid Unicode",
                    "choose a directory whose name is",
                ));
                self
            }
        }
    }

    /// The overlays' share of the memory budget, summed over all threads
    /// (`statestore.cache.max.bytes`, default 10 MiB). 0 turns caching off: every update is
    /// forwarded at once.
    pub fn statestore_cache_max_bytes(self, bytes: usize) -> Self {
        self.set("statestore.cache.max.bytes", bytes)
    }

    /// The memory budget of all stores of the process (`state.memory.max.bytes`, default 256 MiB).
    pub fn state_memory_max_bytes(self, bytes: usize) -> Self {
        self.set("state.memory.max.bytes", bytes)
    }

    /// Time for which a task waits for an empty partition, in order to process records by timestamp
    /// (`max.task.idle.ms`, default zero: it waits only for records that the broker already has).
    /// `None` turns the waiting off.
    pub fn max_task_idle(self, idle: Option<Duration>) -> Self {
        match idle {
            Some(span) => self.set_span("max.task.idle.ms", span),
            None => self.set("max.task.idle.ms", -1),
        }
    }

    /// Time for which a task may fail on timeouts before the error is raised (`task.timeout.ms`,
    /// default 5 minutes).
    pub fn task_timeout(self, timeout: Duration) -> Self {
        self.set_span("task.timeout.ms", timeout)
    }

    /// Time for which a thread without work waits for input (`poll.ms`, default 100 ms).
    pub fn poll_interval(self, span: Duration) -> Self {
        self.set_span("poll.ms", span)
    }

    /// Records that a task holds ready for each partition (`buffered.records.per.partition`,
    /// default 1000, at least 1).
    pub fn buffered_records_per_partition(self, records: usize) -> Self {
        self.set("buffered.records.per.partition", records)
    }

    /// Delay before the directory of a task that has moved away is deleted
    /// (`state.cleanup.delay.ms`, default 10 minutes).
    pub fn state_cleanup_delay(self, delay: Duration) -> Self {
        self.set_span("state.cleanup.delay.ms", delay)
    }

    /// Replicas of the internal topics (`replication.factor`); `None`, the default, leaves it to
    /// the broker.
    pub fn replication_factor(self, replicas: Option<u16>) -> Self {
        self.set("replication.factor", replicas.map_or(-1, i32::from))
    }

    /// The rewritings of the topology (`topology.optimization`, default none). An empty set turns
    /// them off.
    pub fn topology_optimization(
        self,
        optimizations: impl IntoIterator<Item = TopologyOptimization>,
    ) -> Self {
        let names: BTreeSet<_> =
            optimizations.into_iter().map(TopologyOptimization::as_str).collect();
        let names: Vec<_> = names.into_iter().collect();
        let text = if names.is_empty() { "none".to_owned() } else { names.join(",") };
        self.set("topology.optimization", text)
    }

    /// Prefix of the names of threads, clients and metrics (`client.id`).
    pub fn client_id(self, client_id: impl Into<String>) -> Self {
        self.set("client.id", client_id.into())
    }

    /// The `host:port` of this instance that other instances get for interactive queries
    /// (`application.server`).
    pub fn application_server(self, host_and_port: impl Into<String>) -> Self {
        self.set("application.server", host_and_port.into())
    }

    /// Response to a record that cannot be deserialized (`deserialization.exception.handler`).
    pub fn deserialization_exception_handler(self, choice: DeserializationHandlerChoice) -> Self {
        self.set("deserialization.exception.handler", choice)
    }

    /// Response to a processor that fails (`processing.exception.handler`).
    pub fn processing_exception_handler(self, choice: ProcessingHandlerChoice) -> Self {
        self.set("processing.exception.handler", choice)
    }

    /// Number of times that a record is processed again after a processor failed on it, before the
    /// handler decides (`processing.retries`, default 0), and the pause before each retry
    /// (`processing.retry.backoff.ms`), which doubles every time.
    pub fn processing_retry(self, times: u32, back_off: Duration) -> Self {
        self.set("processing.retries", times).set_span("processing.retry.backoff.ms", back_off)
    }

    /// Response to a record that cannot be written (`production.exception.handler`).
    pub fn production_exception_handler(self, choice: ProductionHandlerChoice) -> Self {
        self.set("production.exception.handler", choice)
    }

    /// Topic for the records that the built-in exception handlers give up
    /// (`errors.dead.letter.queue.topic.name`).
    pub fn dead_letter_queue_topic(self, topic: impl Into<String>) -> Self {
        self.set("errors.dead.letter.queue.topic.name", topic.into())
    }

    /// Origin of timestamps unless a source says otherwise (`default.timestamp.extractor`).
    pub fn default_timestamp_extractor(self, choice: TimestampExtractorChoice) -> Self {
        self.set("default.timestamp.extractor", choice)
    }

    /// Limit on how far the timestamps of source topics may be ahead of the wall clock
    /// (`timestamp.max.ahead.ms`); `None`, the default, permits any.
    pub fn timestamp_max_ahead(self, ahead: Option<Duration>) -> Self {
        match ahead {
            Some(span) => self.set_span("timestamp.max.ahead.ms", span),
            None => self.set("timestamp.max.ahead.ms", ""),
        }
    }

    /// Response to a record whose timestamp is further ahead (`timestamp.ahead.policy`, default
    /// `fail`).
    pub fn timestamp_ahead_policy(self, policy: TimestampAheadPolicy) -> Self {
        self.set("timestamp.ahead.policy", policy)
    }

    /// Refuses generated names of stores and internal topics
    /// (`ensure.explicit.internal.resource.naming`, default false).
    pub fn ensure_explicit_internal_resource_naming(self, ensure: bool) -> Self {
        self.set("ensure.explicit.internal.resource.naming", ensure)
    }

    /// The client that carries the records (`client.data.plane`, default this library's own).
    pub fn data_plane(self, plane: DataPlane) -> Self {
        self.set("client.data.plane", plane)
    }

    /// Protocol by which instances agree on their tasks (`group.protocol`, default classic).
    pub fn group_protocol(self, protocol: GroupProtocol) -> Self {
        self.set("group.protocol", protocol)
    }

    /// Time without a heartbeat after which the group considers a member dead (the consumer's
    /// `session.timeout.ms`, default 45 s).
    pub fn session_timeout(self, timeout: Duration) -> Self {
        self.set_span("consumer.session.timeout.ms", timeout)
    }

    /// Makes this instance a static member of the group (the consumer's `group.instance.id`): it
    /// keeps its tasks over a restart within the session timeout.
    pub fn group_instance_id(self, id: impl Into<String>) -> Self {
        self.set("consumer.group.instance.id", id.into())
    }

    /// The value that was set for exactly this key, if any. Neither defaults nor old names count.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.settings.get(key)
    }

    /// Checks every setting, by itself and together with the others.
    ///
    /// # Errors
    ///
    /// Reports every problem: unknown keys (with the key that was probably meant), values that are
    /// malformed, out of range or not permitted, missing required keys, keys of Java that cannot be
    /// set here (with their replacement), client settings that Kafka Streams decides itself, and
    /// values that contradict each other.
    pub fn validate(&self) -> Result<ValidConfig, ConfigError> {
        let mut problems = self.unprintable.clone();
        problems.extend(check::problems(&self.settings));
        if problems.is_empty() {
            Ok(ValidConfig::read(self.settings.clone()))
        } else {
            Err(ConfigError::new(problems))
        }
    }

    /// Every key with its default, values and meaning, as Markdown.
    pub fn documentation() -> String {
        documentation::render()
    }

    /// Sets a duration in whole milliseconds; one beyond Java's `long` fails the check.
    fn set_span(self, key: &str, span: Duration) -> Self {
        self.set(key, span.as_millis())
    }
}
