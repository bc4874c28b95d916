//! Partitions that are added to a source topic while instances run.

use streams_core::{
    ErrorKind, Headers, KafkaStreams,
    client::{
        IsolationLevel, ProduceRecord,
        embedded::{EmbeddedCluster, StoredRecord},
    },
    config::ProcessingGuarantee,
    runtime::State,
    topology::Topology,
};
use streams_dsl::StreamsBuilder;

use crate::harness::{
    PATIENCE, cluster, config, counting_topology, eventually, processed, produce,
};

/// Copies `in` to `out`, without state.
fn copying_topology() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("out");
    builder.build().unwrap()
}

fn produce_to(cluster: &EmbeddedCluster, partition: i32, value: &str) {
    let headers = &Headers::new();
    let (key, value) = (Some(&b"k"[..]), Some(value.as_bytes()));
    let record = ProduceRecord { timestamp: 1, key, value, headers };
    cluster.produce("in", Some(partition), record).unwrap();
}

fn written(cluster: &EmbeddedCluster) -> Vec<String> {
    let records = cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap();
    let value = |record: &StoredRecord| String::from_utf8(record.value.clone().unwrap()).unwrap();
    let mut values: Vec<String> = records.iter().map(value).collect();
    values.sort();
    values
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_without_state_read_partitions_that_are_added_while_they_run() {
    for guarantee in [ProcessingGuarantee::AtLeastOnce, ProcessingGuarantee::ExactlyOnceV2] {
        let cluster = cluster();
        cluster.create_topic("in", 1).unwrap();
        cluster.create_topic("out", 1).unwrap();
        produce_to(&cluster, 0, "before");
        let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let instances = directories.each_ref().map(|directory| {
            let config = config(directory.path(), guarantee);
            KafkaStreams::with_client_supplier(copying_topology(), config, cluster.clone()).unwrap()
        });
        for instance in &instances {
            instance.start().await.unwrap();
        }
        processed(&cluster, &["in"], &instances.each_ref()).await;

        cluster.create_partitions("in", 3).unwrap();
        // Written before anybody can have noticed: early records count as well.
        produce_to(&cluster, 2, "at once");
        processed(&cluster, &["in"], &instances.each_ref()).await;
        produce_to(&cluster, 1, "later");
        processed(&cluster, &["in"], &instances.each_ref()).await;
        assert_eq!(written(&cluster), ["at once", "before", "later"], "{guarantee:?}");
        for instance in &instances {
            instance.close(PATIENCE).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_with_state_stops_and_names_the_changelog_when_its_source_topic_grows() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    cluster.create_topic("in", 2).unwrap();
    cluster.create_topic("out", 2).unwrap();
    produce(&cluster, "in", "a", "v", 1);
    let config = config(directory.path(), ProcessingGuarantee::ExactlyOnceV2);
    let instance =
        KafkaStreams::with_client_supplier(counting_topology(false), config, cluster.clone())
            .unwrap();
    instance.start().await.unwrap();
    processed(&cluster, &["in"], &[&instance]).await;

    cluster.create_partitions("in", 3).unwrap();
    eventually("the instance has stopped", || instance.state() == State::Error).await;
    let error = format!("{:?}", instance.error().unwrap());
    for part in ["app-", "-changelog` has 2 instead of 3", "reset the application"] {
        assert!(error.contains(part), "{part:?} is not in {error}");
    }
    instance.close(PATIENCE).await.unwrap();
}

/// Merged topics may have different numbers of partitions. When the smaller one grew, no task was
/// added that could have read the new partitions, and the existing tasks kept their original
/// inputs.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_the_smaller_of_two_merged_topics_gets_are_read_by_the_tasks_that_are_there()
 {
    for guarantee in [ProcessingGuarantee::AtLeastOnce, ProcessingGuarantee::ExactlyOnceV2] {
        let cluster = cluster();
        for (topic, partitions) in [("in", 1), ("other", 3), ("out", 1)] {
            cluster.create_topic(topic, partitions).unwrap();
        }
        let builder = StreamsBuilder::new();
        let grows = builder.stream::<String, String>("in");
        grows.merge(&builder.stream::<String, String>("other")).to("out");
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path(), guarantee).set("metadata.max.age.ms", 50);
        let topology = builder.build().unwrap();
        let instance =
            KafkaStreams::with_client_supplier(topology, config, cluster.clone()).unwrap();
        instance.start().await.unwrap();
        produce_to(&cluster, 0, "before");
        processed(&cluster, &["in", "other"], &[&instance]).await;
        cluster.create_partitions("in", 3).unwrap();
        for partition in 1..3 {
            produce_to(&cluster, partition, &format!("after {partition}"));
        }
        processed(&cluster, &["in", "other"], &[&instance]).await;
        instance.close(PATIENCE).await.unwrap();
        assert_eq!(written(&cluster), ["after 1", "after 2", "before"]);
    }
}

/// A sink learned the partitions of its topic with its first record, for good: as tasks moved to
/// other members, which learned them again, the records of one key went to two partitions.
#[tokio::test(flavor = "multi_thread")]
async fn sinks_write_to_partitions_that_their_topic_gets_and_all_go_by_one_count() {
    let cluster = cluster();
    cluster.create_topic("in", 4).unwrap();
    cluster.create_topic("out", 1).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), ProcessingGuarantee::AtLeastOnce)
        .num_stream_threads(2)
        .set("metadata.max.age.ms", 50);
    let instance =
        KafkaStreams::with_client_supplier(copying_topology(), config, cluster.clone()).unwrap();
    instance.start().await.unwrap();
    for n in 0..40 {
        produce(&cluster, "in", &format!("k{n}"), "before", 1);
    }
    processed(&cluster, &["in"], &[&instance]).await;
    cluster.create_partitions("out", 8).unwrap();
    let mut round = 0;
    eventually("a new partition is written to", || {
        round += 1;
        produce(&cluster, "in", &format!("k{}", round % 40), "meanwhile", 1);
        (1..8).any(|partition| cluster.end_offset("out", partition).unwrap() > 0)
    })
    .await;
    processed(&cluster, &["in"], &[&instance]).await;
    // All threads use it now: later records have one partition per key, whichever partition they
    // came from.
    for partition in 0..4 {
        for n in 0..40 {
            let (key, headers) = (format!("k{n}"), Headers::new());
            let (key, value) = (Some(key.as_bytes()), Some(&b"after"[..]));
            let record = ProduceRecord { timestamp: 1, key, value, headers: &headers };
            cluster.produce("in", Some(partition), record).unwrap();
        }
    }
    processed(&cluster, &["in"], &[&instance]).await;
    instance.close(PATIENCE).await.unwrap();
    let records = cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap();
    let mut places = std::collections::BTreeMap::new();
    for record in records.into_iter().filter(|record| record.value.as_deref() == Some(b"after")) {
        let place = places.entry(record.key.clone()).or_insert(record.partition);
        assert_eq!(*place, record.partition, "{:?} is on two partitions", record.key);
    }
    assert_eq!(places.len(), 40);
}

/// The instance ran for ever, with nothing to read; the next rebalance ended it without a reason.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_topic_that_is_deleted_while_it_is_read_ends_the_instance_by_name() {
    let cluster = cluster();
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("out", 1).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let config =
        config(directory.path(), ProcessingGuarantee::AtLeastOnce).set("metadata.max.age.ms", 50);
    let instance =
        KafkaStreams::with_client_supplier(copying_topology(), config, cluster.clone()).unwrap();
    instance.start().await.unwrap();
    produce_to(&cluster, 0, "before");
    processed(&cluster, &["in"], &[&instance]).await;
    cluster.delete_topic("in").unwrap();
    instance.wait_for(&[State::Error], PATIENCE).await;
    let error = instance.error().unwrap();
    // The first one to notice reports it: the check of topics, the consumer, or the group.
    let kinds = [ErrorKind::MissingSourceTopic, ErrorKind::InvalidTopic];
    assert!(kinds.contains(&error.kind()), "{error}");
    assert!(error.to_string().contains("topic `in`") || error.to_string().contains("topic in "));
}
