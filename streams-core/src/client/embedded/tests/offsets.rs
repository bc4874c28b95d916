use std::slice::from_ref;

use super::*;
use crate::{ErrorKind, client::GroupMetadata};

fn working(cluster: &EmbeddedCluster) -> Worker {
    cluster.create_topic("in", 2).unwrap();
    let mut worker = Worker::new(cluster, join("a", topology("in", false), 0));
    worker.beat();
    worker.beat();
    worker
}

#[test]
fn a_member_commits_and_reads_back_the_offsets_of_its_group() {
    let (cluster, _) = cluster();
    let mut worker = working(&cluster);
    let (zero, one) = (partition("in", 0), partition("in", 1));
    assert!(worker.member.committed_offsets(from_ref(&zero)).wait().unwrap().is_empty());
    let committed =
        OffsetAndMetadata { offset: 5, metadata: "time".to_owned(), leader_epoch: Some(3) };
    worker.member.commit_offsets(&[(zero.clone(), committed.clone())]).wait().unwrap();
    let read = worker.member.committed_offsets(&[zero.clone(), one]).wait().unwrap();
    assert_eq!(read, BTreeMap::from([(zero, committed)]));
    assert_eq!(cluster.committed("app"), read);
}

#[test]
fn offsets_of_a_transaction_count_from_its_commit() {
    let (cluster, _) = cluster();
    let mut worker = working(&cluster);
    let zero = partition("in", 0);
    let mut producer = transactional(&cluster, "tx");
    producer.begin_transaction().unwrap();
    let metadata = worker.member.group_metadata();
    producer.send_offsets(&[(zero.clone(), at(3))], &metadata).unwrap();
    let held = worker.member.committed_offsets(from_ref(&zero)).wait().unwrap_err();
    assert_eq!(held.kind(), ErrorKind::Unavailable);
    assert!(worker.member.committed_offsets(&[partition("in", 1)]).wait().unwrap().is_empty());
    producer.abort_transaction().unwrap();
    assert!(worker.member.committed_offsets(from_ref(&zero)).wait().unwrap().is_empty());

    producer.begin_transaction().unwrap();
    producer.send_offsets(&[(zero.clone(), at(4))], &metadata).unwrap();
    producer.commit_transaction().unwrap();
    let read = worker.member.committed_offsets(from_ref(&zero)).wait().unwrap();
    assert_eq!(read[&zero], at(4));
}

#[test]
fn a_new_producer_lets_go_of_the_offsets_that_the_old_one_left_pending() {
    let (cluster, _) = cluster();
    let mut worker = working(&cluster);
    let zero = partition("in", 0);
    let mut zombie = transactional(&cluster, "tx");
    zombie.begin_transaction().unwrap();
    zombie.send_offsets(&[(zero.clone(), at(3))], &worker.member.group_metadata()).unwrap();
    drop(transactional(&cluster, "tx"));
    assert!(worker.member.committed_offsets(&[zero]).wait().unwrap().is_empty());
}

#[test]
fn a_zombie_can_commit_neither_offsets_nor_a_transaction_with_them() {
    let (cluster, clock) = cluster();
    let mut zombie = working(&cluster);
    let stale = zombie.member.group_metadata();
    clock.advance(Duration::from_secs(46));
    let mut heir = Worker::new(&cluster, join("b", topology("in", false), 0));
    heir.beat();
    assert_eq!(heir.active(), ["0_0", "0_1"]);

    let offsets = [(partition("in", 0), at(9))];
    assert_eq!(
        zombie.member.commit_offsets(&offsets).wait().unwrap_err().kind(),
        ErrorKind::Fenced
    );
    let mut producer = transactional(&cluster, "tx");
    producer.begin_transaction().unwrap();
    let refused = producer.send_offsets(&offsets, &stale).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Fenced);
    producer.abort_transaction().unwrap();
    let older = GroupMetadata { member_epoch: 0, ..heir.member.group_metadata() };
    producer.begin_transaction().unwrap();
    assert_eq!(producer.send_offsets(&offsets, &older).unwrap_err().kind(), ErrorKind::Fenced);
    assert!(cluster.committed("app").is_empty());
}

#[test]
fn the_epoch_before_is_good_for_tasks_that_the_member_still_holds() {
    let (cluster, clock) = cluster();
    let mut first = working(&cluster);
    let before = first.member.group_metadata();
    let mut second = Worker::new(&cluster, join("b", topology("in", false), 0));
    second.beat();
    clock.advance(Duration::from_secs(1));
    first.beat();
    first.beat();
    assert_eq!(first.epoch(), second.epoch());
    assert!(before.member_epoch < first.epoch());
    let kept = i32::from(first.active() != ["0_0"]);
    let mut producer = transactional(&cluster, "tx");
    producer.begin_transaction().unwrap();
    producer.send_offsets(&[(partition("in", kept), at(1))], &before).unwrap();
    let given_up = [(partition("in", 1 - kept), at(1))];
    assert_eq!(producer.send_offsets(&given_up, &before).unwrap_err().kind(), ErrorKind::Fenced);
}
