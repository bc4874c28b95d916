//! Settings of the clients: the keys they know, the values they take, and the settings that Kafka
//! Streams decides.

use super::*;

#[test]
fn an_idempotent_producer_has_at_most_five_requests_in_flight() {
    const KEY: &str = "producer.max.in.flight.requests.per.connection";
    let problem = only_problem(KEY, "6");
    assert!(problem.starts_with(&format!("`{KEY}` = `6`: ")), "{problem}");
    assert_accepted(KEY, "5");
}

#[test]
fn prefixed_settings_reach_their_clients() {
    let config = valid(
        &minimal()
            .set("retry.backoff.ms", 2)
            .set("max.poll.records", 10)
            .set("consumer.fetch.max.bytes", 1)
            .set("main.consumer.fetch.max.bytes", 2)
            .set("consumer.auto.offset.reset", "latest")
            .set("consumer.group.instance.id", "a")
            .set("producer.linger.ms", 0)
            .set("admin.retries", 3)
            .set("topic.min.insync.replicas", 2),
    );
    let of = |role| config.client_overrides(role).into_iter().collect::<Vec<_>>();
    assert_eq!(
        of(ClientRole::MainConsumer),
        [
            ("auto.offset.reset", "latest"),
            ("fetch.max.bytes", "2"),
            ("group.instance.id", "a"),
            ("max.poll.records", "10"),
            ("retry.backoff.ms", "2"),
        ]
    );
    let restore = [("fetch.max.bytes", "1"), ("max.poll.records", "10"), ("retry.backoff.ms", "2")];
    assert_eq!(of(ClientRole::RestoreConsumer), restore);
    assert_eq!(of(ClientRole::GlobalConsumer), restore);
    assert_eq!(of(ClientRole::Producer), [("linger.ms", "0"), ("retry.backoff.ms", "2")]);
    assert_eq!(of(ClientRole::Admin), [("retries", "3"), ("retry.backoff.ms", "2")]);
    let topics: Vec<_> = config.topic_overrides().into_iter().collect();
    assert_eq!(topics, [("min.insync.replicas", "2")]);
    assert_eq!(config.auto_offset_reset(), AutoOffsetReset::Latest);
    assert_eq!(config.max_poll_records(), 10);
}

#[test]
fn settings_that_only_librdkafka_or_a_topic_knows_pass() {
    for (key, value) in [
        ("consumer.queued.min.messages", "5"),
        ("producer.queue.buffering.backpressure.threshold", "7"),
        ("socket.nagle.disable", "false"),
        ("producer.ssl.cipher.suites", "x"),
        ("sasl.jaas.config", "x"),
        ("consumer.client.id", "x"),
        ("topic.confluent.placement.constraints", "x"),
    ] {
        assert_accepted(key, value);
    }
}

/// `consumer.foo.bar` passed `validate()`, and the instance that was made with it refused it.
#[test]
fn a_client_setting_that_no_client_knows_is_refused() {
    for key in ["consumer.foo.bar", "restore.consumer.foo.bar", "producer.foo.bar", "admin.foo.bar"]
    {
        let problem = only_problem(key, "baz");
        assert!(problem.starts_with(&format!("unknown configuration key `{key}`")), "{problem}");
        assert!(problem.contains("`foo.bar` is a setting neither of Java's"), "{problem}");
    }
    // A setting of another client is one that this client does not know.
    let problem = only_problem("consumer.linger.ms", "5");
    assert!(problem.starts_with("unknown configuration key"), "{problem}");
}

#[test]
fn a_value_that_a_client_does_not_take_is_refused_under_its_own_key() {
    for (key, value) in [
        ("producer.linger.ms", "soon"),
        ("producer.linger.ms", "900001"),
        ("consumer.fetch.min.bytes", "0"),
        ("main.consumer.check.crcs", "perhaps"),
        ("producer.compression.type", "zip"),
        ("consumer.retry.backoff.ms", "soon"),
        ("admin.request.timeout.ms", "0"),
        ("request.timeout.ms", "9"),
        ("socket.timeout.ms", "300001"),
    ] {
        let problem = only_problem(key, value);
        assert!(problem.starts_with(&format!("`{key}` = `{value}`: ")), "{problem}");
    }
}

/// The broker answered `INVALID_REQUEST (42)`, and nothing named the setting.
#[test]
fn a_group_whose_broker_assigns_has_no_static_members() {
    let streams = || minimal().group_protocol(GroupProtocol::Streams);
    for key in
        ["group.instance.id", "consumer.group.instance.id", "main.consumer.group.instance.id"]
    {
        let error = streams().set(key, "orders-1").validate().expect_err(key);
        let problem = error.problems().first().expect("there is a problem");
        assert_eq!((problem.kind(), problem.key()), (ConfigProblemKind::Conflict, key));
        assert!(problem.advice().contains("`group.protocol` to `classic`"), "{problem}");
        assert_accepted(key, "orders-1");
    }
    // An empty id is none, and the other consumers are in no group.
    valid(&streams().group_instance_id(""));
    valid(&streams().set("restore.consumer.group.instance.id", "orders-1"));
}

#[test]
fn client_settings_that_kafka_streams_decides_are_refused() {
    for (key, value) in [
        ("consumer.enable.auto.commit", "true"),
        ("enable.auto.commit", "true"),
        ("consumer.group.id", "mine"),
        ("consumer.group.protocol", "consumer"),
        ("restore.consumer.auto.offset.reset", "latest"),
        ("producer.transactional.id", "mine"),
        ("producer.value.serializer", "org.example.Mine"),
        ("consumer.partition.assignment.strategy", "range"),
        ("consumer.enable.partition.eof", "false"),
        ("producer.enable.idempotence", "false"),
        ("producer.acks", "1"),
        ("producer.partitioner", "random"),
    ] {
        let problem = only_problem(key, value);
        assert!(problem.contains("Kafka Streams decides it"), "{problem}");
    }
    assert_accepted("consumer.enable.auto.commit", "false");
    assert_accepted("producer.acks", "-1");
    assert_accepted("producer.acks", "all");
}

#[test]
fn exactly_once_decides_more_of_the_clients() {
    let config = minimal().processing_guarantee(ProcessingGuarantee::ExactlyOnceV2);
    let (key, value) = ("consumer.isolation.level", "read_uncommitted");
    let error = config.clone().set(key, value).validate().expect_err(key);
    assert_eq!(error.problems().first().map(ConfigProblem::key), Some(key));
    assert_accepted(key, value);
    valid(&config.set("isolation.level", "read_committed"));
}

#[test]
fn heartbeats_must_come_within_the_session() {
    let problem = only_problem("consumer.heartbeat.interval.ms", "45000");
    assert!(problem.starts_with("`consumer.heartbeat.interval.ms` = `45000`"), "{problem}");
    assert_accepted("consumer.heartbeat.interval.ms", "44999");
}

/// `topic.metadata.refresh.interval.ms` went to the internal topics, as a setting that topics do
/// not have.
#[test]
fn a_key_of_librdkafka_that_begins_as_those_of_topics_goes_to_the_clients() {
    const KEY: &str = "topic.metadata.refresh.interval.ms";
    let config = valid(&minimal().set(KEY, 5_000).set("topic.retention.ms", 7));
    let topics: Vec<_> = config.topic_overrides().into_iter().collect();
    assert_eq!(topics, [("retention.ms", "7")]);
    let producer = config.client_overrides(ClientRole::Producer);
    assert_eq!(producer.get(KEY), Some(&"5000"));
    let problem = only_problem(KEY, "soon");
    assert!(problem.starts_with(&format!("`{KEY}` = `soon`: ")), "{problem}");
}
