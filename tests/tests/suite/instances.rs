//! Instances that share an application id: figures do not depend on how many there are.

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
