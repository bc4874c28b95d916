use super::*;
use crate::ErrorKind;

fn keys_and_offsets(cluster: &EmbeddedCluster, topic: &str) -> Vec<(String, i64)> {
    let records = cluster.read_all(topic, IsolationLevel::ReadUncommitted).unwrap();
    records.iter().map(|r| (text(r.key.as_deref().unwrap()), r.offset)).collect()
}

fn compacted_topic(cluster: &EmbeddedCluster) {
    cluster.create_topic_with(topic_with("t", &[("cleanup.policy", "compact")])).unwrap();
}

#[test]
fn the_last_record_of_each_key_stays_with_its_offset() {
    let (cluster, _) = cluster();
    compacted_topic(&cluster);
    for (key, value) in [("a", "1"), ("b", "1"), ("a", "2"), ("c", "1"), ("a", "3")] {
        write(&cluster, "t", key, Some(value));
    }
    cluster.compact("t").unwrap();
    // The head, offset 4, is never cleaned; so offset 2 is the last of `a` that the pass sees.
    let expected = [("b", 1), ("a", 2), ("c", 3), ("a", 4)];
    assert_eq!(keys_and_offsets(&cluster, "t"), expected.map(|(k, o)| (k.to_owned(), o)));
    assert_eq!(cluster.end_offset("t", 0).unwrap(), 5);

    let mut consumer = consumer(&cluster, IsolationLevel::ReadUncommitted);
    consumer.assign(&partition("t", 0), 0).unwrap();
    let batches = consumer.poll(2, Duration::ZERO).unwrap();
    let offsets: Vec<i64> =
        batches.iter().flat_map(|batch| batch.iter().map(|record| record.offset)).collect();
    assert_eq!(offsets, [1, 2]);
    assert_eq!(consumer.position(&partition("t", 0)), Some(3));
}

#[test]
fn a_tombstone_goes_with_the_second_pass() {
    let (cluster, _) = cluster();
    compacted_topic(&cluster);
    write(&cluster, "t", "a", Some("1"));
    write(&cluster, "t", "a", None);
    write(&cluster, "t", "head", Some("1"));
    cluster.compact("t").unwrap();
    let after_one = [("a".to_owned(), 1), ("head".to_owned(), 2)];
    assert_eq!(keys_and_offsets(&cluster, "t"), after_one);
    cluster.compact("t").unwrap();
    assert_eq!(keys_and_offsets(&cluster, "t"), [("head".to_owned(), 2)]);
}

#[test]
fn nothing_above_the_last_stable_offset_is_touched_and_aborted_records_go() {
    let (cluster, _) = cluster();
    compacted_topic(&cluster);
    let mut aborts = transactional(&cluster, "aborts");
    aborts.begin_transaction().unwrap();
    append(&mut *aborts, "t", &["aborted"]);
    aborts.abort_transaction().unwrap();
    write(&cluster, "t", "k", Some("kept"));
    let mut open = transactional(&cluster, "open");
    open.begin_transaction().unwrap();
    append(&mut *open, "t", &["open 1", "open 2"]);
    open.flush().unwrap();
    cluster.compact("t").unwrap();
    let seen = values(&cluster, "t", IsolationLevel::ReadUncommitted);
    assert_eq!(seen, ["kept", "open 1", "open 2"]);
    open.commit_transaction().unwrap();
    let seen = values(&cluster, "t", IsolationLevel::ReadCommitted);
    assert_eq!(seen, ["kept", "open 1", "open 2"]);
    cluster.compact("t").unwrap();
    assert_eq!(values(&cluster, "t", IsolationLevel::ReadCommitted), ["open 2"]);
}

#[test]
fn a_position_in_a_gap_reaches_the_end() {
    let (cluster, _) = cluster();
    compacted_topic(&cluster);
    write(&cluster, "t", "a", Some("1"));
    write(&cluster, "t", "a", None);
    let mut open = transactional(&cluster, "open");
    open.begin_transaction().unwrap();
    append(&mut *open, "t", &["x"]);
    open.flush().unwrap();
    cluster.compact("t").unwrap();
    cluster.compact("t").unwrap();
    let mut consumer = consumer(&cluster, IsolationLevel::ReadCommitted);
    consumer.assign(&partition("t", 0), 0).unwrap();
    assert!(poll(&mut *consumer, 10).is_empty());
    assert_eq!(consumer.position(&partition("t", 0)), Some(2));
    assert_eq!(consumer.lag(&partition("t", 0)), Some(0));
}

#[test]
fn a_growing_log_is_compacted_by_itself_and_keeps_young_tombstones() {
    let (cluster, _) = cluster();
    compacted_topic(&cluster);
    write(&cluster, "t", "gone", None);
    let mut producer = producer(&cluster, None);
    let headers = Headers::new();
    for round in 0..60 {
        for key in 0..1_000 {
            let (key, value) = (key.to_string(), round.to_string());
            producer.append_to(&partition("t", 0), record(&key, &value, &headers)).unwrap();
        }
        producer.flush().unwrap();
    }
    let records = cluster.read_all("t", IsolationLevel::ReadCommitted).unwrap();
    assert!(records.len() < 20_000, "{} records are left", records.len());
    assert!(records.iter().any(|record| record.key.as_deref() == Some(b"gone")));
    let last: BTreeMap<_, _> = records.iter().map(|r| (r.key.clone(), r.value.clone())).collect();
    assert_eq!(last.len(), 1_001);
    assert_eq!(last[&Some(b"7".to_vec())].as_deref(), Some(&b"59"[..]));
}

#[test]
fn a_compacted_topic_takes_no_record_without_a_key() {
    let (cluster, _) = cluster();
    compacted_topic(&cluster);
    let mut producer = producer(&cluster, None);
    let headers = Headers::new();
    let unkeyed = ProduceRecord { timestamp: 0, key: None, value: Some(b"v"), headers: &headers };
    producer.append_to(&partition("t", 0), unkeyed).unwrap();
    let refused = producer.flush().unwrap().remove(0).result.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Production);
    assert_eq!(producer.take_refused().len(), 1);
    assert_eq!(cluster.end_offset("t", 0).unwrap(), 0);
}
