//! Stores of the program's own: uncommitted changes are dropped, and the changelog restores them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use streams_core::{
    BoxError, KafkaStreams, Record,
    client::{IsolationLevel, embedded::EmbeddedCluster},
    config::ProcessingGuarantee,
    processor::Context,
    runtime::UncaughtExceptionResponse,
    serde::string,
    store::{CustomStore, StoreChanges, Stores},
    topology::{SinkOptions, SourceOptions, Topology, TopologyBuilder},
};

use crate::harness::{PATIENCE, cluster, config, eventually, processed, produce};

const GUARANTEES: [ProcessingGuarantee; 2] =
    [ProcessingGuarantee::AtLeastOnce, ProcessingGuarantee::ExactlyOnceV2];

/// Sums by key, and the key with the greatest.
#[derive(Default)]
struct Ranking {
    sums: BTreeMap<String, i64>,
    ranks: BTreeSet<(i64, String)>,
    changed: BTreeMap<String, i64>,
}

impl Ranking {
    fn set(&mut self, key: String, sum: i64) {
        if let Some(before) = self.sums.insert(key.clone(), sum) {
            self.ranks.remove(&(before, key.clone()));
        }
        self.ranks.insert((sum, key));
    }

    fn add(&mut self, key: &str, number: i64, timestamp: i64) {
        let sum = self.sums.get(key).copied().unwrap_or_default() + number;
        self.set(key.to_owned(), sum);
        self.changed.insert(key.to_owned(), timestamp);
    }

    fn first(&self) -> String {
        self.ranks.last().map_or_else(String::new, |(sum, key)| format!("{key}={sum}"))
    }
}

impl CustomStore for Ranking {
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Result<(), BoxError> {
        self.set(String::from_utf8(key.to_vec())?, i64::from_be_bytes(value.try_into()?));
        Ok(())
    }

    fn flush(&mut self, changes: &mut StoreChanges<'_>) -> Result<(), BoxError> {
        for (key, timestamp) in std::mem::take(&mut self.changed) {
            let sum = self.sums.get(&key).copied().unwrap_or_default();
            changes.put(key.as_bytes(), &sum.to_be_bytes(), timestamp)?;
        }
        Ok(())
    }
}

/// Adds the numbers of `in` by key, and reports the leader. It fails once after a write if `fails`
/// is set.
fn topology(fails: &Arc<AtomicBool>) -> Topology {
    let mut builder = TopologyBuilder::new();
    let source = builder.add_source("source", SourceOptions::new(["in"], string(), string()));
    let ranking = Stores::custom("ranking", Ranking::default).in_memory();
    let ranking = builder.add_state_store(ranking);
    let fails = fails.clone();
    let rank = move || {
        let fails = fails.clone();
        move |record: Record<'_, String, String>, context: &mut Context<'_, String, String>| {
            let (number, timestamp) = (record.value.parse()?, context.timestamp());
            let store = context.store(ranking)?;
            store.add(record.key, number, timestamp);
            let first = store.first();
            context.forward(record.with_value(&first))?;
            if fails.swap(false, Ordering::SeqCst) {
                return Err("it fails once".into());
            }
            Ok(())
        }
    };
    let node = builder.add_processor("rank", rank, &[source]);
    builder.connect(node.id(), ranking);
    builder.add_sink("sink", SinkOptions::topic("out", string(), string()), &[node]);
    builder.build().unwrap()
}

async fn started(
    cluster: &EmbeddedCluster,
    guarantee: ProcessingGuarantee,
    fails: &Arc<AtomicBool>,
) -> KafkaStreams {
    let config = config(Path::new("unused"), guarantee);
    let topology = topology(fails);
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clone()).unwrap();
    streams.on_uncaught_exception(|_| UncaughtExceptionResponse::ReplaceThread);
    streams.start().await.unwrap();
    streams
}

fn last(cluster: &EmbeddedCluster) -> Option<String> {
    let records = cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap();
    records.last().map(|record| String::from_utf8(record.value.clone().unwrap()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_committed_of_a_custom_store_is_dropped_and_the_rest_is_restored() {
    for guarantee in GUARANTEES {
        let cluster = cluster();
        cluster.create_topic("in", 1).unwrap();
        cluster.create_topic("out", 1).unwrap();
        let fails = Arc::new(AtomicBool::new(false));
        let first = started(&cluster, guarantee, &fails).await;
        produce(&cluster, "in", "ann", "1", 10);
        produce(&cluster, "in", "bob", "2", 11);
        processed(&cluster, &["in"], &[&first]).await;
        assert_eq!(last(&cluster).as_deref(), Some("bob=2"));

        // The store has the number already when the record fails, and gets it again with the next
        // attempt.
        fails.store(true, Ordering::SeqCst);
        produce(&cluster, "in", "ann", "4", 12);
        processed(&cluster, &["in"], &[&first]).await;
        assert!(!fails.load(Ordering::SeqCst));
        assert_eq!(last(&cluster).as_deref(), Some("ann=5"), "{guarantee:?}");
        first.close(PATIENCE).await.unwrap();

        let changelog =
            cluster.read_all("app-ranking-changelog", IsolationLevel::ReadCommitted).unwrap();
        let logged: Vec<_> = changelog
            .iter()
            .map(|record| {
                let sum = record.value.as_deref().unwrap().try_into().unwrap();
                (record.key.as_deref().unwrap(), i64::from_be_bytes(sum), record.timestamp)
            })
            .collect();
        assert_eq!(logged.last(), Some(&(&b"ann"[..], 5, 12)), "{guarantee:?}: {logged:?}");

        let second = started(&cluster, guarantee, &fails).await;
        produce(&cluster, "in", "bob", "1", 13);
        processed(&cluster, &["in"], &[&second]).await;
        eventually("who is first is said", || {
            cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap().len() >= 4
        })
        .await;
        assert_eq!(last(&cluster).as_deref(), Some("ann=5"), "{guarantee:?}");
        assert_eq!(second.metrics().restored, u64::try_from(logged.len()).unwrap());
        second.close(PATIENCE).await.unwrap();
    }
}
