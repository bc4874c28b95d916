//! Sources that read all topics whose names match.

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
use streams_dsl::{Consumed, StreamsBuilder};

use crate::harness::{PATIENCE, cluster, config, eventually, processed};

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

/// Copies what matches to `out`.
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
