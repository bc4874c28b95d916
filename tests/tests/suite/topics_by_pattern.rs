//! Sources that read all topics whose names match.

use std::collections::BTreeMap;

use streams_core::{
    ErrorKind, Headers, KafkaStreams,
    client::{
        IsolationLevel, OffsetReset, ProduceRecord,
        embedded::{EmbeddedCluster, StoredRecord},
    },
    config::{GroupProtocol, ProcessingGuarantee},
    runtime::State,
    topology::Topology,
};
use streams_dsl::{Consumed, Materialized, StreamsBuilder};

use crate::harness::{PATIENCE, cluster, config, eventually, last_counts, processed, produce};

/// Counts the keys of all topics `in-…`, in a store, to `out`.
fn counting() -> Topology {
    let builder = StreamsBuilder::new();
    let words = builder.stream::<String, String>(Consumed::pattern("in-[a-z]+"));
    let store = Materialized::named("counts").in_memory();
    words.group_by_key().count().stored(store).to_stream().to("out");
    builder.build().unwrap()
}

/// Checks that `out` has these counts; with at-least-once they may be higher: a slow machine loses
/// its membership, and counts again.
fn check_counts(
    cluster: &EmbeddedCluster,
    guarantee: ProcessingGuarantee,
    expected: &BTreeMap<String, i64>,
) {
    let counts = last_counts(cluster, "out");
    if guarantee == ProcessingGuarantee::ExactlyOnceV2 {
        assert_eq!(counts, *expected);
    }
    for (key, least) in expected {
        assert!(counts.get(key).is_some_and(|count| count >= least), "{key}: {counts:?}");
    }
}

fn write(cluster: &EmbeddedCluster, topic: &str, partition: i32, value: &str) {
    let (key, value) = (Some(&b"k"[..]), Some(value.as_bytes()));
    let record = ProduceRecord { timestamp: 1, key, value, headers: &Headers::new() };
    cluster.produce(topic, Some(partition), record).unwrap();
}

fn written(cluster: &EmbeddedCluster) -> Vec<String> {
    let records = cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap();
    let value = |record: &StoredRecord| String::from_utf8(record.value.clone().unwrap()).unwrap();
    let mut values: Vec<String> = records.iter().map(value).collect();
    values.sort();
    values
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_comes_to_be_is_read_and_tasks_keep_their_state() {
    for guarantee in [ProcessingGuarantee::AtLeastOnce, ProcessingGuarantee::ExactlyOnceV2] {
        let cluster = cluster();
        for topic in ["in-a", "other", "out"] {
            cluster.create_topic(topic, 2).unwrap();
        }
        let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let instances = directories.each_ref().map(|directory| {
            let config = config(directory.path(), guarantee);
            KafkaStreams::with_client_supplier(counting(), config, cluster.clone()).unwrap()
        });
        for instance in &instances {
            instance.start().await.unwrap();
        }
        for key in ["a", "b", "c"] {
            produce(&cluster, "in-a", key, "v", 1);
        }
        produce(&cluster, "other", "a", "v", 1);
        processed(&cluster, &["in-a"], &instances.each_ref()).await;

        cluster.create_topic("in-b", 2).unwrap();
        for key in ["a", "b", "d"] {
            // Before anybody can have noticed, and after a topic that was known.
            produce(&cluster, "in-b", key, "v", 1);
        }
        processed(&cluster, &["in-a", "in-b"], &instances.each_ref()).await;
        let counts = [("a", 2), ("b", 2), ("c", 1), ("d", 1)];
        let counts: BTreeMap<_, _> = counts.map(|(key, count)| (key.to_owned(), count)).into();
        check_counts(&cluster, guarantee, &counts);
        for instance in &instances {
            instance.close(PATIENCE).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_deleted_is_read_no_more_and_the_others_go_on() {
    for guarantee in [ProcessingGuarantee::AtLeastOnce, ProcessingGuarantee::ExactlyOnceV2] {
        let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
        // The larger one is deleted, and with it a task, whose changelog stays.
        for (topic, partitions) in [("in-a", 1), ("in-b", 2), ("out", 1)] {
            cluster.create_topic(topic, partitions).unwrap();
        }
        let config = config(directory.path(), guarantee).set("metadata.max.age.ms", 50);
        let instance =
            KafkaStreams::with_client_supplier(counting(), config, cluster.clone()).unwrap();
        instance.start().await.unwrap();
        for topic in ["in-a", "in-b"] {
            write(&cluster, topic, 0, "before");
        }
        processed(&cluster, &["in-a", "in-b"], &[&instance]).await;
        cluster.delete_topic("in-b").unwrap();
        for _ in 0..20 {
            write(&cluster, "in-a", 0, "after");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        processed(&cluster, &["in-a"], &[&instance]).await;
        check_counts(&cluster, guarantee, &[("k".to_owned(), 22)].into());
        // A topic with the same name is a new one, which is read from its beginning.
        cluster.create_topic("in-b", 2).unwrap();
        write(&cluster, "in-b", 0, "anew");
        processed(&cluster, &["in-a", "in-b"], &[&instance]).await;
        check_counts(&cluster, guarantee, &[("k".to_owned(), 23)].into());
        assert!(instance.error().is_none());
        instance.close(PATIENCE).await.unwrap();
    }
}

/// Copies matching topics to `out`.
fn copying(consumed: impl IntoIterator<Item = Consumed<String, String>>) -> Topology {
    let builder = StreamsBuilder::new();
    for consumed in consumed {
        builder.stream(consumed).to("out");
    }
    builder.build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_waits_for_topics_that_match_and_begins_each_where_its_source_says() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    cluster.create_topic("out", 1).unwrap();
    for topic in ["late-a", "app-x-changelog", "app-x-repartition"] {
        cluster.create_topic(topic, 1).unwrap();
        write(&cluster, topic, 0, "old");
    }
    let latest = Consumed::pattern("late-.*").with_offset_reset_policy(OffsetReset::Latest);
    let topology = copying([Consumed::pattern("early-.*|app-.*"), latest]);
    let config = config(directory.path(), ProcessingGuarantee::AtLeastOnce);
    let instance = KafkaStreams::with_client_supplier(topology, config, cluster.clone()).unwrap();
    instance.start().await.unwrap();
    instance.wait_for(&[State::Running], PATIENCE).await;
    cluster.create_topic("early-a", 1).unwrap();
    write(&cluster, "early-a", 0, "first");
    eventually("the topic is read", || written(&cluster) == ["first"]).await;
    eventually("the topic without a commit is at its end", || {
        write(&cluster, "late-a", 0, "new");
        written(&cluster).contains(&"new".to_owned())
    })
    .await;
    assert!(
        !written(&cluster).contains(&"old".to_owned()),
        "of internal topics, or before the end"
    );
    instance.close(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_matches_two_patterns_stops_the_instance_by_name() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    for topic in ["in-a", "out"] {
        cluster.create_topic(topic, 1).unwrap();
    }
    let topology = copying([Consumed::pattern("in-.*"), Consumed::pattern(".*-both")]);
    let config = config(directory.path(), ProcessingGuarantee::AtLeastOnce);
    let instance = KafkaStreams::with_client_supplier(topology, config, cluster.clone()).unwrap();
    instance.start().await.unwrap();
    write(&cluster, "in-a", 0, "v");
    processed(&cluster, &["in-a"], &[&instance]).await;
    cluster.create_topic("in-both", 1).unwrap();
    instance.wait_for(&[State::Error], PATIENCE).await;
    let error = instance.error().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidTopic, "{error}");
    for part in ["`in-both`", "`in-.*`", "`.*-both`"] {
        assert!(error.to_string().contains(part), "{part} is not in {error}");
    }
}

#[test]
fn patterns_and_the_streams_protocol_do_not_go_together() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), ProcessingGuarantee::AtLeastOnce)
        .group_protocol(GroupProtocol::Streams);
    let topology = copying([Consumed::pattern("in-.*")]);
    let error = KafkaStreams::with_client_supplier(topology, config, cluster()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("group.protocol=classic"), "{error}");
}
