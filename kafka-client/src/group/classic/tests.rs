//! The task against a coordinator with scripted answers, in virtual time.

use std::{
    collections::{BTreeMap, VecDeque},
    future::pending,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use kafka_protocol::{
    messages::{
        HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
        LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
        join_group_response::JoinGroupResponseMember,
    },
    protocol::StrBytes,
};
use parking_lot::Mutex;
use tokio::time::{Instant, advance, sleep};

use super::{
    AssignFuture, Assignment, ClassicConfig, GroupProtocol, MemberSubscription,
    coordinator::Coordinator,
    member::{ClassicSeat, Standing},
    task::Task,
};
use crate::{
    ClientConfig, Error, ErrorKind, Result,
    group::{Event, seat::Seat},
};

/// The next answers of the coordinator. If a queue is empty it holds back a `JoinGroup` or
/// `SyncGroup` for ever, and accepts a heartbeat.
#[derive(Debug, Default)]
struct Script {
    joins: Mutex<VecDeque<JoinGroupResponse>>,
    syncs: Mutex<VecDeque<SyncGroupResponse>>,
    beats: Mutex<VecDeque<Result<i16>>>,
    unreachable: Mutex<bool>,
    joined: Mutex<Vec<JoinGroupRequest>>,
    synced: Mutex<Vec<SyncGroupRequest>>,
    beaten: Mutex<Vec<Instant>>,
    left: Mutex<Vec<LeaveGroupRequest>>,
    forgotten: Mutex<usize>,
}

impl Coordinator for Arc<Script> {
    async fn join(&self, request: JoinGroupRequest, _wait: Duration) -> Result<JoinGroupResponse> {
        self.joined.lock().push(request);
        let answer = self.joins.lock().pop_front();
        match answer {
            Some(answer) => Ok(answer),
            None => pending().await,
        }
    }

    async fn sync(&self, request: SyncGroupRequest, _wait: Duration) -> Result<SyncGroupResponse> {
        self.synced.lock().push(request);
        let answer = self.syncs.lock().pop_front();
        match answer {
            Some(answer) => Ok(answer),
            None => pending().await,
        }
    }

    async fn heartbeat(&self, _request: HeartbeatRequest) -> Result<HeartbeatResponse> {
        self.beaten.lock().push(Instant::now());
        if *self.unreachable.lock() {
            return Err(unreachable());
        }
        let code = self.beats.lock().pop_front().unwrap_or(Ok(0))?;
        Ok(HeartbeatResponse::default().with_error_code(code))
    }

    async fn leave(&self, request: LeaveGroupRequest) -> Result<LeaveGroupResponse> {
        self.left.lock().push(request);
        Ok(LeaveGroupResponse::default())
    }

    fn forget(&self) {
        *self.forgotten.lock() += 1;
    }
}

fn unreachable() -> Error {
    Error::new(ErrorKind::Connection, "no route")
}

/// Each member gets its own id as its assignment, after a while.
#[derive(Debug, Default)]
struct Echo {
    takes: Duration,
    subscriptions: Mutex<u8>,
}

impl GroupProtocol for Echo {
    fn name(&self) -> &'static str {
        "stream"
    }

    fn subscription(&self) -> Bytes {
        let mut count = self.subscriptions.lock();
        *count += 1;
        Bytes::copy_from_slice(&[*count])
    }

    fn assign(&self, members: Vec<MemberSubscription>) -> AssignFuture<'_> {
        Box::pin(async move {
            sleep(self.takes).await;
            let assigned = members.into_iter();
            Ok(assigned.map(|member| (member.member_id.clone(), member.member_id.into())).collect())
        })
    }
}

struct Harness {
    script: Arc<Script>,
    seat: Arc<ClassicSeat>,
}

impl Harness {
    fn new(script: Script) -> Self {
        Self::with(script, Duration::ZERO, None)
    }

    fn with(script: Script, assigning_takes: Duration, instance: Option<&str>) -> Self {
        let script = Arc::new(script);
        let seat = Arc::new(Seat::new(Standing::default()));
        let config = ClassicConfig {
            group_id: "app".to_owned(),
            group_instance_id: instance.map(str::to_owned),
            session_timeout: Duration::from_secs(10),
            heartbeat_interval: Duration::from_secs(3),
            max_poll_interval: Duration::from_secs(60),
        };
        let protocol = Arc::new(Echo { takes: assigning_takes, ..Echo::default() });
        let client = ClientConfig::new(["localhost:9092"]);
        let task = Task::new(Arc::clone(&seat), Arc::clone(&script), config, protocol, client);
        tokio::spawn(task.run());
        seat.start(|_| ());
        Self { script, seat }
    }

    /// Lets virtual time pass, with a live owner.
    async fn pass(&self, millis: u64) {
        self.seat.owner_alive();
        sleep(Duration::from_millis(millis)).await;
    }

    fn poll(&self) -> Option<Event<Assignment>> {
        self.seat.with(|state| state.event.take())
    }

    fn assigned(&self) -> (String, i32, Bytes) {
        match self.poll() {
            Some(Event::Assigned(Assignment { generation, bytes })) => {
                (generation.member_id, generation.generation_id, bytes)
            }
            other => panic!("not assigned: {other:?}"),
        }
    }

    fn lost(&self) -> Error {
        assert_eq!(self.seat.session_left(), Some(Duration::ZERO));
        match self.poll() {
            Some(Event::Lost(error)) => error,
            other => panic!("not lost: {other:?}"),
        }
    }
}

fn join_answer(code: i16, generation: i32, leader: &'static str) -> JoinGroupResponse {
    let members: &[&str] = if leader == "me" { &["me", "other"] } else { &[] };
    let members = members.iter().map(|&id| {
        JoinGroupResponseMember::default().with_member_id(StrBytes::from_static_str(id))
    });
    JoinGroupResponse::default()
        .with_error_code(code)
        .with_generation_id(generation)
        .with_leader(StrBytes::from_static_str(leader))
        .with_member_id(StrBytes::from_static_str("me"))
        .with_members(members.collect())
}

fn sync_answer(code: i16, assignment: &'static str) -> SyncGroupResponse {
    SyncGroupResponse::default()
        .with_error_code(code)
        .with_assignment(Bytes::from_static(assignment.as_bytes()))
}

fn script<const J: usize, const S: usize>(
    joins: [JoinGroupResponse; J],
    syncs: [SyncGroupResponse; S],
) -> Script {
    Script { joins: Mutex::new(joins.into()), syncs: Mutex::new(syncs.into()), ..Script::default() }
}

/// A member in generation 1 whose assignment was taken.
async fn stable<const J: usize, const S: usize>(
    joins: [JoinGroupResponse; J],
    syncs: [SyncGroupResponse; S],
) -> Harness {
    let script = script(joins, syncs);
    script.joins.lock().push_front(join_answer(0, 1, "other"));
    script.syncs.lock().push_front(sync_answer(0, "first"));
    let harness = Harness::new(script);
    harness.pass(1).await;
    assert_eq!(harness.assigned(), ("me".to_owned(), 1, Bytes::from("first")));
    harness
}

#[tokio::test(start_paused = true)]
async fn a_new_member_joins_again_with_the_id_that_it_is_given_and_is_assigned() {
    let script =
        script([join_answer(79, -1, ""), join_answer(0, 5, "other")], [sync_answer(0, "tasks")]);
    let harness = Harness::new(script);
    harness.pass(1).await;
    assert_eq!(harness.assigned(), ("me".to_owned(), 5, Bytes::from("tasks")));
    let ids: Vec<String> =
        harness.script.joined.lock().iter().map(|join| join.member_id.to_string()).collect();
    assert_eq!(ids, ["", "me"]);
    let synced = harness.script.synced.lock();
    assert_eq!((synced[0].generation_id, synced[0].assignments.len()), (5, 0));
}

#[tokio::test(start_paused = true)]
async fn the_leader_assigns_with_heartbeats_going_on() {
    let script = script([join_answer(0, 1, "me")], [sync_answer(0, "me")]);
    // A rebalance that is announced during the assignment is left to the SyncGroup.
    script.beats.lock().push_back(Ok(27));
    let harness = Harness::with(script, Duration::from_secs(20), None);
    harness.pass(20_001).await;
    assert_eq!(harness.assigned().2, Bytes::from("me"));
    assert_eq!(harness.script.beaten.lock().len(), 6);
    let synced = harness.script.synced.lock();
    let assignments: BTreeMap<String, Bytes> = synced[0]
        .assignments
        .iter()
        .map(|of| (of.member_id.to_string(), of.assignment.clone()))
        .collect();
    assert_eq!(assignments["other"], Bytes::from("other"));
    assert_eq!(assignments.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rebalance_is_joined_at_once_with_a_new_subscription_and_the_new_generation_is_told() {
    let harness = stable([join_answer(0, 2, "other")], [sync_answer(0, "second")]).await;
    harness.script.beats.lock().push_back(Ok(27));
    harness.pass(3_000).await;
    assert_eq!(harness.assigned(), ("me".to_owned(), 2, Bytes::from("second")));
    let joined = harness.script.joined.lock();
    assert_eq!(joined[0].protocols[0].metadata, Bytes::from_static(&[1]));
    assert_eq!(joined[1].protocols[0].metadata, Bytes::from_static(&[2]));
    assert_eq!(joined[1].reason.as_deref(), Some("the group rebalances"));
}

/// If it were not withdrawn, the owner could take tasks that the subscription already sent does not
/// claim.
#[tokio::test(start_paused = true)]
async fn an_assignment_that_was_not_taken_is_withdrawn_before_the_member_joins_again() {
    let script = script([join_answer(0, 1, "other")], [sync_answer(0, "first")]);
    script.beats.lock().push_back(Ok(27));
    let harness = Harness::new(script);
    harness.pass(3_001).await;
    assert_eq!(harness.script.joined.lock().len(), 2);
    assert!(harness.poll().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_rebalance_that_is_asked_for_says_why() {
    let harness = stable([join_answer(0, 2, "other")], [sync_answer(0, "second")]).await;
    harness.seat.change(|state| state.own.rejoin = Some("tasks were given up".to_owned()));
    harness.pass(1).await;
    assert_eq!(harness.assigned().1, 2);
    let reason = harness.script.joined.lock()[1].reason.clone();
    assert_eq!(reason.as_deref(), Some("tasks were given up"));
}

#[tokio::test(start_paused = true)]
async fn a_member_that_the_group_does_not_know_stays_out_until_its_owner_joins_again() {
    let harness = stable([], []).await;
    harness.script.beats.lock().push_back(Ok(25));
    harness.pass(3_000).await;
    assert_eq!(harness.lost().code(), Some(25));
    // The stale generation stays, so that later commits of the owner are refused.
    let generation = harness.seat.with(|state| state.own.generation.clone()).unwrap();
    assert_eq!(generation.generation_id, 1);
    harness.pass(50_000).await;
    assert_eq!(harness.script.joined.lock().len(), 1);
    harness.seat.start(|_| ());
    harness.pass(1).await;
    let joined = harness.script.joined.lock();
    assert_eq!((joined.len(), &*joined[1].member_id), (2, ""));
}

#[tokio::test(start_paused = true)]
async fn a_member_with_a_stale_generation_is_lost_and_comes_back_under_its_id() {
    let harness = stable([join_answer(0, 2, "other")], [sync_answer(22, "")]).await;
    harness.script.beats.lock().push_back(Ok(27));
    harness.pass(3_000).await;
    assert_eq!(harness.lost().code(), Some(22));
    harness.seat.start(|_| ());
    harness.pass(1).await;
    assert_eq!(&*harness.script.joined.lock()[2].member_id, "me");
}

#[tokio::test(start_paused = true)]
async fn a_session_is_counted_from_the_answered_heartbeat_and_goes_on_in_a_rebalance() {
    let harness = stable([], []).await;
    let left = || harness.seat.session_left();
    harness.pass(2_998).await;
    assert_eq!(left(), Some(Duration::from_millis(7_001)));
    harness.pass(2).await;
    assert_eq!(left(), Some(Duration::from_millis(9_999)));
    harness.script.beats.lock().extend([Err(unreachable()), Ok(27)]);
    harness.pass(3_049).await;
    assert_eq!(left(), Some(Duration::from_millis(6_950)), "the last one was not answered");
    // The JoinGroup after the next one is not answered: the others have not come.
    harness.pass(30_000).await;
    assert!(left() > Some(Duration::from_secs(8)), "{:?}", left());
    assert!(harness.poll().is_none());
    // The process is suspended: its clock goes on, and nothing else.
    advance(Duration::from_secs(12)).await;
    assert_eq!(left(), Some(Duration::ZERO));
    harness.pass(1).await;
    assert_eq!(harness.lost().code(), None);
}

#[tokio::test(start_paused = true)]
async fn a_fenced_instance_fails_for_good() {
    let harness = stable([], []).await;
    harness.script.beats.lock().push_back(Ok(82));
    harness.pass(3_000).await;
    assert!(matches!(harness.poll(), Some(Event::Failed(error)) if error.code() == Some(82)));
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_moved_is_looked_up_again_and_the_member_stays() {
    let harness = stable([], []).await;
    harness.script.beats.lock().extend([Ok(16), Err(unreachable()), Ok(14)]);
    harness.pass(3_350).await;
    assert!(harness.seat.with(|state| state.last_error.is_some()));
    harness.pass(400).await;
    assert!(harness.poll().is_none());
    assert!(harness.seat.with(|state| state.last_error.is_none()));
    assert_eq!(*harness.script.forgotten.lock(), 2);
    // At 3 s, then after pauses of 100, 200 and 400 ms.
    assert_eq!(harness.script.beaten.lock().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_member_gives_itself_up_when_its_session_has_run_out_by_its_own_clock() {
    let harness = stable([], []).await;
    *harness.script.unreachable.lock() = true;
    let stable_at = Instant::now();
    harness.pass(9_990).await;
    assert!(harness.poll().is_none());
    harness.pass(20).await;
    let error = harness.lost();
    assert_eq!(error.kind(), ErrorKind::Fenced);
    assert!(error.to_string().contains("no route"), "{error}");
    let last = *harness.script.beaten.lock().last().unwrap();
    assert!(last - stable_at < Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_owner_is_silent_leaves_and_is_lost() {
    let harness = stable([], []).await;
    sleep(Duration::from_secs(61)).await;
    assert!(harness.lost().to_string().contains("max.poll.interval.ms (60000 ms)"));
    let left = harness.script.left.lock();
    assert_eq!((left.len(), &*left[0].members[0].member_id), (1, "me"));
}

#[tokio::test(start_paused = true)]
async fn a_static_member_whose_owner_is_silent_is_lost_without_leaving() {
    let script = script([join_answer(0, 1, "other")], [sync_answer(0, "first")]);
    let harness = Harness::with(script, Duration::ZERO, Some("one"));
    sleep(Duration::from_secs(61)).await;
    harness.lost();
    assert!(harness.script.left.lock().is_empty());
    let instance = harness.script.joined.lock()[0].group_instance_id.clone();
    assert_eq!(instance.as_deref(), Some("one"));
}

#[tokio::test(start_paused = true)]
async fn a_static_leader_that_came_back_fetches_its_assignment_without_assigning() {
    let joined = join_answer(0, 1, "me").with_skip_assignment(true);
    let script = script([joined], [sync_answer(0, "as before")]);
    let harness = Harness::with(script, Duration::from_secs(50), Some("one"));
    harness.pass(1).await;
    assert_eq!(harness.assigned().2, Bytes::from("as before"));
    assert!(harness.script.synced.lock()[0].assignments.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_stops_in_the_middle_of_a_join_hears_nothing_of_it() {
    let harness = stable([], []).await;
    harness.script.beats.lock().push_back(Ok(27));
    harness.pass(3_000).await;
    assert_eq!(harness.script.joined.lock().len(), 2);
    harness.seat.stop(|_| ());
    harness.script.joins.lock().push_back(join_answer(0, 3, "other"));
    harness.script.syncs.lock().push_back(sync_answer(0, "third"));
    harness.pass(10_000).await;
    assert!(harness.poll().is_none());
    harness.seat.start(|_| ());
    harness.pass(1).await;
    assert_eq!(harness.assigned().1, 3);
}

#[tokio::test(start_paused = true)]
async fn access_that_is_denied_fails_the_membership() {
    let harness = Harness::new(script([join_answer(30, -1, "")], []));
    harness.pass(1).await;
    match harness.poll() {
        Some(Event::Failed(error)) => assert_eq!(error.kind(), ErrorKind::Authorization),
        other => panic!("not failed: {other:?}"),
    }
}
