//! The module as its users see it: settings in, typed values or a list of problems out.

use std::path::Path;
use std::time::Duration;

use super::*;

mod clients;

fn minimal() -> StreamsConfig {
    StreamsConfig::new("orders-app", "localhost:9092")
}

fn valid(config: &StreamsConfig) -> ValidConfig {
    config.validate().unwrap_or_else(|error| panic!("should be valid, but {error}"))
}

/// The problems of the minimal configuration with one more setting, as text.
fn problems_with(key: &str, value: &str) -> Vec<String> {
    match minimal().set(key, value).validate() {
        Ok(_) => Vec::new(),
        Err(error) => error.problems().iter().map(ToString::to_string).collect(),
    }
}

fn only_problem(key: &str, value: &str) -> String {
    let problems = problems_with(key, value);
    assert_eq!(problems.len(), 1, "{key} = {value}: {problems:?}");
    problems.concat()
}

fn assert_accepted(key: &str, value: &str) {
    assert_eq!(problems_with(key, value), Vec::<String>::new(), "{key} = {value}");
}

#[test]
fn defaults_are_those_of_java() {
    let config = valid(&minimal());
    assert_eq!(config.application_id(), "orders-app");
    assert_eq!(config.bootstrap_servers(), "localhost:9092");
    assert_eq!(config.client_id(), None);
    assert_eq!(config.application_server(), None);
    assert_eq!(config.num_standby_replicas(), 0);
    assert_eq!(config.acceptable_recovery_lag(), 10_000);
    assert_eq!(config.max_warmup_replicas(), 2);
    assert_eq!(config.probing_rebalance_interval(), Duration::from_secs(600));
    assert!(config.rack_aware_assignment_tags().is_empty());
    assert_eq!(config.num_stream_threads(), 1);
    assert_eq!(config.processing_guarantee(), ProcessingGuarantee::AtLeastOnce);
    assert_eq!(config.commit_interval(), Duration::from_secs(30));
    assert_eq!(config.poll_interval(), Duration::from_millis(100));
    assert_eq!(config.max_task_idle_ms(), 0);
    assert_eq!(config.buffered_records_per_partition(), 1_000);
    assert_eq!(config.task_timeout(), Duration::from_secs(300));
    assert_eq!(config.repartition_purge_interval(), Duration::from_secs(30));
    assert_eq!(config.log_summary_interval(), Some(Duration::from_secs(120)));
    assert_eq!(config.outer_join_emit_interval(), Duration::from_secs(1));
    assert_eq!(config.windowed_emit_interval(), Duration::from_secs(1));
    assert_eq!(
        config.default_timestamp_extractor(),
        TimestampExtractorChoice::FailOnInvalidTimestamp
    );
    assert_eq!(config.timestamp_max_ahead(), None);
    assert_eq!(config.timestamp_ahead_policy(), TimestampAheadPolicy::Fail);
    assert_eq!(config.state_dir(), std::env::temp_dir().join("kafka-streams"));
    assert_eq!(config.state_memory_max_bytes(), 268_435_456);
    assert_eq!(config.statestore_cache_max_bytes(), 10_485_760);
    assert!(config.is_caching_enabled());
    assert_eq!(config.state_cleanup_delay(), Duration::from_secs(600));
    assert_eq!(config.default_dsl_store(), DslStore::RocksDb);
    assert!(config.warnings().is_empty());
}

#[test]
fn defaults_of_errors_topology_and_group_are_those_of_java() {
    let config = valid(&minimal());
    assert_eq!(
        config.deserialization_exception_handler(),
        DeserializationHandlerChoice::LogAndFail
    );
    assert_eq!(config.processing_exception_handler(), ProcessingHandlerChoice::LogAndFail);
    assert_eq!(config.production_exception_handler(), ProductionHandlerChoice::Default);
    assert_eq!(config.dead_letter_queue_topic(), None);
    assert!(config.topology_optimization().is_empty());
    assert!(!config.ensure_explicit_internal_resource_naming());
    assert_eq!(config.replication_factor(), -1);
    assert_eq!(config.windowstore_changelog_additional_retention_ms(), 86_400_000);
    assert_eq!(config.upgrade_from(), None);
    assert_eq!(config.session_timeout(), Duration::from_secs(45));
    assert_eq!(config.heartbeat_interval(), Duration::from_secs(3));
    assert_eq!(config.max_poll_interval(), Duration::from_secs(300));
    assert_eq!(config.max_poll_records(), 1_000);
    assert_eq!(config.auto_offset_reset(), AutoOffsetReset::Earliest);
    assert_eq!(config.group_instance_id(), None);
    assert_eq!(config.transaction_timeout(), Duration::from_secs(10));
}

#[test]
fn typed_methods_set_the_values_that_the_getters_give_back() {
    let config = valid(
        &minimal()
            .client_id("orders")
            .application_server("me:8080")
            .num_standby_replicas(1)
            .acceptable_recovery_lag(7)
            .max_warmup_replicas(3)
            .probing_rebalance_interval(Duration::from_secs(60))
            .num_stream_threads(4)
            .commit_interval(Duration::from_secs(1))
            .poll_interval(Duration::from_millis(5))
            .max_task_idle(Some(Duration::from_millis(250)))
            .buffered_records_per_partition(10)
            .task_timeout(Duration::ZERO)
            .timestamp_max_ahead(Some(Duration::from_secs(60)))
            .timestamp_ahead_policy(TimestampAheadPolicy::Drop)
            .state_cleanup_delay(Duration::from_secs(1))
            .state_dir("/var/lib/orders")
            .state_memory_max_bytes(1 << 21)
            .statestore_cache_max_bytes(1 << 20)
            .replication_factor(Some(3))
            .session_timeout(Duration::from_secs(10))
            .group_instance_id("orders-1"),
    );
    assert_eq!(config.client_id(), Some("orders"));
    assert_eq!(config.application_server(), Some("me:8080"));
    assert_eq!(config.num_standby_replicas(), 1);
    assert_eq!(config.acceptable_recovery_lag(), 7);
    assert_eq!(config.max_warmup_replicas(), 3);
    assert_eq!(config.probing_rebalance_interval(), Duration::from_secs(60));
    assert_eq!(config.num_stream_threads(), 4);
    assert_eq!(config.commit_interval(), Duration::from_secs(1));
    assert_eq!(config.poll_interval(), Duration::from_millis(5));
    assert_eq!(config.max_task_idle_ms(), 250);
    assert_eq!(config.buffered_records_per_partition(), 10);
    assert_eq!(config.task_timeout(), Duration::ZERO);
    assert_eq!(config.timestamp_max_ahead(), Some(Duration::from_secs(60)));
    assert_eq!(config.timestamp_ahead_policy(), TimestampAheadPolicy::Drop);
    assert_eq!(config.state_cleanup_delay(), Duration::from_secs(1));
    assert_eq!(config.state_dir(), Path::new("/var/lib/orders"));
    assert_eq!(config.state_memory_max_bytes(), 1 << 21);
    assert_eq!(config.statestore_cache_max_bytes(), 1 << 20);
    assert_eq!(config.replication_factor(), 3);
    assert_eq!(config.session_timeout(), Duration::from_secs(10));
    assert_eq!(config.group_instance_id(), Some("orders-1"));
}

#[test]
fn typed_choices_come_back_as_they_were_set() {
    let config = valid(
        &minimal()
            .processing_guarantee(ProcessingGuarantee::ExactlyOnceV2)
            .max_task_idle(None)
            .topology_optimization([TopologyOptimization::MergeRepartitionTopics])
            .deserialization_exception_handler(DeserializationHandlerChoice::LogAndContinue)
            .processing_exception_handler(ProcessingHandlerChoice::LogAndContinue)
            .production_exception_handler(ProductionHandlerChoice::Default)
            .default_timestamp_extractor(TimestampExtractorChoice::WallclockTimestampExtractor)
            .dead_letter_queue_topic("orders-dlq")
            .ensure_explicit_internal_resource_naming(true)
            .replication_factor(None),
    );
    assert_eq!(config.processing_guarantee(), ProcessingGuarantee::ExactlyOnceV2);
    assert_eq!(config.max_task_idle_ms(), -1);
    assert_eq!(
        config.topology_optimization().iter().copied().collect::<Vec<_>>(),
        [TopologyOptimization::MergeRepartitionTopics]
    );
    assert_eq!(
        config.deserialization_exception_handler(),
        DeserializationHandlerChoice::LogAndContinue
    );
    assert_eq!(config.processing_exception_handler(), ProcessingHandlerChoice::LogAndContinue);
    assert_eq!(
        config.default_timestamp_extractor(),
        TimestampExtractorChoice::WallclockTimestampExtractor
    );
    assert_eq!(config.dead_letter_queue_topic(), Some("orders-dlq"));
    assert!(config.ensure_explicit_internal_resource_naming());
    assert_eq!(config.replication_factor(), -1);
}

#[test]
fn exactly_once_commits_every_100_ms_unless_told_otherwise() {
    let exactly_once = minimal().processing_guarantee(ProcessingGuarantee::ExactlyOnceV2);
    assert_eq!(valid(&exactly_once).commit_interval(), Duration::from_millis(100));
    let explicit = exactly_once.commit_interval(Duration::from_secs(2));
    assert_eq!(valid(&explicit).commit_interval(), Duration::from_secs(2));
}

#[test]
fn every_problem_is_listed_at_once() {
    let error = StreamsConfig::new("orders app", "")
        .set("comit.interval.ms", 100)
        .set("num.stream.threads", "four")
        .set("default.key.serde", "org.apache.kafka.common.serialization.Serdes$StringSerde")
        .validate()
        .expect_err("there are five problems");
    assert_eq!(
        error.to_string(),
        "the configuration has 5 problems:\n  \
         `bootstrap.servers` = ``: it is required; set it: `host:port`, separated by commas\n  \
         `application.id` = `orders app`: ` ` is not permitted in names of topics; use letters, \
         digits, `.`, `_` and `-`\n  \
         unknown configuration key `comit.interval.ms` (did you mean `commit.interval.ms`?)\n  \
         `default.key.serde` = `org.apache.kafka.common.serialization.Serdes$StringSerde`: it \
         names a Java class; a serde here belongs to a type; register the type's serde with \
         `StreamsBuilder::serde`, or give it to `Consumed`, `Produced`, `Grouped` or \
         `Materialized`\n  \
         `num.stream.threads` = `four`: it is not a whole number; give 1 or more"
    );
    let kinds: Vec<_> = error.problems().iter().map(ConfigProblem::kind).collect();
    assert_eq!(
        kinds,
        [
            ConfigProblemKind::Missing,
            ConfigProblemKind::InvalidValue,
            ConfigProblemKind::UnknownKey,
            ConfigProblemKind::Unsupported,
            ConfigProblemKind::InvalidValue,
        ]
    );
}

#[test]
fn a_configuration_from_entries_needs_its_required_keys() {
    let error = StreamsConfig::from_entries([("poll.ms", "5")])
        .validate()
        .expect_err("two keys are missing");
    let keys: Vec<_> = error.problems().iter().map(ConfigProblem::key).collect();
    assert_eq!(keys, ["application.id", "bootstrap.servers"]);
    let entries = [("application.id", "a"), ("bootstrap.servers", "b:1"), ("poll.ms", " 5 ")];
    let config = valid(&StreamsConfig::from_entries(entries));
    assert_eq!(config.poll_interval(), Duration::from_millis(5));
}

#[test]
fn an_unknown_key_is_answered_with_the_key_that_was_meant() {
    for (key, meant) in [
        ("comit.interval.ms", "commit.interval.ms"),
        ("commit.interval", "commit.interval.ms"),
        ("num.stream.thread", "num.stream.threads"),
        ("num_stream_threads", "num.stream.threads"),
        ("state.directory", "state.dir"),
        ("processing.garantee", "processing.guarantee"),
        ("default.key.serdes", "default.key.serde"),
        ("sesion.timeout.ms", "session.timeout.ms"),
        ("consumer.sesion.timeout.ms", "consumer.session.timeout.ms"),
        ("main.consumer.max.poll.record", "main.consumer.max.poll.records"),
        ("consumr.max.poll.records", "consumer.max.poll.records"),
        ("main.consumr.max.pol.records", "main.consumer.max.poll.records"),
        ("producer.linger.m", "producer.linger.ms"),
        ("topic.retention.mss", "topic.retention.ms"),
        ("topics.retention.ms", "topic.retention.ms"),
        ("client.tags.zone", "client.tag.zone"),
        ("consumer.comit.interval.ms", "commit.interval.ms"),
    ] {
        assert_eq!(
            only_problem(key, "1"),
            format!("unknown configuration key `{key}` (did you mean `{meant}`?)")
        );
    }
}

#[test]
fn an_unknown_key_without_a_near_one_says_where_the_keys_are_listed() {
    for key in ["favourite.colour", "", "consumer.", "topic.", "größe.ö.ü"] {
        let problem = only_problem(key, "blue");
        assert!(problem.starts_with("unknown configuration key"), "{problem}");
        assert!(problem.contains("docs/SETTINGS.md"), "{problem}");
    }
}

#[test]
fn a_setting_of_kafka_streams_takes_no_prefix() {
    assert_eq!(
        only_problem("consumer.num.stream.threads", "4"),
        "unknown configuration key `consumer.num.stream.threads` (`num.stream.threads` is a \
         setting of Kafka Streams, set it without `consumer.`)"
    );
}

#[test]
fn numbers_out_of_range_are_refused() {
    for (key, value) in [
        ("num.stream.threads", "0"),
        ("num.standby.replicas", "-1"),
        ("max.warmup.replicas", "0"),
        ("probing.rebalance.interval.ms", "59999"),
        ("commit.interval.ms", "-1"),
        ("max.task.idle.ms", "-2"),
        ("acceptable.recovery.lag", "-1"),
        ("buffered.records.per.partition", "2147483648"),
        ("replication.factor", "0"),
        ("state.memory.max.bytes", "1000"),
        ("statestore.cache.max.bytes", "-1"),
        ("consumer.session.timeout.ms", "0"),
        ("max.poll.records", "none"),
        ("timestamp.max.ahead.ms", "-1"),
        ("timestamp.ahead.policy", "ignore"),
    ] {
        let problem = only_problem(key, value);
        assert!(problem.starts_with(&format!("`{key}` = `{value}`: ")), "{problem}");
    }
}

#[test]
fn a_span_beyond_java_long_is_refused() {
    let error = minimal().commit_interval(Duration::MAX).validate().expect_err("it is too long");
    assert!(error.to_string().contains("does not fit in 64 bits"), "{error}");
}

#[test]
fn a_span_as_long_as_java_long_stands_for_never() {
    let config = valid(&minimal().set("commit.interval.ms", i64::MAX));
    assert_eq!(config.commit_interval(), Duration::from_millis(i64::MAX.unsigned_abs()));
}

#[test]
fn removed_guarantees_are_explained() {
    for value in ["exactly_once", "exactly_once_beta"] {
        let problem = only_problem("processing.guarantee", value);
        assert!(problem.contains("use `exactly_once_v2`"), "{problem}");
    }
    let problem = only_problem("processing.guarantee", "exactly_once_v3");
    assert!(problem.contains("did you mean `exactly_once_v2`?"), "{problem}");
}

#[test]
fn an_application_id_must_suit_topic_names() {
    for id in ["orders app", "a/b", ".", "größe"] {
        let error = StreamsConfig::new(id, "a:1").validate().expect_err("the id is unsuitable");
        assert_eq!(error.problems().first().map(ConfigProblem::key), Some("application.id"));
    }
    let error = StreamsConfig::new(" ", "a:1").validate().expect_err("the id is empty");
    let kinds: Vec<_> = error.problems().iter().map(ConfigProblem::kind).collect();
    assert_eq!(kinds, [ConfigProblemKind::Missing]);
}

#[test]
fn old_names_work_with_a_warning() {
    let config = valid(
        &minimal()
            .set("cache.max.bytes.buffering", 5)
            .set("default.deserialization.exception.handler", "LogAndContinueExceptionHandler"),
    );
    assert_eq!(config.statestore_cache_max_bytes(), 5);
    assert_eq!(
        config.deserialization_exception_handler(),
        DeserializationHandlerChoice::LogAndContinue
    );
    assert_eq!(
        config.warnings(),
        [
            "`default.deserialization.exception.handler` is deprecated, use its new name \
             `deserialization.exception.handler`",
            "`cache.max.bytes.buffering` is deprecated, use its new name \
             `statestore.cache.max.bytes`",
        ]
    );
}

#[test]
fn a_new_name_wins_over_the_old_one() {
    let config =
        valid(&minimal().set("statestore.cache.max.bytes", 7).set("cache.max.bytes.buffering", 5));
    assert_eq!(config.statestore_cache_max_bytes(), 7);
    assert_eq!(
        config.warnings(),
        ["`cache.max.bytes.buffering` is ignored since its new name \
          `statestore.cache.max.bytes` is set too"]
    );
}

#[test]
fn values_of_old_names_are_checked_under_the_name_that_was_set() {
    let problem = only_problem("cache.max.bytes.buffering", "much");
    assert!(problem.starts_with("`cache.max.bytes.buffering` = `much`"), "{problem}");
}

#[test]
fn the_cache_must_fit_in_the_memory_budget() {
    let error = minimal()
        .state_memory_max_bytes(1 << 20)
        .statestore_cache_max_bytes((1 << 20) + 1)
        .validate()
        .expect_err("the cache is larger than the budget");
    assert_eq!(
        error.problems().first().map(ToString::to_string).unwrap_or_default(),
        "`statestore.cache.max.bytes` = `1048577`: it is a share of `state.memory.max.bytes`, \
         which is 1048576; lower it or raise `state.memory.max.bytes`"
    );
    let fits = minimal().state_memory_max_bytes(1 << 20).statestore_cache_max_bytes(1 << 20);
    assert_eq!(valid(&fits).statestore_cache_max_bytes(), 1 << 20);
}

#[test]
fn a_cache_of_zero_turns_caching_off() {
    assert!(!valid(&minimal().statestore_cache_max_bytes(0)).is_caching_enabled());
}

#[test]
fn a_malformed_value_is_not_reported_again_as_a_conflict() {
    let error = minimal()
        .set("state.memory.max.bytes", "256MB")
        .statestore_cache_max_bytes(1)
        .validate()
        .expect_err("the budget is malformed");
    assert_eq!(error.problems().len(), 1, "{error}");
}

#[test]
fn a_transaction_must_outlive_the_commit_interval() {
    let config = minimal()
        .processing_guarantee(ProcessingGuarantee::ExactlyOnceV2)
        .commit_interval(Duration::from_secs(20));
    let error = config.validate().expect_err("the transaction times out first");
    assert!(error.to_string().contains("after 10000 ms"), "{error}");
    let longer = config.set("producer.transaction.timeout.ms", 20_000);
    assert_eq!(valid(&longer).transaction_timeout(), Duration::from_secs(20));
}

#[test]
fn assignment_tags_must_be_client_tags() {
    let config = minimal().set("rack.aware.assignment.tags", "zone, cluster");
    let error = config.clone().set("client.tag.zone", "a").validate().expect_err("no cluster tag");
    assert!(error.to_string().contains("set `client.tag.cluster`"), "{error}");
    let config = valid(&config.set("client.tag.zone", "a").set("client.tag.cluster", "k8s"));
    assert_eq!(config.rack_aware_assignment_tags(), ["zone", "cluster"]);
    let tags: Vec<_> = config.client_tags().into_iter().collect();
    assert_eq!(tags, [("cluster", "k8s"), ("zone", "a")]);
}

#[test]
fn client_tags_are_few_and_short() {
    assert!(only_problem("client.tag.", "x").contains("has no name"));
    assert!(only_problem("client.tag.a-name-of-21-letters-", "x").contains("at most 20"));
    assert!(only_problem("client.tag.zone", &"x".repeat(31)).contains("at most 30"));
    let six = (0..6).fold(minimal(), |config, tag| config.set(format!("client.tag.t{tag}"), tag));
    let error = six.validate().expect_err("six tags are too many");
    assert!(error.to_string().contains("set at most 5"), "{error}");
}

#[test]
fn java_classes_are_answered_with_what_to_do_instead() {
    for (key, instead) in [
        ("rocksdb.config.setter", "set `state.memory.max.bytes`"),
        ("processor.wrapper.class", "`StreamsBuilder::processor_wrapper`"),
        ("metric.reporters", "`metrics.listen`"),
        ("dsl.store.suppliers.class", "`default.dsl.store`"),
        ("task.assignor.class", "built in"),
        ("default.client.supplier", "hand the clients over"),
        ("default.value.serde", "`StreamsBuilder::serde`"),
    ] {
        let problem = only_problem(key, "org.example.Mine");
        assert!(problem.contains(instead), "{problem}");
    }
    let problem = only_problem("deserialization.exception.handler", "org.example.Mine");
    assert!(problem.contains("a handler of your own is code"), "{problem}");
}

#[test]
fn java_values_that_say_what_is_so_anyway_are_accepted() {
    for (key, value) in [
        ("built.in.metrics.version", "latest"),
        ("enable.transactional.statestores", "true"),
        ("rack.aware.assignment.strategy", "none"),
    ] {
        assert_accepted(key, value);
    }
    let problem = only_problem("consumer.group.protocol", "streams");
    assert!(problem.contains("assignment"), "{problem}");
}

#[test]
fn the_group_protocol_is_classic_or_that_of_the_brokers() {
    assert_eq!(valid(&minimal()).group_protocol(), GroupProtocol::Classic);
    let streams = minimal().group_protocol(GroupProtocol::Streams);
    assert_eq!(valid(&streams).group_protocol(), GroupProtocol::Streams);
    only_problem("group.protocol", "consumer");
}

#[test]
fn the_records_are_carried_by_a_client_of_our_own_or_by_librdkafka() {
    assert_eq!(valid(&minimal()).data_plane(), DataPlane::Native);
    assert_eq!(valid(&minimal().data_plane(DataPlane::RdKafka)).data_plane(), DataPlane::RdKafka);
    only_problem("client.data.plane", "java");
}

#[test]
fn java_class_names_of_built_in_components_are_understood() {
    let config = valid(
        &minimal()
            .set(
                "processing.exception.handler",
                "org.apache.kafka.streams.errors.LogAndContinueProcessingExceptionHandler",
            )
            .set(
                "default.timestamp.extractor",
                "org.apache.kafka.streams.processor.LogAndSkipOnInvalidTimestamp",
            ),
    );
    assert_eq!(config.processing_exception_handler(), ProcessingHandlerChoice::LogAndContinue);
    assert_eq!(
        config.default_timestamp_extractor(),
        TimestampExtractorChoice::LogAndSkipOnInvalidTimestamp
    );
}

#[test]
fn all_optimizations_are_one_word() {
    let all = valid(&minimal().set("topology.optimization", "all"));
    assert_eq!(*all.topology_optimization(), TopologyOptimization::ALL.into());
    let some = valid(
        &minimal()
            .set("topology.optimization", "reuse.ktable.source.topics,single.store.self.join"),
    );
    assert_eq!(some.topology_optimization().len(), 2);
    let none = valid(&minimal().topology_optimization([]));
    assert!(none.topology_optimization().is_empty());
}

#[test]
fn an_empty_optional_value_is_as_good_as_none() {
    let config =
        valid(&minimal().set("upgrade.from", "").set("errors.dead.letter.queue.topic.name", ""));
    assert_eq!(config.upgrade_from(), None);
    assert_eq!(config.dead_letter_queue_topic(), None);
}

#[test]
fn the_version_to_upgrade_from_compares_as_a_version() {
    let config = valid(&minimal().set("upgrade.from", "3.4"));
    assert!(config.upgrade_from() <= Some(UpgradeFrom::new(3, 4)));
    let problem = only_problem("upgrade.from", "3.44");
    assert!(problem.contains("did you mean `3.4`?"), "{problem}");
}

#[test]
fn values_in_force_can_be_read_as_text() {
    let config = valid(&minimal().set("poll.ms", 7).set("consumer.fetch.max.bytes", 1));
    assert_eq!(config.get("poll.ms"), Some("7"));
    assert_eq!(config.get("commit.interval.ms"), Some("30000"));
    assert_eq!(config.get("consumer.fetch.max.bytes"), Some("1"));
    assert_eq!(config.get("upgrade.from"), None);
    assert_eq!(config.originals().count(), 4);
}

#[test]
fn secrets_are_shown_neither_by_debug_nor_by_errors() {
    let config = minimal().set("consumer.sasl.jaas.config", "user hunter2");
    assert!(!format!("{config:?}{:?}", valid(&config)).contains("hunter2"));
}

#[cfg(unix)]
#[test]
fn a_state_directory_that_is_no_unicode_is_a_problem_and_not_a_panic() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    let config = minimal().state_dir(OsString::from_vec(vec![b'/', 0xff]));
    let error = config.validate().expect_err("the directory has no text");
    assert!(error.to_string().contains("`state.dir`"), "{error}");
}

#[test]
fn the_documentation_lists_keys_with_their_defaults() {
    let text = StreamsConfig::documentation();
    assert!(text.contains("| `num.stream.threads` | `1` | 1 or more |"), "{text}");
    assert!(text.contains("| `application.id` | required |"), "{text}");
    assert!(text.contains("`<temp dir>/kafka-streams`"), "{text}");
}
