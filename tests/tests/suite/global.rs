//! Global stores: every instance has all rows, before it processes anything.

use std::{
    convert::Infallible,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use streams_core::{
    BoxError, Error, ErrorKind, Headers, KafkaStreams, Record, TaskId, TopicPartition,
    client::{
        ClientSupplier, IsolationLevel, ProduceRecord, ProducerSettings,
        embedded::{EmbeddedCluster, Fault, FaultInjector, Operation},
    },
    config::{ProcessingGuarantee, StreamsConfig},
    handler::LogAndContinue,
    processor::Context,
    runtime::{RestoreProgress, State, StateRestoreListener, UncaughtExceptionResponse},
    serde,
    store::{GlobalStoreRef, KeyValueStore, StoreRef, Stores},
    topology::{SinkOptions, SourceOptions, Topology, TopologyBuilder},
};

use crate::harness::{APP, PATIENCE, cluster, config, eventually, processed, produce};

const GUARANTEES: [ProcessingGuarantee; 2] =
    [ProcessingGuarantee::AtLeastOnce, ProcessingGuarantee::ExactlyOnceV2];
const AT_LEAST_ONCE: ProcessingGuarantee = ProcessingGuarantee::AtLeastOnce;

type Names = KeyValueStore<String, String>;
type Nothing<'a> = Context<'a, Infallible, Infallible>;

/// Adds the global store `names`, filled from `tab` with its values in upper case; "bad" is an
/// error.
fn add_names(builder: &mut TopologyBuilder, persistent: bool) -> GlobalStoreRef<Names> {
    let source = SourceOptions::new(["tab"], serde::string(), serde::string());
    let store = Stores::key_value("names", serde::string(), serde::string());
    let store = if persistent { store } else { store.in_memory() };
    builder.add_global_store("tab", source, "keep", store, |names: StoreRef<Names>| {
        move |record: Record<'_, String, String>, context: &mut Nothing<'_>| {
            if record.value == "bad" {
                return Err("a bad value".into());
            }
            let names = context.store(names)?;
            names.put(record.key, Some(record.value.to_uppercase())).map_err(BoxError::from)
        }
    })
}

/// Copies `in` to `out`, with the global row of each key after the value.
fn topology_with(persistent: bool) -> Topology {
    let mut builder = TopologyBuilder::new();
    let names = add_names(&mut builder, persistent);
    let source = SourceOptions::new(["in"], serde::string(), serde::string());
    let source = builder.add_source("source", source);
    let read = move || {
        move |record: Record<'_, String, String>, context: &mut Context<'_, String, String>| {
            let name = context.global_store(names)?.get(record.key)?;
            let value = format!("{}|{}", record.value, name.as_deref().unwrap_or("null"));
            context.forward(record.with_value(&value)).map_err(BoxError::from)
        }
    };
    let read = builder.add_processor("read", read, &[source]);
    let sink = SinkOptions::topic("out", serde::string(), serde::string());
    builder.add_sink("sink", sink, &[read]);
    builder.build().unwrap()
}

fn topology() -> Topology {
    topology_with(false)
}

fn topics(cluster: &EmbeddedCluster) {
    cluster.create_topic("tab", 3).unwrap();
    cluster.create_topic("in", 2).unwrap();
    cluster.create_topic("out", 1).unwrap();
}

fn instance(cluster: &EmbeddedCluster, config: StreamsConfig) -> KafkaStreams {
    KafkaStreams::with_client_supplier(topology(), config, cluster.clone()).unwrap()
}

fn written(cluster: &EmbeddedCluster) -> Vec<String> {
    let records = cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap();
    let values = records.iter().map(|record| record.value.clone().unwrap());
    let mut values: Vec<String> = values.map(|value| String::from_utf8(value).unwrap()).collect();
    values.sort();
    values
}

/// Writes a record of 8 bytes that are not text to partition 1 of `tab`.
fn produce_poison(cluster: &EmbeddedCluster) {
    let record = ProduceRecord {
        timestamp: 0,
        key: Some(b"k"),
        value: Some(&[0xff; 8]),
        headers: &Headers::new(),
    };
    cluster.produce("tab", Some(1), record).unwrap();
}

fn produce_to_tab(cluster: &EmbeddedCluster, partition: i32, key: &str, value: &str) {
    let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
    let record = ProduceRecord { timestamp: 0, key, value, headers: &Headers::new() };
    cluster.produce("tab", Some(partition), record).unwrap();
}

async fn is_in_error(streams: &KafkaStreams) -> Error {
    assert_eq!(streams.wait_for(&[State::Error], PATIENCE).await, State::Error);
    assert!(streams.metadata_for_local_threads().is_empty());
    streams.error().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_partitions_are_read_before_the_first_record_is_processed() {
    for guarantee in GUARANTEES {
        let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
        topics(&cluster);
        for key in 0..3_000 {
            produce(&cluster, "tab", &format!("k{key}"), "old", key);
            produce(&cluster, "tab", &format!("k{key}"), &format!("n{key}"), key);
            produce(&cluster, "in", &format!("k{key}"), "v", key);
        }
        let streams = instance(&cluster, config(directory.path(), guarantee));
        streams.start().await.unwrap();
        processed(&cluster, &["in"], &[&streams]).await;
        streams.close(PATIENCE).await.unwrap();
        let mut expected: Vec<String> = (0..3_000).map(|key| format!("v|N{key}")).collect();
        expected.sort();
        assert_eq!(written(&cluster), expected);
        // It is in no group, and has no changelog.
        assert!(cluster.committed(APP).keys().all(|place| *place.topic == *"in"));
        assert!(cluster.topics().keys().all(|topic| !topic.contains("changelog")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_instance_has_all_rows_and_sees_what_is_written_later() {
    let cluster = cluster();
    topics(&cluster);
    let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let instances = directories
        .each_ref()
        .map(|directory| instance(&cluster, config(directory.path(), AT_LEAST_ONCE)));
    for instance in &instances {
        instance.start().await.unwrap();
    }
    eventually("each instance has a task", || {
        instances.iter().all(|instance| {
            let threads = instance.metadata_for_local_threads();
            threads.iter().all(|thread| thread.active_tasks.len() == 1)
        })
    })
    .await;
    for key in 0..40 {
        produce(&cluster, "tab", &format!("k{key}"), &format!("n{key}"), key);
    }
    eventually("both have read all rows", || {
        instances.iter().all(|instance| instance.metrics().processed == 40)
    })
    .await;
    for key in 0..40 {
        produce(&cluster, "in", &format!("k{key}"), "v", key);
    }
    processed(&cluster, &["in"], &instances.each_ref()).await;
    assert!(instances.iter().all(|instance| instance.metrics().processed > 40));
    for instance in &instances {
        instance.close(PATIENCE).await.unwrap();
    }
    let mut expected: Vec<String> = (0..40).map(|key| format!("v|N{key}")).collect();
    expected.sort();
    assert_eq!(written(&cluster), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_missing_is_named_and_the_instance_is_in_error() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("out", 1).unwrap();
    let streams = instance(&cluster, config(directory.path(), AT_LEAST_ONCE));
    let error = streams.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingSourceTopic);
    let expected = "topic tab of a global store does not exist; create it";
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(is_in_error(&streams).await.kind(), ErrorKind::MissingSourceTopic);
    streams.close(PATIENCE).await.unwrap();
    streams.clean_up().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_ends_the_start_and_says_where_it_is() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    topics(&cluster);
    produce_to_tab(&cluster, 1, "k", "good");
    produce_poison(&cluster);
    let streams = instance(&cluster, config(directory.path(), AT_LEAST_ONCE));
    let error = streams.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deserialization);
    let text = error.to_string();
    assert!(text.contains("source `tab` can't read the value of tab-1@1"), "{text}");
    assert!(text.contains("deserialization.exception.handler"), "{text}");
    is_in_error(&streams).await;
    streams.close(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_is_dropped_if_the_handler_says_so() {
    for guarantee in GUARANTEES {
        let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
        topics(&cluster);
        cluster.create_topic("dead-letters", 1).unwrap();
        produce_poison(&cluster);
        produce_to_tab(&cluster, 1, "k", "good");
        produce(&cluster, "in", "k", "v", 0);
        let dead_letter_topic = Some("dead-letters".to_owned());
        let config = config(directory.path(), guarantee);
        let streams = KafkaStreams::builder(topology(), config, cluster.clone())
            .deserialization_exception_handler(LogAndContinue { dead_letter_topic })
            .build()
            .unwrap();
        streams.start().await.unwrap();
        processed(&cluster, &["in"], &[&streams]).await;
        assert_eq!(streams.metrics().dropped, 1);
        streams.close(PATIENCE).await.unwrap();
        assert_eq!(written(&cluster), ["v|GOOD"]);
        let letters = cluster.read_all("dead-letters", IsolationLevel::ReadCommitted).unwrap();
        assert_eq!(letters.len(), 1);
        assert_eq!(letters[0].value.as_deref(), Some(&[0xff; 8][..]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_processor_ends_a_running_instance_whatever_the_handlers_say() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    topics(&cluster);
    let streams =
        KafkaStreams::builder(topology(), config(directory.path(), AT_LEAST_ONCE), cluster.clone())
            .processing_exception_handler(LogAndContinue::default())
            .build()
            .unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    streams.on_uncaught_exception({
        let asked = asked.clone();
        move |error| {
            asked.lock().unwrap().push(error.kind());
            UncaughtExceptionResponse::ReplaceThread
        }
    });
    streams.start().await.unwrap();
    assert_eq!(streams.wait_for(&[State::Running], PATIENCE).await, State::Running);
    produce_to_tab(&cluster, 2, "k", "good");
    produce_to_tab(&cluster, 2, "k", "bad");
    let error = is_in_error(&streams).await;
    assert_eq!(error.kind(), ErrorKind::Processing);
    let text = error.to_string();
    assert!(text.contains("node `keep` of a global store failed on tab-2@1"), "{text}");
    assert_eq!(*asked.lock().unwrap(), [ErrorKind::Processing]);
    assert!(cluster.members(APP).is_empty());
    streams.close(PATIENCE).await.unwrap();
    streams.clean_up().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_the_processor_ends_the_instance_and_says_where() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    cluster.create_topic("tab", 1).unwrap();
    let mut builder = TopologyBuilder::new();
    let source = SourceOptions::new(["tab"], serde::string(), serde::string());
    let store = Stores::key_value("names", serde::string(), serde::string()).in_memory();
    builder.add_global_store("tab", source, "keep", store, |_: StoreRef<Names>| {
        |_: Record<'_, String, String>, _: &mut Nothing<'_>| -> Result<(), BoxError> {
            panic!("it can't be")
        }
    });
    let config = config(directory.path(), AT_LEAST_ONCE);
    let streams =
        KafkaStreams::with_client_supplier(builder.build().unwrap(), config, cluster.clone())
            .unwrap();
    streams.start().await.unwrap();
    produce(&cluster, "tab", "k", "v", 0);
    let error = is_in_error(&streams).await;
    assert_eq!(error.kind(), ErrorKind::Panic);
    let text = error.to_string();
    assert!(text.contains("tab-0@0") && text.contains("it can't be"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_once_reads_no_row_of_an_aborted_or_open_transaction() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    topics(&cluster);
    let transaction = |id: &str, value: &str| {
        let settings = ProducerSettings {
            client_id: id.to_owned(),
            transactional_id: Some(id.to_owned()),
            ..ProducerSettings::default()
        };
        let mut producer = cluster.producer(&settings).unwrap();
        producer.init_transactions().unwrap();
        producer.begin_transaction().unwrap();
        let record = ProduceRecord {
            timestamp: 0,
            key: Some(b"k"),
            value: Some(value.as_bytes()),
            headers: &Headers::new(),
        };
        producer.append_to(&TopicPartition::new("tab", 0), record).unwrap();
        producer.flush().unwrap();
        producer
    };
    transaction("first", "committed").commit_transaction().unwrap();
    transaction("second", "aborted").abort_transaction().unwrap();
    let mut open = transaction("third", "later");
    let streams = instance(&cluster, config(directory.path(), ProcessingGuarantee::ExactlyOnceV2));
    streams.start().await.unwrap();
    produce(&cluster, "in", "k", "before", 0);
    processed(&cluster, &["in"], &[&streams]).await;
    open.commit_transaction().unwrap();
    eventually("the row is there", || streams.metrics().processed == 3).await;
    produce(&cluster, "in", "k", "after", 0);
    processed(&cluster, &["in"], &[&streams]).await;
    streams.close(PATIENCE).await.unwrap();
    assert_eq!(written(&cluster), ["after|LATER", "before|COMMITTED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topology_of_global_stores_alone_runs_without_stream_threads() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    cluster.create_topic("tab", 2).unwrap();
    produce(&cluster, "tab", "k", "v", 0);
    let mut builder = TopologyBuilder::new();
    add_names(&mut builder, false);
    let config = config(directory.path(), AT_LEAST_ONCE);
    let streams =
        KafkaStreams::with_client_supplier(builder.build().unwrap(), config, cluster.clone())
            .unwrap();
    streams.start().await.unwrap();
    assert_eq!(streams.state(), State::Running);
    assert_eq!(streams.metrics().processed, 1);
    produce(&cluster, "tab", "k", "w", 0);
    eventually("the row is there", || streams.metrics().processed == 2).await;
    assert!(streams.metadata_for_local_threads().is_empty());
    assert!(cluster.members(APP).is_empty());
    let refused = streams.add_stream_thread().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidState);
    streams.close(PATIENCE).await.unwrap();
    assert_eq!(streams.state(), State::NotRunning);
    streams.clean_up().unwrap();
}

/// Makes all calls fail, and counts them.
#[derive(Clone, Debug, Default)]
struct Away(Arc<AtomicU32>);

impl FaultInjector for Away {
    fn before(&mut self, _: Operation<'_>) -> Fault {
        self.0.fetch_add(1, Ordering::SeqCst);
        Fault::Unavailable
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_waits_for_a_broker_that_is_away() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    topics(&cluster);
    produce(&cluster, "tab", "k", "v", 0);
    produce(&cluster, "in", "k", "v", 0);
    let streams = instance(&cluster, config(directory.path(), AT_LEAST_ONCE));
    let away = Away::default();
    cluster.set_faults(Some(Box::new(away.clone())));
    let (started, ()) = tokio::join!(streams.start(), async {
        eventually("it has tried a few times", || away.0.load(Ordering::SeqCst) > 3).await;
        assert_eq!(streams.state(), State::Rebalancing);
        cluster.set_faults(None);
    });
    started.unwrap();
    processed(&cluster, &["in"], &[&streams]).await;
    streams.close(PATIENCE).await.unwrap();
    assert_eq!(written(&cluster), ["v|V"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_stays_away_ends_the_start_after_task_timeout_ms() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    topics(&cluster);
    let config = config(directory.path(), AT_LEAST_ONCE).set("task.timeout.ms", 50);
    let streams = instance(&cluster, config);
    cluster.broker_down(true);
    let error = streams.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("task.timeout.ms"), "{error}");
    is_in_error(&streams).await;
    streams.close(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_can_be_closed_while_its_global_stores_are_filled() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    topics(&cluster);
    let streams = instance(&cluster, config(directory.path(), AT_LEAST_ONCE));
    cluster.broker_down(true);
    let (started, closed) = tokio::join!(streams.start(), async {
        eventually("it fills its stores", || streams.state() == State::Rebalancing).await;
        streams.close(PATIENCE).await
    });
    assert_eq!(started.unwrap_err().kind(), ErrorKind::InvalidState);
    closed.unwrap();
    assert_eq!(streams.state(), State::NotRunning);
    assert!(streams.error().is_none());
    streams.clean_up().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_stream_thread_may_go_and_another_one_come() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    topics(&cluster);
    let streams = instance(&cluster, config(directory.path(), AT_LEAST_ONCE));
    streams.start().await.unwrap();
    assert_eq!(streams.wait_for(&[State::Running], PATIENCE).await, State::Running);
    streams.remove_stream_thread(PATIENCE).await.unwrap().unwrap();
    produce(&cluster, "tab", "k", "v", 0);
    eventually("the row is there", || streams.metrics().processed == 1).await;
    streams.add_stream_thread().unwrap();
    produce(&cluster, "in", "k", "v", 0);
    processed(&cluster, &["in"], &[&streams]).await;
    streams.close(PATIENCE).await.unwrap();
    assert_eq!(written(&cluster), ["v|V"]);
}

/// Keeps the events it is told.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<(&'static str, RestoreProgress)>>>);

impl StateRestoreListener for Recorder {
    fn on_restore_start(&self, progress: &RestoreProgress) {
        self.0.lock().unwrap().push(("start", progress.clone()));
    }

    fn on_restore_end(&self, progress: &RestoreProgress) {
        self.0.lock().unwrap().push(("end", progress.clone()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_is_told_how_each_partition_is_filled() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    topics(&cluster);
    for (partition, key) in [(0, "a"), (0, "b"), (2, "c")] {
        produce_to_tab(&cluster, partition, key, "v");
    }
    let (streams, recorder) =
        (instance(&cluster, config(directory.path(), AT_LEAST_ONCE)), Recorder::default());
    streams.on_restore(recorder.clone());
    streams.start().await.unwrap();
    streams.close(PATIENCE).await.unwrap();
    let calls = recorder.0.lock().unwrap();
    assert!(calls.iter().all(|(_, progress)| progress.task == TaskId::GLOBAL));
    assert!(calls.iter().all(|(_, progress)| progress.store == "names"));
    let mut calls: Vec<_> = calls
        .iter()
        .map(|(what, progress)| {
            (*what, progress.changelog.to_string(), progress.restored, progress.remaining)
        })
        .collect();
    calls.sort();
    let expected = [("end", "tab-0", 2, 0), ("end", "tab-2", 1, 0), ("start", "tab-0", 0, 2)];
    let expected = expected.into_iter().chain([("start", "tab-2", 0, 1)]);
    let expected = expected.map(|(what, place, done, left)| (what, place.to_owned(), done, left));
    assert_eq!(calls, expected.collect::<Vec<_>>());
}

/// Number of records that a second start on the same directory reads from `tab`.
async fn read_by_a_second_start(
    cluster: &EmbeddedCluster,
    directory: &Path,
    persistent: bool,
) -> u64 {
    let start = || async {
        let config = config(directory, AT_LEAST_ONCE);
        let topology = topology_with(persistent);
        let streams =
            KafkaStreams::with_client_supplier(topology, config, cluster.clone()).unwrap();
        streams.start().await.unwrap();
        streams
    };
    topics(cluster);
    for key in ["a", "b", "c", "d"] {
        produce(cluster, "tab", key, "v", 0);
    }
    let first = start().await;
    assert_eq!(first.metrics().processed, 4);
    first.close(PATIENCE).await.unwrap();
    drop(first);
    produce(cluster, "tab", "e", "v", 0);
    let second = start().await;
    let read = second.metrics().processed;
    for key in ["a", "e"] {
        produce(cluster, "in", key, "v", 0);
    }
    processed(cluster, &["in"], &[&second]).await;
    second.close(PATIENCE).await.unwrap();
    assert_eq!(written(cluster), ["v|V", "v|V"]);
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn a_global_store_in_memory_is_read_anew_at_each_start() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    assert_eq!(read_by_a_second_start(&cluster, directory.path(), false).await, 5);
}

#[cfg(feature = "rocksdb")]
#[tokio::test(flavor = "multi_thread")]
async fn a_global_store_on_disk_goes_on_from_where_it_was() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    assert_eq!(read_by_a_second_start(&cluster, directory.path(), true).await, 1);
    assert!(directory.path().join(APP).join("global").is_dir());
}
