//! Partitions that a partitioner chooses.

use std::collections::BTreeMap;

use streams_core::{
    KafkaStreams, client::IsolationLevel, config::ProcessingGuarantee, processor::Partitions,
};
use streams_dsl::{Produced, StreamsBuilder};

use crate::harness::{PATIENCE, cluster, config, processed, produce};

/// A record goes to all partitions, to some of them, each once, to none, or to that of its key
/// (KIP-837).
#[tokio::test(flavor = "multi_thread")]
async fn a_partitioner_sends_a_record_to_as_many_partitions_as_it_names() {
    let cluster = cluster();
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("out", 4).unwrap();
    let builder = StreamsBuilder::new();
    let choose = |_: &str, _: &String, value: &String, count: i32| match value.as_str() {
        "all" => Partitions::All,
        "none" => Partitions::Several(Vec::new()),
        "ends" => vec![count - 1, 0, 0].into(),
        "one" => Partitions::One(2),
        _ => Partitions::ByKey,
    };
    let out = Produced::topic("out").with_stream_partitioner(choose);
    builder.stream::<String, String>("in").to(out);
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), ProcessingGuarantee::ExactlyOnceV2);
    let topology = builder.build().unwrap();
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clone()).unwrap();
    streams.start().await.unwrap();
    for (time, value) in ["all", "none", "ends", "one", "key"].into_iter().enumerate() {
        produce(&cluster, "in", "customer-42", value, i64::try_from(time).unwrap());
    }
    processed(&cluster, &["in"], &[&streams]).await;
    streams.close(PATIENCE).await.unwrap();
    let mut found: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for record in cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap() {
        let value = String::from_utf8(record.value.unwrap()).unwrap();
        found.entry(value).or_default().push(record.partition);
    }
    for partitions in found.values_mut() {
        partitions.sort_unstable();
    }
    let by_key = streams_core::partition_for_key(b"customer-42", 4);
    let wanted =
        [("all", vec![0, 1, 2, 3]), ("ends", vec![0, 3]), ("one", vec![2]), ("key", vec![by_key])];
    assert_eq!(found, wanted.map(|(value, partitions)| (value.to_owned(), partitions)).into());
}
