//! A member between an owner and a leader simulated by the tests.

use std::{sync::Arc, time::Duration};

use super::*;
use crate::{
    TopicPartition,
    client::StandbySettings,
    config::GroupProtocol,
    membership::{GroupTopology, Subtopology},
};

fn join() -> JoinGroup {
    let part =
        Subtopology { source_topics: ["orders".to_owned()].into(), ..Subtopology::default() };
    JoinGroup {
        group_id: "app".to_owned(),
        client_id: "a".to_owned(),
        process_id: Uuid::from_u128(7),
        group_instance_id: None,
        client_tags: BTreeMap::new(),
        group_protocol: GroupProtocol::Classic,
        application_server: Some("host-a:80".to_owned()),
        session_timeout: Duration::from_secs(45),
        heartbeat_interval: Duration::from_secs(3),
        max_poll_interval: Duration::from_secs(300),
        topology: Arc::new(GroupTopology { subtopologies: [(0, part)].into() }),
        standby: StandbySettings {
            num_standby_replicas: 0,
            acceptable_recovery_lag: 0,
            max_warmup_replicas: 1,
            probing_rebalance_interval: Duration::from_secs(60),
            replication_factor: -1,
        },
    }
}

fn active(partitions: &[i32]) -> TaskAssignment {
    let tasks = partitions.iter().map(|partition| TaskId::new(0, *partition));
    let inputs = tasks.clone().zip(places(partitions).into_iter().map(|place| [place].into()));
    TaskAssignment {
        active: tasks.collect(),
        inputs: inputs.collect(),
        ..TaskAssignment::default()
    }
}

fn places(partitions: &[i32]) -> BTreeSet<TopicPartition> {
    partitions.iter().map(|partition| TopicPartition::new("orders", *partition)).collect()
}

fn info(partitions: &[i32]) -> AssignmentInfo {
    let mut info = AssignmentInfo::failed(11, AssignorError::None);
    info.active = partitions.iter().map(|partition| TaskId::new(0, *partition)).collect();
    info
}

fn told(info: &AssignmentInfo) -> Vec<u8> {
    let partitions: Vec<i32> = info.active.iter().map(|task| task.partition).collect();
    ConsumerAssignment { partitions: places(&partitions), user_data: info.encode() }.encode()
}

fn report(state: &mut MemberState, owned: &[i32]) {
    state.report(&active(owned), &TaskOffsets::default());
}

fn subscription(state: &mut MemberState) -> (ConsumerSubscription, SubscriptionInfo) {
    let subscription = ConsumerSubscription::decode(&state.subscription(BTreeSet::new())).unwrap();
    let info = SubscriptionInfo::decode(&subscription.user_data).unwrap();
    (subscription, info)
}

#[test]
fn a_subscription_claims_what_the_owner_has_and_what_it_was_told_to_have() {
    let mut state = MemberState::new(&join());
    let (first, first_info) = subscription(&mut state);
    assert_eq!((first.owned.len(), first.generation), (0, -1));
    assert_eq!(first_info.user_endpoint.as_deref(), Some("host-a:80"));

    let heartbeat = state.assigned(1, &told(&info(&[0, 1])), 0).unwrap();
    assert_eq!(heartbeat.assignment, Some(active(&[0, 1])));
    let (told_only, second_info) = subscription(&mut state);
    assert_eq!((told_only.owned, told_only.generation), (places(&[0, 1]), 1));
    assert_ne!(first_info.unique_field, second_info.unique_field);

    report(&mut state, &[0, 1]);
    let heartbeat = state.assigned(2, &told(&info(&[1, 2])), 0).unwrap();
    assert_eq!(heartbeat.assignment, Some(active(&[1, 2])));
    assert_eq!(subscription(&mut state).0.owned, places(&[0, 1, 2]));
    report(&mut state, &[1, 2]);
    assert_eq!(subscription(&mut state).0.owned, places(&[1, 2]));
}

#[test]
fn the_member_joins_again_when_its_owner_has_given_up_what_others_are_to_have() {
    let mut state = MemberState::new(&join());
    state.assigned(1, &told(&info(&[0, 1])), 0).unwrap();
    report(&mut state, &[0, 1]);
    let mut less = info(&[1]);
    less.next_rebalance_ms = Some(0);
    state.assigned(2, &told(&less), 0).unwrap();
    assert_eq!(state.rejoin_reason(1_000_000), None);
    report(&mut state, &[0, 1]);
    assert_eq!(state.rejoin_reason(1_000_000), None, "it still has the task");
    report(&mut state, &[1]);
    assert!(state.rejoin_reason(0).is_some());
    assert_eq!(state.rejoin_reason(0), None, "it asks once");
}

#[test]
fn the_member_joins_again_when_the_leader_says_so() {
    let mut state = MemberState::new(&join());
    let mut probe = info(&[0]);
    probe.next_rebalance_ms = Some(60_000);
    state.assigned(1, &told(&probe), 0).unwrap();
    assert_eq!(state.rejoin_reason(59_999), None);
    assert!(state.rejoin_reason(60_000).is_some());

    // A Java leader asks the member that waits for others, too; they come by themselves.
    probe.next_rebalance_ms = Some(0);
    state.assigned(2, &told(&probe), 100_000).unwrap();
    assert_eq!(state.rejoin_reason(102_999), None);
    assert!(state.rejoin_reason(103_000).is_some());
}

#[test]
fn an_assignment_that_says_nothing_new_is_no_news() {
    let mut state = MemberState::new(&join());
    state.assigned(1, &told(&info(&[0])), 0).unwrap();
    let again = state.assigned(2, &told(&info(&[0])), 0).unwrap();
    assert_eq!(again, Heartbeat::default());
    assert_eq!(subscription(&mut state).0.generation, 2);
    state.forget();
    let anew = state.assigned(3, &told(&info(&[0])), 0).unwrap();
    assert_eq!(anew.assignment, Some(active(&[0])));
}

#[test]
fn the_version_goes_down_with_an_older_leader_and_up_again() {
    let mut state = MemberState::new(&join());
    let mut older = info(&[0]);
    (older.version, older.commonly_supported_version) = (9, 9);
    state.assigned(1, &told(&older), 0).unwrap();
    assert!(state.rejoin_reason(0).is_some());
    assert_eq!(subscription(&mut state).1.version, 9);
    older.commonly_supported_version = 11;
    state.assigned(2, &told(&older), 0).unwrap();
    assert!(state.rejoin_reason(0).is_some());
    assert_eq!(subscription(&mut state).1.version, 11);
}

#[test]
fn an_address_that_the_group_does_not_know_is_told_again() {
    let mut state = MemberState::new(&join());
    let mut with_hosts = info(&[0]);
    let other = HostInfo::parse("host-b:80").unwrap();
    with_hosts.partitions_by_host.insert(other, BTreeSet::new());
    state.assigned(1, &told(&with_hosts), 0).unwrap();
    assert!(state.rejoin_reason(0).is_some());
    let own = HostInfo::parse("host-a:80").unwrap();
    with_hosts.partitions_by_host.insert(own, BTreeSet::new());
    state.assigned(2, &told(&with_hosts), 0).unwrap();
    assert_eq!(state.rejoin_reason(0), None);
}

#[test]
fn sums_tell_running_tasks_from_those_that_are_on_their_way() {
    let mut state = MemberState::new(&join());
    let [running, restoring] = [TaskId::new(0, 0), TaskId::new(0, 1)];
    let offsets = TaskOffsets {
        lags: [(running, 0), (restoring, 58)].into(),
        offset_sums: [(restoring, 42)].into(),
    };
    state.report(&active(&[0, 1]), &offsets);
    let sums = subscription(&mut state).1.offset_sums;
    assert_eq!(sums, [(running, RUNNING), (restoring, 42)].into());
}

#[test]
fn a_request_to_close_is_told_to_the_leader_and_heard_from_it() {
    let mut state = MemberState::new(&join());
    assert!(state.ask_shutdown());
    assert!(!state.ask_shutdown(), "it is asked for already");
    assert_eq!(subscription(&mut state).1.error, AssignorError::ShutdownRequested);
    let close = AssignmentInfo::failed(11, AssignorError::ShutdownRequested);
    assert!(state.assigned(1, &told(&close), 0).unwrap().shutdown);
    assert!(state.is_told_shutdown());
}

#[test]
fn the_leaders_errors_are_the_members() {
    let mut state = MemberState::new(&join());
    for (error, kind) in [
        (AssignorError::IncompleteSourceTopicMetadata, ErrorKind::MissingSourceTopic),
        (AssignorError::AssignmentError, ErrorKind::Fatal),
        (AssignorError::Other(9), ErrorKind::Fatal),
    ] {
        let failed = told(&AssignmentInfo::failed(11, error));
        assert_eq!(state.assigned(1, &failed, 0).unwrap_err().kind(), kind);
    }
    assert_eq!(state.assigned(1, &[1, 2], 0).unwrap_err().kind(), ErrorKind::Fatal);
}

/// A second topology under the `application.id` of another joined its group, and failed on topics
/// that it did not know.
#[test]
fn a_member_whose_topology_is_not_the_groups_hears_why_from_the_leader() {
    let mut state = MemberState::new(&join());
    assert_eq!(subscription(&mut state).1.topology, Some(fingerprint(&join().topology)));
    let bytes = crate::client::java_protocol::refusal("give it an application.id".to_owned());
    let error = state.assigned(1, &bytes, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("application.id"), "{error}");
}
