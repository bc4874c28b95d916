//! Members on a real broker, named by `KAFKA_STREAMS_TEST_BOOTSTRAP`. Without it they are skipped.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use uuid::Uuid;

use super::*;
use crate::{
    ErrorKind, Result, TaskId,
    client::{JoinGroup, Membership, NewTopic, OffsetAndMetadata, StandbySettings},
    config::GroupProtocol,
    membership::{GroupTopology, InternalTopic, Subtopology, TaskAssignment, TaskOffsets},
    time::{Clock, SystemClock},
};

/// Time for which a test waits for an expected event.
const PATIENCE_MS: i64 = 60_000;

/// A control plane, and a name for topics and group that no other test uses.
fn world(test: &str) -> Option<(ControlPlane, String)> {
    let Ok(bootstrap) = std::env::var("KAFKA_STREAMS_TEST_BOOTSTRAP") else {
        println!("skipped: KAFKA_STREAMS_TEST_BOOTSTRAP is not set");
        return None;
    };
    let config = kafka_client::ClientConfig::new(bootstrap.split(','));
    let control = ControlPlane::new(config, Arc::new(SystemClock)).unwrap();
    Some((control, format!("{test}-{}", Uuid::new_v4().simple())))
}

#[test]
fn records_may_be_on_their_way_while_the_session_lasts_for_certain() {
    let delivery = |session, interval| {
        super::longest_delivery(Duration::from_millis(session), Duration::from_millis(interval))
            .as_millis()
    };
    assert_eq!(delivery(45_000, 3_000), 30_000);
    assert_eq!(delivery(6_000, 3_000), 1_500, "the last heartbeat may be 4.5 seconds ago");
    assert_eq!(delivery(6_000, 5_900), 1_000);
}

fn create(control: &ControlPlane, topic: &str, partitions: i32) {
    let name = topic.to_owned();
    let topic = NewTopic { name, partitions, replication_factor: 1, config: BTreeMap::new() };
    control.admin().create_topics(&[topic]).wait().unwrap();
}

/// A member of group `app` that reads topic `app-in` and has state.
fn join(app: &str, process: u128, group_protocol: GroupProtocol) -> JoinGroup {
    let changelog = InternalTopic {
        partitions: None,
        config: [("cleanup.policy".to_owned(), "compact".to_owned())].into(),
    };
    let part = Subtopology {
        source_topics: [format!("{app}-in")].into(),
        changelog_topics: [(format!("{app}-store-changelog"), changelog)].into(),
        stateful: true,
        ..Subtopology::default()
    };
    JoinGroup {
        group_id: app.to_owned(),
        client_id: format!("member-{process}"),
        process_id: Uuid::from_u128(process),
        group_instance_id: None,
        client_tags: BTreeMap::new(),
        group_protocol,
        application_server: None,
        session_timeout: Duration::from_secs(10),
        heartbeat_interval: Duration::from_millis(300),
        max_poll_interval: Duration::from_secs(60),
        topology: Arc::new(GroupTopology { subtopologies: [(0, part)].into() }),
        standby: StandbySettings {
            num_standby_replicas: 0,
            acceptable_recovery_lag: 10_000,
            max_warmup_replicas: 2,
            probing_rebalance_interval: Duration::from_secs(600),
            replication_factor: 1,
        },
    }
}

/// A member that follows its assignments, one step per turn.
struct Worker {
    member: Box<dyn Membership>,
    owned: TaskAssignment,
    target: TaskAssignment,
    shutdown: bool,
}

impl Worker {
    fn new(control: &ControlPlane, join: JoinGroup) -> Self {
        let member = control.membership(join).unwrap();
        let (owned, target) = (TaskAssignment::default(), TaskAssignment::default());
        Self { member, owned, target, shutdown: false }
    }

    fn turn(&mut self) -> Result {
        let running = self.owned.active.iter().map(|task| (*task, 0));
        let offsets = TaskOffsets { lags: running.collect(), ..TaskOffsets::default() };
        let heartbeat = match self.member.heartbeat(&self.owned, &offsets) {
            Err(error) if error.kind() == ErrorKind::Unavailable => return Ok(()),
            other => other?,
        };
        self.shutdown |= heartbeat.shutdown;
        if let Some(target) = heartbeat.assignment {
            self.target = target;
        }
        self.owned = self.target.clone();
        Ok(())
    }

    fn active(&self) -> Vec<i32> {
        self.owned.active.iter().map(|task| task.partition).collect()
    }
}

/// Lets members turn until `done`; no two of them may own a task at any time.
fn turn_until<const N: usize>(
    mut members: [&mut Worker; N],
    what: &str,
    done: impl Fn(&[&mut Worker; N]) -> bool,
) {
    let deadline = SystemClock.now_ms() + PATIENCE_MS;
    while !done(&members) {
        assert!(SystemClock.now_ms() < deadline, "waited too long until {what}");
        for member in &mut members {
            member.turn().unwrap();
        }
        let all: Vec<TaskId> =
            members.iter().flat_map(|member| &member.owned.active).copied().collect();
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), different.len(), "two members own a task: {all:?}");
        SystemClock.sleep(Duration::from_millis(10));
    }
}

fn share_hand_over_and_leave(protocol: GroupProtocol) {
    let Some((control, app)) = world("share") else { return };
    create(&control, &format!("{app}-in"), 4);
    let mut a = Worker::new(&control, join(&app, 1, protocol));
    turn_until([&mut a], "a has all", |[a]| a.active() == [0, 1, 2, 3]);
    let changelog = format!("{app}-store-changelog");
    let described = control.admin().describe_topics(&[&changelog]).wait().unwrap();
    assert_eq!(described[&changelog].partitions, 4);
    assert_eq!(described[&changelog].config.get("cleanup.policy").unwrap(), "compact");

    let mut b = Worker::new(&control, join(&app, 2, protocol));
    turn_until([&mut a, &mut b], "they share", |[a, b]| {
        a.active().len() == 2 && b.active().len() == 2
    });
    a.member.leave(false).unwrap();
    a.owned = TaskAssignment::default();
    turn_until([&mut b], "b has all", |[b]| b.active() == [0, 1, 2, 3]);
    b.member.leave(false).unwrap();
}

#[test]
fn members_of_a_classic_group_share_hand_over_and_leave() {
    share_hand_over_and_leave(GroupProtocol::Classic);
}

#[test]
fn members_of_a_streams_group_share_hand_over_and_leave() {
    share_hand_over_and_leave(GroupProtocol::Streams);
}

fn commit_and_be_fenced(protocol: GroupProtocol) {
    let Some((control, app)) = world("commit") else { return };
    create(&control, &format!("{app}-in"), 2);
    let mut a = Worker::new(&control, join(&app, 1, protocol));
    turn_until([&mut a], "a has all", |[a]| a.active() == [0, 1]);
    let place = TopicPartition::new(format!("{app}-in"), 1);
    let committed =
        OffsetAndMetadata { offset: 42, metadata: "time".to_owned(), leader_epoch: Some(0) };
    a.member.commit_offsets(&[(place.clone(), committed.clone())]).wait().unwrap();
    let places = [place.clone(), TopicPartition::new(format!("{app}-in"), 0)];
    let found = a.member.committed_offsets(&places).wait().unwrap();
    assert_eq!(found, [(place.clone(), committed.clone())].into());

    // Others are in the group; otherwise anybody might commit.
    let mut b = Worker::new(&control, join(&app, 2, protocol));
    turn_until([&mut a, &mut b], "they share", |[_, b]| b.active().len() == 1);
    a.member.leave(false).unwrap();
    turn_until([&mut b], "b has all", |[b]| b.active() == [0, 1]);
    let refused = a.member.commit_offsets(&[(place, committed)]).wait().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Fenced, "{refused}");
    b.member.leave(false).unwrap();
}

#[test]
fn a_member_of_a_classic_group_that_left_can_not_commit() {
    commit_and_be_fenced(GroupProtocol::Classic);
}

#[test]
fn a_member_of_a_streams_group_that_left_can_not_commit() {
    commit_and_be_fenced(GroupProtocol::Streams);
}

fn miss_a_topic(protocol: GroupProtocol) {
    let Some((control, app)) = world("missing") else { return };
    let mut a = Worker::new(&control, join(&app, 1, protocol));
    let deadline = SystemClock.now_ms() + PATIENCE_MS;
    let error = loop {
        assert!(SystemClock.now_ms() < deadline, "the missing topic is not noticed");
        if let Err(error) = a.turn() {
            break error;
        }
        SystemClock.sleep(Duration::from_millis(10));
    };
    assert_eq!(error.kind(), ErrorKind::MissingSourceTopic, "{error}");
    assert!(error.to_string().contains(&format!("{app}-in")), "{error}");
    a.member.leave(false).unwrap();
}

#[test]
fn a_missing_source_topic_is_told_in_a_classic_group() {
    miss_a_topic(GroupProtocol::Classic);
}

#[test]
fn a_missing_source_topic_is_told_in_a_streams_group() {
    miss_a_topic(GroupProtocol::Streams);
}

fn close_all(protocol: GroupProtocol) {
    let Some((control, app)) = world("close") else { return };
    create(&control, &format!("{app}-in"), 2);
    let mut a = Worker::new(&control, join(&app, 1, protocol));
    let mut b = Worker::new(&control, join(&app, 2, protocol));
    turn_until([&mut a, &mut b], "they share", |[a, b]| {
        a.active().len() == 1 && b.active().len() == 1
    });
    b.member.shutdown_application();
    turn_until([&mut a, &mut b], "both hear of it", |[a, b]| a.shutdown && b.shutdown);
    a.member.leave(false).unwrap();
    b.member.leave(false).unwrap();
}

#[test]
fn all_members_of_a_classic_group_hear_that_they_are_to_close() {
    close_all(GroupProtocol::Classic);
}

#[test]
fn all_members_of_a_streams_group_hear_that_they_are_to_close() {
    close_all(GroupProtocol::Streams);
}

#[test]
fn calls_work_within_another_runtime_and_an_unreachable_cluster_is_unavailable() {
    let mut config = kafka_client::ClientConfig::new(["127.0.0.1:1"]);
    config.request_timeout = Duration::from_millis(200);
    let outer = tokio::runtime::Builder::new_current_thread().build().unwrap();
    outer.block_on(async {
        let control = ControlPlane::new(config, Arc::new(SystemClock)).unwrap();
        let error = control.admin().describe_topics(&["in"]).wait().unwrap_err();
        let kinds = [ErrorKind::Unavailable, ErrorKind::Timeout];
        assert!(kinds.contains(&error.kind()), "{error}");
        drop(control);
    });
}

/// A second topology under the `application.id` of another took part in its group, and its members
/// were given tasks unknown to them.
#[test]
fn a_second_topology_in_a_classic_group_is_refused_by_the_leader_and_the_first_goes_on() {
    let Some((control, app)) = world("strangers") else { return };
    create(&control, &format!("{app}-in"), 2);
    let mut a = Worker::new(&control, join(&app, 1, GroupProtocol::Classic));
    turn_until([&mut a], "a has all", |[a]| a.active() == [0, 1]);
    let mut other = join(&app, 2, GroupProtocol::Classic);
    let part =
        Subtopology { source_topics: [format!("{app}-in")].into(), ..Subtopology::default() };
    other.topology = Arc::new(GroupTopology { subtopologies: [(0, part)].into() });
    let mut b = Worker::new(&control, other);
    let deadline = SystemClock.now_ms() + PATIENCE_MS;
    let error = loop {
        a.turn().unwrap();
        match b.turn() {
            Err(error) => break error,
            Ok(()) => assert!(SystemClock.now_ms() < deadline, "b is never refused"),
        }
        SystemClock.sleep(Duration::from_millis(10));
    };
    assert_eq!(error.kind(), ErrorKind::Config);
    for part in [format!("application.id `{app}`"), "what member `".to_owned()] {
        assert!(error.to_string().contains(&part), "{part}: {error}");
    }
    b.member.leave(false).unwrap();
    turn_until([&mut a], "a still has all", |[a]| a.active() == [0, 1]);
    a.member.leave(false).unwrap();
}
