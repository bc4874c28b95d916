//! Topics that gain partitions while a group reads them.

use super::*;
use crate::{ErrorKind, TaskId};

/// Lets workers send heartbeats until none gets news.
fn settle(workers: &mut [Worker], clock: &ManualClock) {
    for _ in 0..5 {
        for worker in workers.iter_mut() {
            worker.beat();
        }
        clock.advance(Duration::from_secs(1));
    }
}

fn active(workers: &[Worker]) -> Vec<TaskId> {
    let mut all: Vec<TaskId> =
        workers.iter().flat_map(|worker| worker.owned.active.iter().copied()).collect();
    all.sort();
    all
}

fn tasks(count: i32) -> Vec<TaskId> {
    (0..count).map(|partition| TaskId::new(0, partition)).collect()
}

#[test]
fn a_group_without_state_gets_tasks_for_new_partitions() {
    let (cluster, clock) = cluster();
    cluster.create_topic("in", 2).unwrap();
    let join = |client| join(client, topology("in", false), 0);
    let mut workers = ["a", "b"].map(|client| Worker::new(&cluster, join(client)));
    settle(&mut workers, &clock);
    assert_eq!(active(&workers), tasks(2));

    cluster.create_partitions("in", 5).unwrap();
    settle(&mut workers, &clock);
    assert_eq!(active(&workers), tasks(5));
}

#[test]
fn a_topic_of_somebody_else_changes_nothing_for_a_group() {
    let (cluster, clock) = cluster();
    cluster.create_topic("in", 2).unwrap();
    let mut workers = [Worker::new(&cluster, join("a", topology("in", true), 0))];
    settle(&mut workers, &clock);
    let epoch = workers[0].epoch();
    cluster.create_topic("other", 1).unwrap();
    cluster.create_partitions("other", 2).unwrap();
    settle(&mut workers, &clock);
    assert_eq!((workers[0].epoch(), active(&workers)), (epoch, tasks(2)));
}

#[test]
fn a_group_with_state_is_refused_when_a_source_topic_grows_beyond_its_changelog() {
    let (cluster, clock) = cluster();
    cluster.create_topic("in", 2).unwrap();
    let join = |client| join(client, topology("in", true), 0);
    let mut workers = ["a", "b"].map(|client| Worker::new(&cluster, join(client)));
    settle(&mut workers, &clock);
    assert_eq!(active(&workers), tasks(2));

    cluster.create_partitions("in", 3).unwrap();
    for worker in &mut workers {
        let refused = worker.member.heartbeat(&worker.owned, &worker.offsets).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidTopic);
        let text = refused.to_string();
        assert!(text.contains("-changelog` has 2 instead of 3"), "{text}");
        assert!(text.contains("reset the application"), "{text}");
    }
}

#[test]
fn a_topic_is_given_partitions_but_never_fewer() {
    let (cluster, _) = cluster();
    cluster.create_topic("in", 2).unwrap();
    for (topic, total) in [("in", 2), ("in", 1), ("in", -1), ("none", 3)] {
        let refused = cluster.create_partitions(topic, total).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidTopic, "{topic} {total}");
    }
    assert_eq!(cluster.topics()["in"].partitions, 2);
}
