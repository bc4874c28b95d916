use super::*;
use crate::{ErrorKind, TaskId};

fn stateless(client: &str) -> JoinGroup {
    join(client, topology("in", false), 0)
}

#[test]
fn a_member_that_asks_for_it_has_all_members_told_to_close() {
    let (cluster, _) = cluster();
    cluster.create_topic("in", 2).unwrap();
    let mut a = Worker::new(&cluster, stateless("a"));
    let mut b = Worker::new(&cluster, stateless("b"));
    let nothing = (TaskAssignment::default(), TaskOffsets::default());
    assert!(!a.member.heartbeat(&nothing.0, &nothing.1).unwrap().shutdown);
    b.member.shutdown_application();
    assert!(b.member.heartbeat(&nothing.0, &nothing.1).unwrap().shutdown);
    a.member.leave(false).unwrap();
    let a_again = a.member.heartbeat(&nothing.0, &nothing.1).unwrap();
    assert!(a_again.shutdown, "the request stays while there are members");
    a.member.leave(false).unwrap();
    b.member.leave(false).unwrap();
    let mut late = Worker::new(&cluster, stateless("late"));
    assert!(!late.member.heartbeat(&nothing.0, &nothing.1).unwrap().shutdown);
}

fn stateful(client: &str, standbys: usize) -> JoinGroup {
    join(client, topology("in", true), standbys)
}

#[test]
fn a_task_is_handed_over_only_when_its_owner_has_let_go() {
    let (cluster, clock) = cluster();
    cluster.create_topic("in", 4).unwrap();
    let mut a = Worker::new(&cluster, stateless("a"));
    assert_eq!(a.beat().unwrap().active.len(), 4);
    a.beat();
    let epoch = a.epoch();

    let mut b = Worker::new(&cluster, stateless("b"));
    assert_eq!(b.beat(), Some(TaskAssignment::default()), "all tasks are still with A");
    assert!(b.epoch() > epoch);
    assert_eq!(a.beat(), None, "no heartbeat is due");

    clock.advance(Duration::from_secs(1));
    assert_eq!(a.beat().unwrap().active.len(), 2);
    assert_eq!(a.epoch(), epoch, "A reported more than its target");
    assert_eq!(b.beat(), None, "A has not reported that it let go");

    clock.advance(Duration::from_secs(1));
    assert_eq!(a.beat(), None);
    assert_eq!(a.epoch(), b.epoch());
    let given = b.beat().unwrap().active;
    assert_eq!(given.len(), 2);
    assert!(given.is_disjoint(&a.owned.active));
}

#[test]
fn members_share_the_tasks_after_a_few_heartbeats() {
    let (cluster, clock) = cluster();
    cluster.create_topic("in", 6).unwrap();
    let mut workers: Vec<Worker> =
        ["a", "b", "c"].map(|client| Worker::new(&cluster, stateless(client))).into();
    for _ in 0..6 {
        for worker in &mut workers {
            worker.beat();
        }
        let mut running: Vec<String> = workers.iter().flat_map(Worker::active).collect();
        let count = running.len();
        running.sort();
        running.dedup();
        assert_eq!(running.len(), count, "a task runs twice");
        clock.advance(Duration::from_secs(1));
    }
    assert!(workers.iter().all(|worker| worker.owned.active.len() == 2));
    let epochs: Vec<i32> = workers.iter().map(Worker::epoch).collect();
    assert!(epochs.iter().all(|epoch| *epoch == epochs[0]), "{epochs:?}");
    let members = cluster.members("app");
    assert_eq!(members.len(), 3);
    assert!(members.iter().all(|member| member.owned == member.target));
}

#[test]
fn a_silent_member_loses_its_tasks_and_is_fenced() {
    let (cluster, clock) = cluster();
    cluster.create_topic("in", 2).unwrap();
    let (mut a, mut b) =
        (Worker::new(&cluster, stateless("a")), Worker::new(&cluster, stateless("b")));
    for _ in 0..4 {
        a.beat();
        b.beat();
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!((a.owned.active.len(), b.owned.active.len()), (1, 1));
    for _ in 0..3 {
        clock.advance(Duration::from_secs(20));
        b.beat();
    }
    assert_eq!(b.active(), ["0_0", "0_1"]);
    let fenced = a.member.heartbeat(&a.owned, &a.offsets).unwrap_err();
    assert_eq!(fenced.kind(), ErrorKind::Fenced);
    a.owned = TaskAssignment::default();
    for _ in 0..3 {
        a.beat();
        b.beat();
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!((a.owned.active.len(), b.owned.active.len()), (1, 1));
}

#[test]
fn a_tick_ends_a_session_without_any_call() {
    let (cluster, clock) = cluster();
    cluster.create_topic("in", 1).unwrap();
    Worker::new(&cluster, stateless("a")).beat();
    assert_eq!(cluster.members("app").len(), 1);
    clock.advance(Duration::from_secs(46));
    cluster.tick();
    assert!(cluster.members("app").is_empty());
}

#[test]
fn a_member_that_leaves_is_replaced_at_once() {
    let (cluster, clock) = cluster();
    cluster.create_topic("in", 2).unwrap();
    let (mut a, mut b) =
        (Worker::new(&cluster, stateless("a")), Worker::new(&cluster, stateless("b")));
    for _ in 0..4 {
        a.beat();
        b.beat();
        clock.advance(Duration::from_secs(1));
    }
    a.member.leave(false).unwrap();
    b.beat();
    assert_eq!(b.active(), ["0_0", "0_1"]);
    assert_eq!(cluster.members("app").len(), 1);
}

#[test]
fn a_static_member_gets_its_tasks_back_and_its_former_self_is_fenced() {
    let (cluster, clock) = cluster();
    cluster.create_topic("in", 4).unwrap();
    let instance = |client: &str| JoinGroup {
        group_instance_id: Some(format!("{client}-instance")),
        ..stateless(client)
    };
    let (mut a, mut b) =
        (Worker::new(&cluster, instance("a")), Worker::new(&cluster, instance("b")));
    for _ in 0..4 {
        a.beat();
        b.beat();
        clock.advance(Duration::from_secs(1));
    }
    let (tasks, epoch) = (a.active(), b.epoch());
    a.member.leave(false).unwrap();
    clock.advance(Duration::from_secs(30));
    b.beat();
    assert_eq!(b.owned.active.len(), 2, "within the session timeout nothing moves");

    let mut again = Worker::new(&cluster, instance("a"));
    again.beat();
    assert_eq!(again.active(), tasks);
    assert_eq!((again.epoch(), b.epoch()), (epoch, epoch), "there was no rebalance");
    let offsets = [(partition("in", 0), at(1))];
    assert_eq!(a.member.commit_offsets(&offsets).wait().unwrap_err().kind(), ErrorKind::Fenced);

    let mut third = Worker::new(&cluster, instance("a"));
    third.beat();
    clock.advance(Duration::from_secs(1));
    let fenced = again.member.heartbeat(&TaskAssignment::default(), &again.offsets).unwrap_err();
    assert_eq!(fenced.kind(), ErrorKind::Fenced);
}

/// It once kept its target, with standbys in the process of their active tasks, which no member
/// could ever own.
#[test]
fn a_static_member_that_comes_back_as_another_process_gets_a_new_target() {
    let (cluster, clock) = cluster();
    cluster.create_topic("in", 2).unwrap();
    let instance = |client: &str, instance: &str| JoinGroup {
        group_instance_id: Some(instance.to_owned()),
        ..stateful(client, 1)
    };
    let (mut a, mut b) =
        (Worker::new(&cluster, instance("a", "one")), Worker::new(&cluster, instance("b", "two")));
    for _ in 0..4 {
        a.beat();
        b.beat();
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(b.standby().len(), 1);

    let mut again = Worker::new(&cluster, instance("a", "two"));
    for _ in 0..4 {
        again.beat();
        a.beat();
        clock.advance(Duration::from_secs(1));
    }
    assert!(again.standby().is_empty(), "there is no other process");
    assert_eq!(again.owned.active.len() + a.owned.active.len(), 2);
}

#[test]
fn a_static_member_that_stays_away_is_given_up_in_the_end() {
    let (cluster, clock) = cluster();
    cluster.create_topic("in", 2).unwrap();
    let instance = JoinGroup { group_instance_id: Some("i".to_owned()), ..stateless("a") };
    let (mut a, mut b) = (Worker::new(&cluster, instance), Worker::new(&cluster, stateless("b")));
    for _ in 0..4 {
        a.beat();
        b.beat();
        clock.advance(Duration::from_secs(1));
    }
    a.member.leave(false).unwrap();
    for _ in 0..3 {
        clock.advance(Duration::from_secs(20));
        b.beat();
    }
    assert_eq!(b.active(), ["0_0", "0_1"]);
}

#[test]
fn a_standby_takes_over() {
    let (cluster, clock) = cluster();
    cluster.create_topic("in", 2).unwrap();
    let mut workers: Vec<Worker> =
        ["a", "b", "c"].map(|client| Worker::new(&cluster, stateful(client, 1))).into();
    for _ in 0..8 {
        for worker in &mut workers {
            let owned = worker.owned.clone();
            let running = owned.active.iter().chain(&owned.standby).chain(&owned.warmup);
            worker.offsets.lags = running.map(|&task| (task, 0)).collect();
            worker.beat();
        }
        clock.advance(Duration::from_secs(1));
    }
    let standbys: usize = workers.iter().map(|worker| worker.standby().len()).sum();
    assert_eq!(standbys, 2);
    assert!(workers.iter().all(|worker| worker.owned.warmup.is_empty()));
    let at = workers.iter().position(|worker| !worker.active().is_empty()).unwrap();
    let mut gone = workers.remove(at);
    let lost = gone.active()[0].clone();
    let heir = workers.iter().position(|worker| worker.standby().contains(&lost)).unwrap();
    gone.member.leave(false).unwrap();
    workers[heir].beat();
    assert!(workers[heir].active().contains(&lost));
}

#[test]
fn a_stateful_task_moves_when_its_warm_up_has_caught_up() {
    let (cluster, clock) = cluster();
    cluster.create_topic("in", 2).unwrap();
    let (mut a, mut b) =
        (Worker::new(&cluster, stateful("a", 0)), Worker::new(&cluster, stateful("b", 0)));
    a.beat();
    a.offsets.lags.extend(a.owned.active.iter().map(|&task| (task, 0)));
    a.beat();
    b.beat();
    assert_eq!(b.owned.warmup.len(), 1);
    let warm = b.owned.warmup.first().copied().unwrap();
    b.offsets.lags.insert(warm, 5_000);
    clock.advance(Duration::from_secs(1));
    assert_eq!(b.beat(), None);
    assert_eq!(a.beat(), None, "A keeps both tasks while B warms up");

    b.offsets.lags.insert(warm, 100);
    clock.advance(Duration::from_secs(1));
    b.beat();
    assert!(a.owned.active.contains(&warm) && !b.owned.active.contains(&warm));
    assert!(b.owned.warmup.contains(&warm), "until A lets go, B stays warm");
    clock.advance(Duration::from_secs(1));
    a.beat();
    a.beat();
    clock.advance(Duration::from_secs(1));
    b.beat();
    assert_eq!(b.owned.active, [warm].into());
    assert_eq!(a.owned.active.len(), 1);
    assert!(b.owned.warmup.is_empty());
}

#[test]
fn a_task_moves_within_a_process_only_when_its_state_is_free() {
    let (cluster, clock) = cluster();
    cluster.create_topic("in", 2).unwrap();
    let thread = |client: &str| JoinGroup { process_id: Uuid::from_u128(1), ..stateful(client, 1) };
    let (mut a, mut b) = (Worker::new(&cluster, thread("a")), Worker::new(&cluster, thread("b")));
    a.beat();
    a.offsets.lags.extend(a.owned.active.iter().map(|&task| (task, 0)));
    b.beat();
    assert!(b.owned.is_empty(), "the state of both tasks is open in the other thread");
    for _ in 0..4 {
        a.beat();
        b.beat();
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!((a.owned.active.len(), b.owned.active.len()), (1, 1));
    assert!(a.standby().is_empty() && b.standby().is_empty(), "one process keeps no standbys");
}

#[test]
fn internal_topics_are_created_for_the_first_member() {
    let (cluster, _) = cluster();
    cluster.create_topic("in", 3).unwrap();
    Worker::new(&cluster, stateful("a", 0)).beat();
    assert_eq!(cluster.topics()["app-store-changelog"].partitions, 3);
}

#[test]
fn a_missing_source_topic_is_named_and_joining_works_once_it_is_there() {
    let (cluster, _) = cluster();
    let mut a = Worker::new(&cluster, stateless("a"));
    let error = a.member.heartbeat(&a.owned, &a.offsets).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingSourceTopic);
    let text = error.to_string();
    assert!(text.contains("`in` of sub-topology 0"), "{text}");
    assert!(cluster.members("app").is_empty());
    cluster.create_topic("in", 1).unwrap();
    a.beat();
    assert_eq!(a.active(), ["0_0"]);
}

#[test]
fn a_member_with_another_topology_is_refused_until_the_others_are_gone() {
    let (cluster, _) = cluster();
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("other", 1).unwrap();
    let mut a = Worker::new(&cluster, stateless("a"));
    a.beat();
    let mut b = Worker::new(&cluster, join("b", topology("other", false), 0));
    let error = b.member.heartbeat(&b.owned, &b.offsets).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("sub-topology 0 of member `b-"), "{error}");
    a.member.leave(false).unwrap();
    b.beat();
    assert_eq!(b.owned.active, [TaskId::new(0, 0)].into());
}
