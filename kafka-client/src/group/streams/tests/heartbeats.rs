//! Contents and times of heartbeats, and the owner's view of the answers.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::sleep;

use crate::{
    Client, ClientConfig, Error, ErrorKind, Result,
    group::{
        Event,
        seat::Seat,
        streams::{
            StreamsGroupConfig, StreamsMember, TaskSet, Tasks, Topology,
            coordinator::Coordinator,
            member::{Standing, StreamsSeat},
            messages::{StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse, TaskIds},
            task::Task,
        },
    },
};

/// The next answers of the coordinator; when none is left, it repeats the last epoch without news.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<VecDeque<Result<StreamsGroupHeartbeatResponse>>>,
    unreachable: Mutex<bool>,
    said: Mutex<Vec<StreamsGroupHeartbeatRequest>>,
    forgotten: Mutex<usize>,
}

impl Coordinator for Arc<Script> {
    async fn heartbeat(
        &self,
        request: StreamsGroupHeartbeatRequest,
    ) -> Result<StreamsGroupHeartbeatResponse> {
        let epoch = request.member_epoch;
        self.said.lock().push(request);
        if *self.unreachable.lock() {
            return Err(Error::new(ErrorKind::Timeout, "no answer"));
        }
        self.answers.lock().pop_front().unwrap_or_else(|| Ok(answer(epoch)))
    }

    fn forget(&self) {
        *self.forgotten.lock() += 1;
    }
}

fn answer(member_epoch: i32) -> StreamsGroupHeartbeatResponse {
    StreamsGroupHeartbeatResponse {
        member_id: "me".to_owned(),
        member_epoch,
        heartbeat_interval_ms: 1_000,
        ..StreamsGroupHeartbeatResponse::default()
    }
}

fn refusal(error_code: i16) -> StreamsGroupHeartbeatResponse {
    StreamsGroupHeartbeatResponse { error_code, ..StreamsGroupHeartbeatResponse::default() }
}

fn listed(partitions: &[i32]) -> Vec<TaskIds> {
    let tasks = TaskIds { subtopology_id: "0".to_owned(), partitions: partitions.to_vec() };
    vec![tasks]
}

fn assigning(member_epoch: i32, partitions: &[i32]) -> StreamsGroupHeartbeatResponse {
    StreamsGroupHeartbeatResponse {
        active_tasks: Some(listed(partitions)),
        standby_tasks: Some(vec![]),
        warmup_tasks: Some(vec![]),
        ..answer(member_epoch)
    }
}

fn active(partitions: &[i32]) -> Tasks {
    let partitions = partitions.iter().copied().collect();
    Tasks { active: TaskSet::from([("0".to_owned(), partitions)]), ..Tasks::default() }
}

struct Harness {
    script: Arc<Script>,
    member: StreamsMember,
}

impl Harness {
    fn new(answers: impl IntoIterator<Item = StreamsGroupHeartbeatResponse>) -> Self {
        let script = Arc::new(Script {
            answers: Mutex::new(answers.into_iter().map(Ok).collect()),
            ..Script::default()
        });
        let config = StreamsGroupConfig {
            group_id: "app".to_owned(),
            group_instance_id: None,
            rack_id: None,
            process_id: "process".to_owned(),
            user_endpoint: None,
            client_tags: BTreeMap::new(),
            session_timeout: Duration::from_secs(5),
            max_poll_interval: Duration::from_secs(60),
            topology: Topology::default(),
        };
        let seat: Arc<StreamsSeat> = Arc::new(Seat::new(Standing::new("me".to_owned())));
        let client = Client::new(ClientConfig::new(["localhost:9092"]));
        let client_config = client.config().clone();
        let task = Task::new(Arc::clone(&seat), Arc::clone(&script), config.clone(), client_config);
        tokio::spawn(task.run());
        let member = StreamsMember::with_seat(&client, seat, config);
        member.join();
        Self { script, member }
    }

    /// Lets virtual time pass, with a live owner.
    async fn pass(&self, millis: u64) {
        self.member.owner_alive();
        sleep(Duration::from_millis(millis)).await;
    }

    fn assigned(&self, owned: &Tasks) -> Tasks {
        match self.member.poll(owned) {
            Some(Event::Assigned(tasks)) => tasks,
            other => panic!("not assigned: {other:?}"),
        }
    }

    /// The owned tasks in the last heartbeat.
    fn said(&self) -> Option<Vec<TaskIds>> {
        self.script.said.lock().last().unwrap().active_tasks.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_join_says_all_and_the_next_heartbeats_only_what_changed() {
    let harness = Harness::new([assigning(1, &[0, 1])]);
    harness.pass(1).await;
    let owned = harness.assigned(&Tasks::default());
    assert_eq!(owned, active(&[0, 1]));
    assert!(harness.member.poll(&owned).is_none());
    // The acknowledgement is sent at once, the next heartbeat a second later.
    harness.pass(1).await;
    assert_eq!(harness.said(), Some(listed(&[0, 1])));
    harness.pass(1_000).await;
    let said = harness.script.said.lock();
    assert_eq!(said.len(), 3);
    assert_eq!((said[0].member_epoch, said[1].member_epoch), (0, 1));
    assert_eq!(said[0].active_tasks, Some(vec![]));
    assert!(said[0].topology.is_some() && said[0].process_id.is_some());
    assert!(said[1].topology.is_none() && said[1].process_id.is_none());
    assert_eq!((said[2].active_tasks.clone(), said[2].rebalance_timeout_ms), (None, -1));
}

#[tokio::test(start_paused = true)]
async fn a_task_is_reported_as_owned_until_the_owner_has_let_go_of_it() {
    let harness = Harness::new([assigning(1, &[0, 1])]);
    harness.pass(1).await;
    let owned = harness.assigned(&Tasks::default());
    harness.member.poll(&owned);
    harness.script.answers.lock().extend([Ok(answer(1)), Ok(assigning(1, &[0]))]);
    harness.pass(1_100).await;
    assert_eq!(harness.assigned(&owned), active(&[0]));
    harness.pass(1_000).await;
    assert_eq!(harness.said(), Some(listed(&[0, 1])));
    harness.member.poll(&active(&[0]));
    harness.pass(1).await;
    assert_eq!(harness.said(), Some(listed(&[0])));
}

/// The owner may take an assignment at any moment before the next answer replaces it.
#[tokio::test(start_paused = true)]
async fn what_the_owner_may_take_up_is_reported_as_owned_until_it_is_withdrawn() {
    let harness = Harness::new([assigning(1, &[0, 1]), assigning(1, &[0])]);
    harness.pass(1_001).await;
    // The owner has not asked yet, but could have when this was sent.
    assert_eq!(harness.said(), Some(listed(&[0, 1])));
    harness.pass(1_000).await;
    assert_eq!(harness.said(), Some(listed(&[0])));
    assert_eq!(harness.assigned(&Tasks::default()), active(&[0]));
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_all_is_said_again_but_the_topology() {
    let harness = Harness::new([assigning(3, &[0])]);
    harness.pass(1).await;
    let owned = harness.assigned(&Tasks::default());
    harness.member.poll(&owned);
    harness.pass(100).await;
    harness.script.answers.lock().push_back(Ok(refusal(16)));
    harness.pass(950).await;
    assert_eq!(harness.member.last_error().and_then(|error| error.code()), Some(16));
    harness.pass(200).await;
    assert!(harness.member.last_error().is_none());
    assert_eq!(*harness.script.forgotten.lock(), 1);
    let said = harness.script.said.lock().last().unwrap().clone();
    assert_eq!((said.member_epoch, said.active_tasks), (3, Some(listed(&[0]))));
    assert!(said.process_id.is_some() && said.topology.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_fenced_member_stays_out_until_its_owner_joins_again_under_the_same_id() {
    let harness = Harness::new([assigning(4, &[0]), refusal(110)]);
    harness.pass(1_100).await;
    assert!(
        matches!(harness.member.poll(&Tasks::default()), Some(Event::Lost(error)) if error.code() == Some(110))
    );
    assert_eq!(harness.member.epoch().map(|epoch| epoch.member_epoch), Some(4));
    harness.pass(10_000).await;
    assert_eq!(harness.script.said.lock().len(), 2);
    harness.member.join();
    harness.pass(1).await;
    let said = harness.script.said.lock().last().unwrap().clone();
    assert_eq!((said.member_id.as_str(), said.member_epoch), ("me", 0));
    assert_eq!(said.active_tasks, Some(vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_topology_that_is_refused_fails_the_membership() {
    let harness = Harness::new([refusal(42)]);
    harness.pass(1).await;
    assert!(matches!(harness.member.poll(&Tasks::default()), Some(Event::Failed(_))));
}

#[tokio::test(start_paused = true)]
async fn a_member_gives_itself_up_when_its_session_has_run_out_by_its_own_clock() {
    let harness = Harness::new([assigning(1, &[0])]);
    harness.pass(1).await;
    harness.assigned(&Tasks::default());
    *harness.script.unreachable.lock() = true;
    harness.pass(4_980).await;
    assert!(harness.member.poll(&Tasks::default()).is_none());
    harness.pass(40).await;
    assert_eq!(harness.member.session_left(), Some(Duration::ZERO));
    assert!(matches!(harness.member.poll(&Tasks::default()), Some(Event::Lost(_))));
    assert_eq!(harness.member.session_left(), None, "its owner has heard of it");
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_owner_is_silent_leaves_and_is_lost() {
    let harness = Harness::new([assigning(1, &[0])]);
    sleep(Duration::from_secs(61)).await;
    assert!(matches!(harness.member.poll(&Tasks::default()), Some(Event::Lost(_))));
    assert_eq!(harness.script.said.lock().last().unwrap().member_epoch, -1);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_of_the_application_is_asked_for_at_once() {
    let harness = Harness::new([answer(1)]);
    harness.pass(1).await;
    harness.member.shutdown_application();
    harness.pass(1).await;
    let said = harness.script.said.lock();
    assert_eq!((said.len(), said[1].shutdown_application), (2, true));
}
