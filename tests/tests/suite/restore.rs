//! State survives: neither the state that an instance leaves on disk nor that of standbys is
//! restored again.

use std::{collections::BTreeMap, ops::Bound, path::Path, time::Duration};

use state_store::{Database, Direction, MemoryBudget, RocksDatabase, StoreId};
use streams_core::{
    KafkaStreams,
    client::{IsolationLevel, embedded::EmbeddedCluster},
    config::ProcessingGuarantee,
    runtime::State,
};

use crate::harness::{
    APP, PATIENCE, all_committed, cluster, config, counting_topology, eventually, last_counts,
    processed, produce,
};

const CHANGELOG: &str = "app-counts-changelog";
const GUARANTEES: [ProcessingGuarantee; 2] =
    [ProcessingGuarantee::AtLeastOnce, ProcessingGuarantee::ExactlyOnceV2];

fn one_partition() -> EmbeddedCluster {
    let cluster = cluster();
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("out", 1).unwrap();
    cluster
}

/// Writes one record per key of the range.
fn feed(cluster: &EmbeddedCluster, keys: std::ops::Range<usize>) {
    for key in keys {
        produce(cluster, "in", &format!("k{key:06}"), "v", i64::try_from(key).unwrap());
    }
}

fn instance(
    cluster: &EmbeddedCluster,
    directory: &Path,
    guarantee: ProcessingGuarantee,
) -> KafkaStreams {
    let config = config(directory, guarantee);
    KafkaStreams::with_client_supplier(counting_topology(true), config, cluster.clone()).unwrap()
}

/// Asserts that the rows on disk are the changelog's last value of each key.
fn assert_store_equals_changelog(cluster: &EmbeddedCluster, directory: &Path) {
    let budget = MemoryBudget::new(1 << 24, 1 << 20);
    let path = directory.join(APP).join("0_0");
    let database = RocksDatabase::open(&path, &["counts".to_owned()], &budget).unwrap();
    let rows = database.range(StoreId(0), Bound::Unbounded, Bound::Unbounded, Direction::Forward);
    let rows: BTreeMap<String, i64> = rows
        .unwrap()
        .map(|row| {
            let (key, value) = row.unwrap();
            let value = i64::from_be_bytes(value.try_into().unwrap());
            (String::from_utf8(key).unwrap(), value)
        })
        .collect();
    assert_eq!(rows, last_counts(cluster, CHANGELOG));
    // Control records may follow the last record.
    let last = cluster.read_all(CHANGELOG, IsolationLevel::ReadCommitted).unwrap();
    let last = last.last().map_or(0, |record| record.offset + 1);
    assert!(database.offset(CHANGELOG).unwrap().unwrap() >= last);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_only_the_tail_is_restored() {
    for guarantee in GUARANTEES {
        let (cluster, directory) = (one_partition(), tempfile::tempdir().unwrap());
        feed(&cluster, 0..2_000);
        let first = instance(&cluster, directory.path(), guarantee);
        first.start().await.unwrap();
        processed(&cluster, &["in"], &[&first]).await;
        first.close(PATIENCE).await.unwrap();
        drop(first);

        // The writes of the second one are in memory tables when it is dropped, and lost.
        let second = instance(&cluster, directory.path(), guarantee);
        second.start().await.unwrap();
        feed(&cluster, 1_950..2_050);
        processed(&cluster, &["in"], &[&second]).await;
        assert_eq!(second.metrics().restored, 0, "closed cleanly, so nothing is to be restored");
        drop(second);

        let third = instance(&cluster, directory.path(), guarantee);
        third.start().await.unwrap();
        feed(&cluster, 2_000..2_060);
        processed(&cluster, &["in"], &[&third]).await;
        let restored = third.metrics().restored;
        assert!((1..=100).contains(&restored), "{guarantee:?}: {restored} records were restored");
        third.close(PATIENCE).await.unwrap();
        drop(third);
        assert_store_equals_changelog(&cluster, directory.path());
        let counts = last_counts(&cluster, "out");
        assert_eq!(counts.len(), 2_060);
        assert_eq!(counts.values().sum::<i64>(), 2_000 + 100 + 60);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_state_directory_is_restored_in_full() {
    for guarantee in GUARANTEES {
        let (cluster, directory) = (one_partition(), tempfile::tempdir().unwrap());
        feed(&cluster, 0..1_000);
        let first = instance(&cluster, directory.path(), guarantee);
        first.start().await.unwrap();
        processed(&cluster, &["in"], &[&first]).await;
        first.close(PATIENCE).await.unwrap();
        drop(first);
        std::fs::remove_dir_all(directory.path().join(APP)).unwrap();

        let second = instance(&cluster, directory.path(), guarantee);
        second.start().await.unwrap();
        feed(&cluster, 0..1_000);
        processed(&cluster, &["in"], &[&second]).await;
        assert_eq!(second.metrics().restored, 1_000);
        second.close(PATIENCE).await.unwrap();
        drop(second);
        assert_store_equals_changelog(&cluster, directory.path());
        assert!(last_counts(&cluster, "out").values().all(|count| *count == 2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_without_restoring() {
    for guarantee in GUARANTEES {
        let cluster = one_partition();
        let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let streams = directories.each_ref().map(|directory| {
            let config = config(directory.path(), guarantee).num_standby_replicas(1);
            KafkaStreams::with_client_supplier(counting_topology(true), config, cluster.clone())
                .unwrap()
        });
        for instance in &streams {
            instance.start().await.unwrap();
        }
        feed(&cluster, 0..1_000);
        eventually("all input is committed", || all_committed(&cluster, &["in"])).await;
        eventually("the standby has read the changelog", || {
            streams.iter().any(|instance| instance.metrics().standby_updates >= 1_000)
        })
        .await;
        let is_active = |instance: &KafkaStreams| {
            let threads = instance.metadata_for_local_threads();
            threads.iter().any(|thread| !thread.active_tasks.is_empty())
        };
        let (active, standby) = {
            let [one, other] = streams;
            if is_active(&one) { (one, other) } else { (other, one) }
        };
        // A crash: the coordinator notices it by the session timeout.
        drop(active);
        feed(&cluster, 0..1_000);
        processed(&cluster, &["in"], &[&standby]).await;
        assert_eq!(standby.metrics().restored, 0, "{guarantee:?}");
        standby.close(PATIENCE).await.unwrap();
        let counts = last_counts(&cluster, "out");
        assert_eq!(counts.len(), 1_000);
        assert!(counts.values().all(|count| *count == 2), "{guarantee:?}");
    }
}

/// State that was unused for longer than `state.cleanup.delay.ms` was removed at the start, before
/// its task was opened, and all of it was restored.
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_was_down_for_long_keeps_its_state() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("out", 1).unwrap();
    let instance = || {
        let config = config(directory.path(), ProcessingGuarantee::AtLeastOnce);
        let config = config.state_cleanup_delay(Duration::from_millis(50));
        KafkaStreams::with_client_supplier(counting_topology(true), config, cluster.clone())
            .unwrap()
    };
    let first = instance();
    first.start().await.unwrap();
    for key in 0..500 {
        produce(&cluster, "in", &format!("k{key}"), "v", key);
    }
    processed(&cluster, &["in"], &[&first]).await;
    first.close(PATIENCE).await.unwrap();
    drop(first);
    tokio::time::sleep(Duration::from_millis(200)).await;

    let second = instance();
    // Nobody owns this one; it is removed when the delay is over.
    let obsolete = directory.path().join("app").join("7_0");
    std::fs::create_dir_all(&obsolete).unwrap();
    std::fs::write(obsolete.join("left"), "over").unwrap();
    second.start().await.unwrap();
    assert_eq!(second.wait_for(&[State::Running], PATIENCE).await, State::Running);
    assert_eq!(second.metrics().restored, 0);
    eventually("obsolete state is removed", || !obsolete.exists()).await;
    assert!(directory.path().join("app").join("0_0").exists());
    second.close(PATIENCE).await.unwrap();
}
