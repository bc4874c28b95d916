use super::*;
use crate::ErrorKind;

use IsolationLevel::{ReadCommitted, ReadUncommitted};

#[test]
fn records_show_with_the_commit_and_the_marker_takes_an_offset() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    let mut producer = transactional(&cluster, "tx");
    producer.begin_transaction().unwrap();
    append(&mut *producer, "t", &["a", "b"]);
    producer.flush().unwrap();
    assert!(values(&cluster, "t", ReadCommitted).is_empty());
    assert_eq!(values(&cluster, "t", ReadUncommitted), ["a", "b"]);
    producer.commit_transaction().unwrap();
    assert_eq!(values(&cluster, "t", ReadCommitted), ["a", "b"]);
    assert_eq!(cluster.end_offset("t", 0).unwrap(), 3);
}

#[test]
fn an_abort_hides_records_but_only_from_those_who_read_committed() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    let mut producer = transactional(&cluster, "tx");
    producer.begin_transaction().unwrap();
    append(&mut *producer, "t", &["sent"]);
    producer.flush().unwrap();
    append(&mut *producer, "t", &["never sent"]);
    producer.abort_transaction().unwrap();
    write(&cluster, "t", "k", Some("later"));
    assert_eq!(values(&cluster, "t", ReadCommitted), ["later"]);
    assert_eq!(values(&cluster, "t", ReadUncommitted), ["sent", "later"]);
    producer.begin_transaction().unwrap();
    append(&mut *producer, "t", &["again"]);
    producer.commit_transaction().unwrap();
    assert_eq!(values(&cluster, "t", ReadCommitted), ["later", "again"]);
}

#[test]
fn an_open_transaction_holds_back_all_that_is_behind_it() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    write(&cluster, "t", "k", Some("before"));
    let (mut one, mut two) = (transactional(&cluster, "one"), transactional(&cluster, "two"));
    for producer in [&mut one, &mut two] {
        producer.begin_transaction().unwrap();
    }
    append(&mut *one, "t", &["one"]);
    one.flush().unwrap();
    append(&mut *two, "t", &["two"]);
    two.commit_transaction().unwrap();
    assert_eq!(values(&cluster, "t", ReadCommitted), ["before"]);
    let mut admin = cluster.admin().unwrap();
    let partition = [partition("t", 0)];
    let stable = admin.latest_offsets(&partition, ReadCommitted).all().wait().unwrap();
    assert_eq!(stable[&partition[0]], 1);
    assert_eq!(
        admin.latest_offsets(&partition, ReadUncommitted).all().wait().unwrap()[&partition[0]],
        4
    );
    one.abort_transaction().unwrap();
    assert_eq!(values(&cluster, "t", ReadCommitted), ["before", "two"]);
}

#[test]
fn a_consumer_steps_over_markers_and_aborted_records() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    let mut producer = transactional(&cluster, "tx");
    for (value, commit) in [("a", true), ("x", false), ("b", true), ("y", false)] {
        producer.begin_transaction().unwrap();
        append(&mut *producer, "t", &[value]);
        if commit {
            producer.commit_transaction().unwrap();
        } else {
            producer.flush().unwrap();
            producer.abort_transaction().unwrap();
        }
    }
    let partition = partition("t", 0);
    let mut consumer = consumer(&cluster, ReadCommitted);
    consumer.assign(&partition, 0).unwrap();
    assert_eq!(poll(&mut *consumer, 1), ["a"]);
    assert_eq!(consumer.position(&partition), Some(4), "the next visible record is `b`");
    assert_eq!(poll(&mut *consumer, 10), ["b"]);
    assert_eq!(consumer.position(&partition), Some(8));
    assert_eq!(consumer.lag(&partition), Some(0));
    consumer.assign(&partition, 6).unwrap();
    let batches = consumer.poll(10, Duration::ZERO).unwrap();
    assert_eq!(batches.len(), 1);
    assert!(batches[0].is_empty(), "a batch without records says that the position moved");
    assert_eq!(batches[0].next_offset(), 8);
    assert!(consumer.poll(10, Duration::ZERO).unwrap().is_empty());
}

#[test]
fn a_second_producer_fences_the_first_and_aborts_what_it_left_open() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    let mut zombie = transactional(&cluster, "tx");
    zombie.begin_transaction().unwrap();
    append(&mut *zombie, "t", &["left open"]);
    zombie.flush().unwrap();
    let mut heir = transactional(&cluster, "tx");
    write(&cluster, "t", "k", Some("after"));
    assert_eq!(values(&cluster, "t", ReadCommitted), ["after"]);
    append(&mut *zombie, "t", &["more"]);
    assert_eq!(zombie.flush().unwrap_err().kind(), ErrorKind::Fenced);
    assert_eq!(zombie.commit_transaction().unwrap_err().kind(), ErrorKind::Fenced);
    heir.begin_transaction().unwrap();
    append(&mut *heir, "t", &["heir"]);
    heir.commit_transaction().unwrap();
    assert_eq!(values(&cluster, "t", ReadCommitted), ["after", "heir"]);
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced() {
    let (cluster, clock) = cluster();
    cluster.create_topic("t", 1).unwrap();
    let mut producer = transactional(&cluster, "tx");
    producer.begin_transaction().unwrap();
    append(&mut *producer, "t", &["slow"]);
    producer.flush().unwrap();
    write(&cluster, "t", "k", Some("behind"));
    clock.advance(Duration::from_secs(10));
    assert!(values(&cluster, "t", ReadCommitted).is_empty());
    clock.advance(Duration::from_millis(1));
    assert_eq!(values(&cluster, "t", ReadCommitted), ["behind"]);
    assert_eq!(producer.commit_transaction().unwrap_err().kind(), ErrorKind::Fenced);
    producer.init_transactions().unwrap();
    producer.begin_transaction().unwrap();
    append(&mut *producer, "t", &["quick"]);
    producer.commit_transaction().unwrap();
    assert_eq!(values(&cluster, "t", ReadCommitted), ["behind", "quick"]);
}

#[test]
fn transactional_calls_out_of_order_are_refused() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    let mut producer = producer(&cluster, Some("tx"));
    assert_eq!(producer.begin_transaction().unwrap_err().kind(), ErrorKind::InvalidState);
    producer.init_transactions().unwrap();
    let headers = Headers::new();
    let outside = producer.append_to(&partition("t", 0), record("k", "v", &headers)).unwrap_err();
    assert_eq!(outside.kind(), ErrorKind::InvalidState);
    assert_eq!(producer.commit_transaction().unwrap_err().kind(), ErrorKind::InvalidState);
    producer.begin_transaction().unwrap();
    assert_eq!(producer.begin_transaction().unwrap_err().kind(), ErrorKind::InvalidState);
    producer.commit_transaction().unwrap();
    producer.begin_transaction().unwrap();
    producer.abort_transaction().unwrap();
    assert_eq!(cluster.end_offset("t", 0).unwrap(), 0, "empty transactions leave no marker");
}

/// A reader that took part of a transaction's records jumped to the end of the marker after them,
/// and lost the rest.
#[test]
fn a_transaction_larger_than_a_poll_is_read_to_its_end() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    let mut producer = transactional(&cluster, "tx");
    producer.begin_transaction().unwrap();
    append(&mut *producer, "t", &["a", "b", "c"]);
    producer.commit_transaction().unwrap();
    let mut reader = consumer(&cluster, ReadCommitted);
    reader.assign(&partition("t", 0), 0).unwrap();
    assert_eq!(poll(&mut *reader, 2), ["a", "b"]);
    assert_eq!(reader.position(&partition("t", 0)), Some(2));
    assert_eq!(poll(&mut *reader, 2), ["c"]);
    assert_eq!(reader.position(&partition("t", 0)), Some(4), "over the marker");
}
