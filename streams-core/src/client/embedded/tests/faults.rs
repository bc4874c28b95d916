use std::task::Waker;

use super::*;
use crate::{
    ErrorKind,
    client::embedded::{Fault, FaultInjector, Operation, OperationKind},
};

/// The given fault for each call of one kind, a limited number of times.
#[derive(Debug)]
struct Strike(OperationKind, Fault, usize);

impl FaultInjector for Strike {
    fn before(&mut self, operation: Operation<'_>) -> Fault {
        let Self(kind, fault, times) = self;
        if operation.kind != *kind || *times == 0 {
            return Fault::None;
        }
        *times -= 1;
        *fault
    }
}

fn strike(cluster: &EmbeddedCluster, kind: OperationKind, fault: Fault) {
    cluster.set_faults(Some(Box::new(Strike(kind, fault, 1))));
}

#[test]
fn an_unavailable_cluster_keeps_batches_open_for_the_next_flush() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    let mut producer = producer(&cluster, None);
    append(&mut *producer, "t", &["a"]);
    strike(&cluster, OperationKind::Produce, Fault::Unavailable);
    assert_eq!(producer.flush().unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(cluster.end_offset("t", 0).unwrap(), 0);
    append(&mut *producer, "t", &["b"]);
    assert_eq!(producer.flush().unwrap().len(), 1);
    assert_eq!(values(&cluster, "t", IsolationLevel::ReadCommitted), ["a", "b"]);
}

#[test]
fn a_lost_reply_leaves_the_records_written() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    let mut producer = producer(&cluster, None);
    append(&mut *producer, "t", &["a"]);
    strike(&cluster, OperationKind::Produce, Fault::LostReply);
    assert_eq!(producer.flush().unwrap_err().kind(), ErrorKind::Timeout);
    assert!(producer.flush().unwrap().is_empty());
    assert_eq!(values(&cluster, "t", IsolationLevel::ReadCommitted), ["a"]);
}

#[test]
fn a_late_batch_arrives_when_its_producer_has_given_it_up() {
    let (cluster, clock) = cluster();
    cluster.create_topic("t", 1).unwrap();
    let mut late = producer(&cluster, None);
    append(&mut *late, "t", &["late"]);
    strike(&cluster, OperationKind::Produce, Fault::Late(Duration::from_millis(50)));
    assert_eq!(late.flush().unwrap_err().kind(), ErrorKind::Timeout);
    drop(late);
    let mut next = producer(&cluster, None);
    append(&mut *next, "t", &["next"]);
    next.flush().unwrap();
    clock.advance(Duration::from_millis(50));
    assert_eq!(values(&cluster, "t", IsolationLevel::ReadCommitted), ["next", "late"]);
}

#[test]
fn a_torn_write_leaves_some_of_the_records() {
    let (cluster, _) = cluster();
    cluster.create_topic("a", 1).unwrap();
    cluster.create_topic("b", 1).unwrap();
    let mut producer = producer(&cluster, None);
    append(&mut *producer, "a", &["1"]);
    append(&mut *producer, "b", &["2"]);
    strike(&cluster, OperationKind::Produce, Fault::Torn(0b10));
    assert_eq!(producer.flush().unwrap_err().kind(), ErrorKind::Timeout);
    assert!(producer.flush().unwrap().is_empty());
    assert!(values(&cluster, "a", IsolationLevel::ReadCommitted).is_empty());
    assert_eq!(values(&cluster, "b", IsolationLevel::ReadCommitted), ["2"]);
    append(&mut *producer, "a", &["1", "2", "3"]);
    let first_two = 1 | 1 << 32 | 2 << 33;
    strike(&cluster, OperationKind::Produce, Fault::Torn(first_two));
    assert_eq!(producer.flush().unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(values(&cluster, "a", IsolationLevel::ReadCommitted), ["1", "2"]);
}

#[test]
fn a_partition_without_a_leader_holds_up_nothing_but_itself() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 2).unwrap();
    for partition in 0..2 {
        let headers = &Headers::new();
        let record = ProduceRecord { timestamp: 0, key: None, value: Some(b"v"), headers };
        cluster.produce("t", Some(partition), record).unwrap();
    }
    cluster.leaderless("t", 0, true).unwrap();
    let mut consumer = consumer(&cluster, IsolationLevel::ReadCommitted);
    let partitions = [TopicPartition::new("t", 0), TopicPartition::new("t", 1)];
    for partition in &partitions {
        consumer.assign(partition, 0).unwrap();
    }
    let read = |consumer: &mut Box<dyn Consumer>| {
        let batches = consumer.poll(10, Duration::ZERO).unwrap();
        batches.iter().map(|batch| batch.topic_partition().partition).collect::<Vec<_>>()
    };
    assert_eq!(read(&mut consumer), [1]);
    let mut admin = cluster.admin().unwrap();
    let firsts = admin.earliest_offsets(&partitions).wait().unwrap();
    assert_eq!(firsts[&partitions[0]].as_ref().unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(*firsts[&partitions[1]].as_ref().unwrap(), 0);
    cluster.leaderless("t", 0, false).unwrap();
    assert_eq!(read(&mut consumer), [0]);
}

#[test]
fn a_commit_whose_reply_was_lost_can_be_repeated_but_not_aborted() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    let mut producer = transactional(&cluster, "tx");
    for repeat in [true, false] {
        producer.begin_transaction().unwrap();
        append(&mut *producer, "t", &["a"]);
        strike(&cluster, OperationKind::CommitTransaction, Fault::LostReply);
        assert_eq!(producer.commit_transaction().unwrap_err().kind(), ErrorKind::Timeout);
        if repeat {
            producer.commit_transaction().unwrap();
        } else {
            let refused = producer.abort_transaction().unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidState);
        }
    }
    assert_eq!(cluster.end_offset("t", 0).unwrap(), 4);
    assert_eq!(values(&cluster, "t", IsolationLevel::ReadCommitted), ["a", "a"]);
}

#[test]
fn a_join_whose_reply_was_lost_leaves_one_member() {
    let (cluster, _) = cluster();
    cluster.create_topic("in", 2).unwrap();
    let mut worker = Worker::new(&cluster, join("a", topology("in", false), 0));
    strike(&cluster, OperationKind::Heartbeat, Fault::LostReply);
    let lost = worker.member.heartbeat(&worker.owned, &worker.offsets).unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Timeout);
    worker.beat();
    assert_eq!(worker.active(), ["0_0", "0_1"]);
    assert_eq!(cluster.members("app").len(), 1);
}

#[test]
fn a_heartbeat_whose_reply_was_lost_fences_nobody() {
    let (cluster, clock) = cluster();
    cluster.create_topic("in", 2).unwrap();
    let mut a = Worker::new(&cluster, join("a", topology("in", false), 0));
    a.beat();
    a.beat();
    let mut b = Worker::new(&cluster, join("b", topology("in", false), 0));
    b.beat();
    clock.advance(Duration::from_secs(1));
    a.beat();
    strike(&cluster, OperationKind::Heartbeat, Fault::LostReply);
    // This reply would have raised the epoch of A.
    let lost = a.member.heartbeat(&a.owned, &a.offsets).unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Timeout);
    a.beat();
    assert_eq!(a.epoch(), b.epoch());
    clock.advance(Duration::from_secs(1));
    b.beat();
    assert_eq!((a.owned.active.len(), b.owned.active.len()), (1, 1));
}

#[test]
fn while_the_broker_is_down_nothing_is_served_and_nothing_is_lost() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    write(&cluster, "t", "k", Some("v"));
    let mut consumer = consumer(&cluster, IsolationLevel::ReadCommitted);
    consumer.assign(&partition("t", 0), 0).unwrap();
    cluster.broker_down(true);
    let down = consumer.poll(10, Duration::ZERO).unwrap_err();
    assert_eq!(down.kind(), ErrorKind::Unavailable);
    let mut admin = cluster.admin().unwrap();
    assert_eq!(admin.describe_topics(&["t"]).wait().unwrap_err().kind(), ErrorKind::Unavailable);
    cluster.broker_down(false);
    assert_eq!(poll(&mut *consumer, 10), ["v"]);
}

#[test]
fn a_fetch_whose_reply_was_lost_does_not_move_the_consumer() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    write(&cluster, "t", "k", Some("v"));
    let mut consumer = consumer(&cluster, IsolationLevel::ReadCommitted);
    consumer.assign(&partition("t", 0), 0).unwrap();
    strike(&cluster, OperationKind::Fetch, Fault::LostReply);
    let lost = consumer.poll(10, Duration::ZERO).unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Unavailable);
    assert_eq!(poll(&mut *consumer, 10), ["v"]);
}

#[test]
fn a_delay_makes_an_answer_late_and_holds_nobody_up() {
    let (cluster, clock) = cluster();
    cluster.create_topic("t", 1).unwrap();
    let mut admin = cluster.admin().unwrap();
    let topic = NewTopic {
        name: "later".to_owned(),
        partitions: 1,
        replication_factor: -1,
        config: BTreeMap::new(),
    };
    strike(&cluster, OperationKind::ListOffsets, Fault::Delay(Duration::from_secs(5)));
    let mut answer = admin.earliest_offsets(&[partition("t", 0)]).all();
    assert!(answer.poll_with(Waker::noop()).is_none());
    clock.advance(Duration::from_secs(5));
    assert_eq!(answer.poll_with(Waker::noop()).unwrap().unwrap()[&partition("t", 0)], 0);
    // Waits are on the cluster's clock, which does not stand still for them.
    strike(&cluster, OperationKind::CreateTopics, Fault::Delay(Duration::from_secs(5)));
    admin.create_topics(&[topic]).wait().unwrap();
    assert_eq!(cluster.topics().len(), 2);
}
