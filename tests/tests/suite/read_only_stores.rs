//! Stores that are filled from an external topic, which serves as their changelog.

use std::{convert::Infallible, path::Path};

use streams_core::{
    BoxError, KafkaStreams, Record,
    client::{IsolationLevel, embedded::EmbeddedCluster},
    config::ProcessingGuarantee,
    processor::Context,
    serde::{option, string},
    store::Stores,
    topology::{SinkOptions, SourceOptions, Topology, TopologyBuilder},
};

use crate::harness::{PATIENCE, cluster, config, eventually, processed, produce};

const GUARANTEES: [ProcessingGuarantee; 2] =
    [ProcessingGuarantee::AtLeastOnce, ProcessingGuarantee::ExactlyOnceV2];

/// Names by number, and orders that look them up.
fn topology() -> Topology {
    let mut builder = TopologyBuilder::new();
    let names = builder.add_read_only_state_store(
        "names-source",
        SourceOptions::new(["names"], string(), option(string())),
        "keep",
        Stores::key_value("names", string(), string()).in_memory(),
        |names| {
            move |record: Record<'_, String, Option<String>>,
                  context: &mut Context<'_, Infallible, Infallible>| {
                Ok::<(), BoxError>(context.store(names)?.put(record.key, record.value.clone())?)
            }
        },
    );
    let orders = SourceOptions::new(["orders"], string(), string());
    let orders = builder.add_source("orders-source", orders);
    let look_up = move || {
        move |record: Record<'_, String, String>, context: &mut Context<'_, String, String>| {
            let name = context.store(names)?.get(record.key)?.cloned();
            let name = name.unwrap_or_else(|| "nobody".to_owned());
            context.forward(record.with_value(&name)).map_err(BoxError::from)
        }
    };
    let node = builder.add_processor("look-up", look_up, &[orders]);
    builder.connect(node.id(), names);
    builder.add_sink("sink", SinkOptions::topic("out", string(), string()), &[node]);
    builder.build().unwrap()
}

async fn started(cluster: &EmbeddedCluster, guarantee: ProcessingGuarantee) -> KafkaStreams {
    let config = config(Path::new("unused"), guarantee);
    let streams = KafkaStreams::with_client_supplier(topology(), config, cluster.clone()).unwrap();
    streams.start().await.unwrap();
    streams
}

/// The names found so far, in the order of the orders.
fn found(cluster: &EmbeddedCluster) -> Vec<String> {
    let records = cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap();
    let name = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap()).unwrap();
    records.into_iter().map(|record| name(record.value)).collect()
}

/// An instance refused to start with such a store, which it could not restore.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_restored_from_its_topic_as_far_as_its_task_has_read_it() {
    for guarantee in GUARANTEES {
        let cluster = cluster();
        for topic in ["names", "orders", "out"] {
            cluster.create_topic(topic, 1).unwrap();
        }
        let first = started(&cluster, guarantee).await;
        produce(&cluster, "names", "1", "ann", 1);
        produce(&cluster, "names", "2", "bob", 2);
        processed(&cluster, &["names"], &[&first]).await;
        produce(&cluster, "orders", "1", "book", 3);
        produce(&cluster, "orders", "3", "pen", 4);
        processed(&cluster, &["orders"], &[&first]).await;
        first.close(PATIENCE).await.unwrap();
        assert_eq!(found(&cluster), ["ann", "nobody"]);
        assert!(!cluster.topics().contains_key("app-names-changelog"));

        // After the committed offset: it comes to the task as a record, and must not be in the
        // store before.
        produce(&cluster, "names", "2", "eve", 20);
        produce(&cluster, "orders", "1", "cup", 10);
        produce(&cluster, "orders", "2", "cup", 11);
        let second = started(&cluster, guarantee).await;
        processed(&cluster, &["names", "orders"], &[&second]).await;
        eventually("the orders are looked up", || found(&cluster).len() == 4).await;
        assert_eq!(second.metrics().restored, 2, "{guarantee:?}");
        assert_eq!(found(&cluster)[2..], ["ann", "bob"], "{guarantee:?}");
        produce(&cluster, "orders", "2", "pot", 30);
        eventually("the new name is found", || found(&cluster).len() == 5).await;
        assert_eq!(found(&cluster)[4], "eve");
        second.close(PATIENCE).await.unwrap();
    }
}
