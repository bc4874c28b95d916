//! Partitions that are added to a source topic while instances run.

use streams_core::{
    Headers, KafkaStreams,
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
        // Written before anybody can have noticed: what is there first counts as well.
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
