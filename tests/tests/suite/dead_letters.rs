//! Dead letters of changes that are held back: the record that fails is not the one being read at
//! that moment.

use std::{collections::BTreeSet, time::Duration};

use streams_core::{
    KafkaStreams,
    client::{
        IsolationLevel,
        embedded::{EmbeddedCluster, StoredRecord},
    },
    config::{ProcessingGuarantee, ProcessingHandlerChoice, StreamsConfig},
    serde::{long, string},
    topology::Topology,
};
use streams_dsl::{BufferConfig, KStream, Produced, StreamsBuilder, Suppressed, TimeWindows};

use crate::harness::{
    PATIENCE, cluster, config, eventually, processed, produce, with_stores_of_this_build,
};

fn build(builder: &StreamsBuilder) -> Topology {
    let settings = with_stores_of_this_build(StreamsConfig::new("app", "embedded:9092"));
    builder.build_with(&settings).unwrap()
}

/// Refuses the results of the key `bad`.
fn refuse_bad(counts: &KStream<String, Option<i64>>) {
    let checked = counts.try_map_values_with_key(|key, count| {
        if key.starts_with("bad") { Err("refused") } else { Ok(count.unwrap_or_default()) }
    });
    checked.to(Produced::topic("out").with(string(), long()));
}

fn topics() -> EmbeddedCluster {
    let cluster = cluster();
    for topic in ["in", "out", "dead"] {
        cluster.create_topic(topic, 1).unwrap();
    }
    cluster
}

async fn start(topology: Topology, settings: StreamsConfig, on: &EmbeddedCluster) -> KafkaStreams {
    let settings = with_stores_of_this_build(settings)
        .processing_exception_handler(ProcessingHandlerChoice::LogAndContinue)
        .dead_letter_queue_topic("dead");
    let instance = KafkaStreams::with_client_supplier(topology, settings, on.clone()).unwrap();
    instance.start().await.unwrap();
    instance
}

/// The only dead letter, and the offset in its headers.
fn dead_letter(cluster: &EmbeddedCluster) -> (StoredRecord, String) {
    let letters = cluster.read_all("dead", IsolationLevel::ReadCommitted).unwrap();
    let [letter] = letters.as_slice() else { panic!("not one dead letter: {letters:?}") };
    let mut headers = letter.headers.iter();
    let offset = headers.find(|(name, _)| *name == "__streams.errors.offset").unwrap().1;
    let offset = String::from_utf8(offset.unwrap().to_vec()).unwrap();
    (letter.clone(), offset)
}

/// A count that a cache holds back fails below the table when the cache is flushed. The dead letter
/// had the bytes of the record at the head of the queue by then, a healthy one, under the failed
/// record's offset: an operator who repaired the letters and sent them again would have counted a
/// good record twice and lost the bad one.
#[tokio::test(flavor = "multi_thread")]
async fn a_cached_row_that_fails_at_the_commit_has_its_own_offset_and_no_other_records_bytes() {
    let cluster = topics();
    produce(&cluster, "in", "bad", "first", 1);
    for n in 0..2_999 {
        produce(&cluster, "in", &format!("k{n}"), "v", 1);
    }
    let builder = StreamsBuilder::new();
    let counts = builder.stream::<String, String>("in").group_by_key().count().stored("counts");
    refuse_bad(&counts.to_stream());
    let directory = tempfile::tempdir().unwrap();
    let settings = config(directory.path(), ProcessingGuarantee::AtLeastOnce)
        .commit_interval(Duration::from_millis(1))
        .set("max.poll.records", 3_000)
        .session_timeout(Duration::from_secs(60));
    let instance = start(build(&builder), settings, &cluster).await;
    processed(&cluster, &["in"], &[&instance]).await;
    instance.close(PATIENCE).await.unwrap();
    let (letter, offset) = dead_letter(&cluster);
    assert_eq!(offset, "0");
    if let Some(key) = &letter.key {
        assert_eq!(key.as_slice(), b"bad");
    } else {
        assert_eq!(letter.value, None);
    }
    let written = cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap();
    let keys: BTreeSet<_> = written.into_iter().map(|record| record.key).collect();
    assert_eq!(keys.len(), 2_999, "the others came through");
}

/// The same for a window that is held back until it closes: the record that closes it is not the
/// one that fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_fails_when_it_closes_is_not_blamed_on_the_record_that_closes_it() {
    let cluster = topics();
    let builder = StreamsBuilder::new();
    let windows = TimeWindows::of_size_with_no_grace(Duration::from_millis(10));
    let counts = builder.stream::<String, String>("in").group_by_key().windowed_by(windows);
    let closed =
        counts.count().suppress(Suppressed::until_window_closes(BufferConfig::unbounded()));
    refuse_bad(&closed.to_stream_with_key(|row, _| format!("{}@{}", row.key, row.window.start)));
    let directory = tempfile::tempdir().unwrap();
    let settings = config(directory.path(), ProcessingGuarantee::ExactlyOnceV2);
    let instance = start(build(&builder), settings, &cluster).await;
    for (key, time) in [("good", 1), ("bad", 2), ("closes", 25)] {
        produce(&cluster, "in", key, "v", time);
    }
    processed(&cluster, &["in"], &[&instance]).await;
    eventually("the dead letter is written", || {
        !cluster.read_all("dead", IsolationLevel::ReadCommitted).unwrap().is_empty()
    })
    .await;
    instance.close(PATIENCE).await.unwrap();
    let (letter, offset) = dead_letter(&cluster);
    assert_eq!((offset.as_str(), letter.key, letter.value), ("1", None, None));
}
