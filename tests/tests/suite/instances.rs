//! Instances that share an application id: results do not depend on how many there are.

use streams_core::{KafkaStreams, config::ProcessingGuarantee, runtime::State};

use crate::harness::{
    PATIENCE, cluster, config, counting_topology, counts_of, last_counts, processed, produce,
};

const GUARANTEES: [ProcessingGuarantee; 2] =
    [ProcessingGuarantee::AtLeastOnce, ProcessingGuarantee::ExactlyOnceV2];

fn keys(records: usize) -> Vec<String> {
    (0..records).map(|i| format!("k{}", (i * 7919) % 31)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_the_same_with_any_number_of_instances_and_both_guarantees() {
    for guarantee in GUARANTEES {
        for instances in [1, 3] {
            let cluster = cluster();
            cluster.create_topic("in", 4).unwrap();
            cluster.create_topic("out", 4).unwrap();
            let keys = keys(2_000);
            for (time, key) in keys.iter().enumerate() {
                produce(&cluster, "in", key, "v", i64::try_from(time).unwrap());
            }
            let directories: Vec<_> =
                (0..instances).map(|_| tempfile::tempdir().unwrap()).collect();
            let streams: Vec<KafkaStreams> = directories
                .iter()
                .map(|directory| {
                    let config = config(directory.path(), guarantee);
                    KafkaStreams::with_client_supplier(
                        counting_topology(false),
                        config,
                        cluster.clone(),
                    )
                    .unwrap()
                })
                .collect();
            for instance in &streams {
                instance.start().await.unwrap();
            }
            let all: Vec<&KafkaStreams> = streams.iter().collect();
            processed(&cluster, &["in"], &all).await;
            for instance in &streams {
                instance.close(PATIENCE).await.unwrap();
                assert_eq!(instance.state(), State::NotRunning);
            }
            let expected = counts_of(keys.iter().map(String::as_str));
            assert_eq!(last_counts(&cluster, "out"), expected, "{guarantee:?} {instances}");
        }
    }
}

/// A static member does not leave its group when it closes, because it is expected back. The tasks
/// of a removed thread waited for it until the session expired.
#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_a_removed_thread_move_at_once_though_its_member_is_static() {
    let cluster = cluster();
    cluster.create_topic("in", 4).unwrap();
    cluster.create_topic("out", 4).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), ProcessingGuarantee::ExactlyOnceV2)
        .num_stream_threads(2)
        .set("group.instance.id", "one")
        .session_timeout(std::time::Duration::from_secs(3_600));
    let topology = counting_topology(false);
    let instance = KafkaStreams::with_client_supplier(topology, config, cluster.clone()).unwrap();
    instance.start().await.unwrap();
    for key in keys(100) {
        produce(&cluster, "in", &key, "v", 1);
    }
    processed(&cluster, &["in"], &[&instance]).await;
    assert!(instance.remove_stream_thread(PATIENCE).await.unwrap().is_some());
    for key in keys(100) {
        produce(&cluster, "in", &key, "v", 2);
    }
    processed(&cluster, &["in"], &[&instance]).await;
    instance.close(PATIENCE).await.unwrap();
}
