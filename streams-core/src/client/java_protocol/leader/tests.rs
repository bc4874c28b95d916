//! Rebalances of members simulated by the tests.

use uuid::Uuid;

use super::*;
use crate::{
    client::java_protocol::RUNNING,
    membership::{InternalTopic, Subtopology},
};

/// A member between two rebalances.
#[derive(Clone, Debug)]
struct Played {
    process: u128,
    version: i32,
    endpoint: Option<&'static str>,
    owned: BTreeSet<TopicPartition>,
    generation: i32,
    sums: BTreeMap<TaskId, i64>,
}

impl Played {
    fn new(process: u128) -> Self {
        Self {
            process,
            version: 11,
            endpoint: None,
            owned: BTreeSet::new(),
            generation: -1,
            sums: BTreeMap::new(),
        }
    }

    fn member(&self) -> LeaderMember {
        let info = SubscriptionInfo {
            version: self.version,
            latest_supported_version: self.version.max(11),
            process_id: Uuid::from_u128(self.process),
            user_endpoint: self.endpoint.map(str::to_owned),
            offset_sums: self.sums.clone(),
            unique_field: 0,
            error: AssignorError::None,
            client_tags: BTreeMap::new(),
            topology: None,
        };
        let subscription = ConsumerSubscription {
            topics: ["clicks".to_owned(), "orders".to_owned()].into(),
            user_data: info.encode(),
            owned: self.owned.clone(),
            generation: self.generation,
            rack_id: None,
        };
        LeaderMember::decode(&subscription.encode()).unwrap()
    }

    /// Gives up the tasks that it no longer has, and runs those that it has.
    fn follow(&mut self, told: &Told, generation: i32) {
        self.owned.clone_from(&told.partitions);
        self.generation = generation;
        self.sums.retain(|task, sum| *sum != RUNNING && told.info.standby.contains_key(task));
        self.sums.extend(told.info.active.iter().map(|task| (*task, RUNNING)));
    }
}

#[derive(Clone, Debug)]
struct Told {
    partitions: BTreeSet<TopicPartition>,
    info: AssignmentInfo,
}

impl Told {
    fn active(&self) -> BTreeSet<TaskId> {
        self.info.active.iter().copied().collect()
    }
}

/// Sub-topology 0 joins `orders` and `clicks` and has a store with a changelog.
fn topology() -> GroupTopology {
    let stateful = Subtopology {
        source_topics: ["orders".to_owned(), "clicks".to_owned()].into(),
        changelog_topics: [("changelog".to_owned(), InternalTopic::default())].into(),
        stateful: true,
        ..Subtopology::default()
    };
    GroupTopology { subtopologies: [(0, stateful)].into() }
}

fn tasks(partitions: i32, end: Option<i64>) -> GroupTasks {
    let topics = ["orders", "clicks", "changelog"];
    let counts = topics.map(|topic| (topic.to_owned(), partitions)).into();
    let internal = InternalTopics::derive(&topology(), &counts, -1).unwrap();
    let changelogs = (0..partitions).map(|n| TopicPartition::new("changelog", n));
    let ends = end.map(|end| changelogs.map(|partition| (partition, end)).collect());
    GroupTasks::new(&topology(), &internal, &counts, ends.as_ref())
}

fn settings() -> StandbySettings {
    StandbySettings {
        num_standby_replicas: 0,
        acceptable_recovery_lag: 10,
        max_warmup_replicas: 2,
        probing_rebalance_interval: std::time::Duration::from_secs(60),
        replication_factor: -1,
    }
}

type Members = BTreeMap<&'static str, Played>;

fn rebalance(played: &Members, tasks: &GroupTasks) -> BTreeMap<&'static str, Told> {
    let members = played.iter().map(|(id, played)| ((*id).to_owned(), played.member())).collect();
    let leader = Leader {
        members: &members,
        prober: "a",
        tasks,
        warmups: &BTreeMap::new(),
        settings: &settings(),
        now_ms: 1_000,
    };
    let (_, told) = leader.assign();
    let read = |id: &'static str| {
        let assignment = ConsumerAssignment::decode(&told[id]).unwrap();
        let info = AssignmentInfo::decode(&assignment.user_data).unwrap();
        assert_eq!(info.active.len(), assignment.partitions.len(), "one task for each partition");
        (id, Told { partitions: assignment.partitions, info })
    };
    played.keys().map(|id| read(id)).collect()
}

fn follow(played: &mut Members, told: &BTreeMap<&'static str, Told>, generation: i32) {
    for (id, member) in played {
        member.follow(&told[id], generation);
    }
}

#[test]
fn the_tasks_are_spread_evenly_with_all_their_partitions() {
    let played: Members = [("a", Played::new(1)), ("b", Played::new(2))].into();
    let told = rebalance(&played, &tasks(4, Some(0)));
    assert_eq!(told["a"].active().len(), 2);
    assert_eq!(told["b"].active().len(), 2);
    assert!(told["a"].active().is_disjoint(&told["b"].active()));
    let first = told["a"].info.active[0];
    let both = ["clicks", "orders"].map(|topic| TopicPartition::new(topic, first.partition));
    assert!(both.iter().all(|partition| told["a"].partitions.contains(partition)));
    assert_eq!(told["a"].info.next_rebalance_ms, None);
}

#[test]
fn each_partition_is_told_beside_its_task_in_order() {
    let played: Members = [("a", Played::new(1))].into();
    let told = &rebalance(&played, &tasks(2, Some(0)))["a"];
    let numbers: Vec<i32> = told.info.active.iter().map(|task| task.partition).collect();
    assert_eq!(numbers, [0, 1, 0, 1], "clicks-0, clicks-1, orders-0, orders-1");
}

#[test]
fn a_task_is_handed_over_in_two_rounds() {
    let tasks = tasks(4, Some(0));
    let mut played: Members = [("a", Played::new(1))].into();
    let told = rebalance(&played, &tasks);
    follow(&mut played, &told, 1);
    assert_eq!(played["a"].owned.len(), 8);

    // The state of `b` is near the end, so nothing has to warm up.
    let mut newcomer = Played::new(2);
    newcomer.sums = (0..4).map(|n| (TaskId::new(0, n), 0)).collect();
    played.insert("b", newcomer);
    let told = rebalance(&played, &tasks);
    assert_eq!(told["a"].active().len(), 2);
    assert!(told["b"].active().is_empty(), "they are still with a");
    assert_eq!(told["b"].info.standby.len(), 2, "what it waits for stays open");
    assert_eq!(told["a"].info.next_rebalance_ms, Some(0), "it has something to give up");
    assert_eq!(told["b"].info.next_rebalance_ms, None);

    // The rebalance comes before `a` has given up its task: nothing changes.
    played.get_mut("b").unwrap().follow(&told["b"], 2);
    let again = rebalance(&played, &tasks);
    assert_eq!(again["a"].active(), told["a"].active());
    assert!(again["b"].active().is_empty());

    follow(&mut played, &again, 3);
    let told = rebalance(&played, &tasks);
    assert_eq!(told["a"].active().len(), 2);
    assert_eq!(told["b"].active().len(), 2);
    assert_eq!(told["a"].info.next_rebalance_ms, None);
    follow(&mut played, &told, 4);
    let stable = rebalance(&played, &tasks);
    assert_eq!(stable["a"].partitions, told["a"].partitions);
    assert_eq!(stable["b"].partitions, told["b"].partitions);
}

#[test]
fn a_newcomer_without_state_warms_up_and_the_leader_probes_until_it_may_take_over() {
    let tasks = tasks(2, Some(1_000));
    let mut played: Members = [("a", Played::new(1))].into();
    let told = rebalance(&played, &tasks);
    follow(&mut played, &told, 1);
    played.insert("b", Played::new(2));
    let told = rebalance(&played, &tasks);
    assert_eq!(told["a"].active().len(), 2);
    assert_eq!(told["b"].info.standby.len(), 1);
    assert_eq!(told["a"].info.next_rebalance_ms, Some(61_000));

    follow(&mut played, &told, 2);
    let warm = *told["b"].info.standby.keys().next().unwrap();
    played.get_mut("b").unwrap().sums.insert(warm, 995);
    let told = rebalance(&played, &tasks);
    assert_eq!(told["a"].info.next_rebalance_ms, Some(0));
    follow(&mut played, &told, 3);
    assert_eq!(rebalance(&played, &tasks)["b"].active(), [warm].into());
}

#[test]
fn a_newcomer_takes_over_at_once_what_it_can_restore_within_the_acceptable_lag() {
    let tasks = tasks(2, Some(10));
    let mut played: Members = [("a", Played::new(1))].into();
    let told = rebalance(&played, &tasks);
    follow(&mut played, &told, 1);
    played.insert("b", Played::new(2));
    let told = rebalance(&played, &tasks);
    assert_eq!(told["a"].active().len(), 1);
    assert!(told["b"].info.standby.is_empty(), "nothing has to warm up");
}

#[test]
fn without_the_ends_of_the_changelogs_tasks_stay_where_they_are() {
    let mut played: Members = [("a", Played::new(1))].into();
    let told = rebalance(&played, &tasks(2, Some(1_000)));
    follow(&mut played, &told, 1);
    let mut other = Played::new(2);
    other.sums = [(TaskId::new(0, 0), 1_000)].into();
    played.insert("b", other);
    let told = rebalance(&played, &tasks(2, None));
    assert_eq!(told["a"].active().len(), 2);
    assert_eq!(told["a"].info.next_rebalance_ms, Some(61_000));
}

#[test]
fn an_older_member_is_answered_in_its_version_and_a_newer_one_is_told_to_step_back() {
    let mut old = Played::new(2);
    old.version = 9;
    let played: Members = [("a", Played::new(1)), ("b", old)].into();
    let told = rebalance(&played, &tasks(2, Some(0)));
    assert!(told.values().all(|told| told.info.version == 9));
    assert_eq!(told["b"].active().len(), 1);

    let mut new = Played::new(2);
    new.version = 12;
    let played: Members = [("a", Played::new(1)), ("b", new)].into();
    let told = rebalance(&played, &tasks(2, Some(0)));
    assert_eq!(told["b"].info.version, 11);
    assert_eq!(told["b"].info.commonly_supported_version, 11);
}

#[test]
fn of_two_that_claim_a_partition_the_later_generation_counts() {
    let mut zombie = Played::new(1);
    zombie.owned = [TopicPartition::new("orders", 0)].into();
    zombie.generation = 3;
    let mut owner = Played::new(2);
    owner.owned = zombie.owned.clone();
    owner.generation = 7;
    owner.sums = [(TaskId::new(0, 0), RUNNING)].into();
    let played: Members = [("a", zombie), ("b", owner)].into();
    let told = rebalance(&played, &tasks(1, Some(0)));
    assert!(told["a"].active().is_empty());
    assert_eq!(told["b"].active().len(), 1);
}

#[test]
fn instances_with_an_address_are_made_known_to_all() {
    let mut a = Played::new(1);
    a.endpoint = Some("host-a:80");
    let played: Members = [("a", a), ("b", Played::new(2))].into();
    let told = rebalance(&played, &tasks(2, Some(0)));
    let host = HostInfo::parse("host-a:80").unwrap();
    assert_eq!(told["b"].info.partitions_by_host[&host], told["a"].partitions);
    assert!(told["b"].info.standby_partitions_by_host[&host].is_empty());
}

#[test]
fn an_error_reaches_every_member() {
    let ids = ["a".to_owned(), "b".to_owned()];
    let told = error_assignments(ids.iter(), AssignorError::ShutdownRequested);
    for id in ids {
        let assignment = ConsumerAssignment::decode(&told[&id]).unwrap();
        let info = AssignmentInfo::decode(&assignment.user_data).unwrap();
        assert_eq!(info.error, AssignorError::ShutdownRequested);
    }
}
