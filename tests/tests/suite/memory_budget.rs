//! Commits required by memory, long before the commit interval is over.

use std::{path::Path, time::Duration};

use streams_core::{
    BoxError, KafkaStreams, Record,
    config::ProcessingGuarantee,
    processor::{Context, Processor},
    serde::string,
    store::{KeyValueStore, StoreRef, Stores},
    topology::{NodeRef, SourceOptions, Topology, TopologyBuilder},
};

use crate::harness::{PATIENCE, cluster, config, eventually, produce};

/// Default memory limit of uncommitted writes.
const BUDGET: u64 = 10 << 20;

/// Writes a value of this many bytes for each record.
struct Fill {
    store: StoreRef<KeyValueStore<String, String>>,
    bytes: usize,
}

impl Processor<String, String, String, String> for Fill {
    fn process(
        &mut self,
        record: Record<'_, String, String>,
        context: &mut Context<'_, String, String>,
    ) -> Result<(), BoxError> {
        let value = "x".repeat(self.bytes);
        Ok(context.store(self.store)?.put(record.key, Some(value))?)
    }
}

fn filling(bytes: usize) -> Topology {
    let mut builder = TopologyBuilder::new();
    let source = builder.add_source("source", SourceOptions::new(["in"], string(), string()));
    let store = Stores::key_value("big", string(), string()).in_memory().with_logging_disabled();
    let store = builder.add_state_store(store);
    let node: NodeRef<String, String> =
        builder.add_processor("fill", move || Fill { store, bytes }, &[source]);
    builder.connect(node.id(), store);
    builder.build().unwrap()
}

/// Values before the first commit counted for nothing: 200 MB were dirty where 10 MB were allowed,
/// without a commit. Between two commits there may be at most 50 % more than is allowed.
async fn commits_for_the_sake_of_memory(records: u32, bytes: usize) {
    let cluster = cluster();
    cluster.create_topic("in", 1).unwrap();
    for number in 0..records {
        produce(&cluster, "in", &format!("k{number}"), "v", 1);
    }
    let config = config(Path::new("unused"), ProcessingGuarantee::AtLeastOnce)
        .commit_interval(Duration::from_secs(600))
        .session_timeout(Duration::from_secs(60));
    let instance =
        KafkaStreams::with_client_supplier(filling(bytes), config, cluster.clone()).unwrap();
    instance.start().await.unwrap();
    let all = u64::from(records);
    eventually("all is processed", || instance.metrics().processed >= all).await;
    let dirty = all * u64::try_from(bytes).unwrap();
    let least = dirty / (BUDGET / 2 * 3);
    eventually("memory has brought about commits", || instance.metrics().commits >= least).await;
    instance.close(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn large_values_are_committed_before_they_take_more_than_is_allowed() {
    commits_for_the_sake_of_memory(1_500, 50_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_records_ends_where_a_few_huge_values_have_used_the_budget_up() {
    commits_for_the_sake_of_memory(90, 1_000_000).await;
}
