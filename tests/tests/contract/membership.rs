//! Membership in a group: sharing tasks, committing under an epoch, leaving.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use streams_core::{
    ErrorKind, Result, TaskId, TopicPartition,
    client::{
        GroupMetadata, IsolationLevel::ReadCommitted, JoinGroup, Membership, OffsetAndMetadata,
        StandbySettings,
    },
    config::GroupProtocol,
    membership::{GroupHosts, GroupTopology, Subtopology, TaskAssignment, TaskOffsets},
};
use uuid::Uuid;

use crate::world::{World, append, eventually, everywhere, read};

const PROTOCOLS: [GroupProtocol; 2] = [GroupProtocol::Classic, GroupProtocol::Streams];

/// A member that follows its assignments, one step per turn.
struct Worker {
    member: Box<dyn Membership>,
    owned: TaskAssignment,
    target: TaskAssignment,
    hosts: GroupHosts,
}

impl Worker {
    /// Creates a member of `group`, whose topology reads `topic` and has no state.
    fn new(world: &World, group: &str, topic: &str, protocol: GroupProtocol) -> Self {
        Self::reading(world, group, &[topic], protocol, None)
    }

    /// The same, for one that reads several topics as one, and may have an address.
    fn reading(
        world: &World,
        group: &str,
        topics: &[&str],
        protocol: GroupProtocol,
        address: Option<&str>,
    ) -> Self {
        let source_topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let part = Subtopology { source_topics, ..Subtopology::default() };
        let member = world.membership(JoinGroup {
            group_id: group.to_owned(),
            client_id: world.unique("member"),
            process_id: Uuid::new_v4(),
            group_instance_id: None,
            client_tags: BTreeMap::new(),
            group_protocol: protocol,
            application_server: address.map(str::to_owned),
            session_timeout: Duration::from_secs(20),
            heartbeat_interval: Duration::from_millis(100),
            max_poll_interval: Duration::from_secs(300),
            topology: Arc::new(GroupTopology { subtopologies: [(0, part)].into() }),
            standby: StandbySettings {
                num_standby_replicas: 0,
                acceptable_recovery_lag: 10_000,
                max_warmup_replicas: 2,
                probing_rebalance_interval: Duration::from_secs(600),
                replication_factor: -1,
            },
        });
        let (owned, target) = (TaskAssignment::default(), TaskAssignment::default());
        Self { member, owned, target, hosts: GroupHosts::new() }
    }

    /// Gives up the tasks that it should not have, reports that, then takes those that it should
    /// have.
    fn turn(&mut self) {
        let told = match self.member.heartbeat(&self.owned, &TaskOffsets::default()) {
            Err(error) if error.kind() == ErrorKind::Unavailable => return,
            other => other.unwrap(),
        };
        self.hosts = told.hosts.unwrap_or_else(|| self.hosts.clone());
        self.target = told.assignment.unwrap_or_else(|| self.target.clone());
        self.owned = self.target.clone();
    }

    fn partitions(&self) -> Vec<i32> {
        self.owned.active.iter().map(|task| task.partition).collect()
    }
}

/// Lets members take turns until each has the given number of tasks. No task has two owners at any
/// time.
fn turn_until(workers: &mut [&mut Worker], tasks: &[usize]) {
    eventually("the share of each member", || {
        for worker in &mut *workers {
            worker.turn();
        }
        let owned = workers.iter().flat_map(|worker| &worker.owned.active);
        let mut owned: Vec<TaskId> = owned.copied().collect();
        let count = owned.len();
        owned.sort();
        owned.dedup();
        assert_eq!(owned.len(), count, "a task has two owners");
        let shares = workers.iter().map(|worker| worker.owned.active.len());
        shares.eq(tasks.iter().copied()).then_some(())
    });
}

/// Repeats a commit that a rebalance delays.
fn commit(worker: &mut Worker, place: &TopicPartition, offset: i64) -> Result {
    let offsets = [(place.clone(), committed(offset))];
    eventually("an answer to a commit", || match worker.member.commit_offsets(&offsets).wait() {
        Err(error) if error.kind() == ErrorKind::Unavailable => None,
        other => Some(other),
    })
}

fn committed(offset: i64) -> OffsetAndMetadata {
    OffsetAndMetadata { offset, metadata: "AgAAAAAAAAAA".to_owned(), leader_epoch: Some(0) }
}

/// The committed offset of a partition, once nothing holds it back.
fn find(worker: &mut Worker, place: &TopicPartition) -> Option<OffsetAndMetadata> {
    let places = [place.clone()];
    let found = eventually("the committed offsets", || {
        match worker.member.committed_offsets(&places).wait() {
            Err(error) if error.kind() == ErrorKind::Unavailable => None,
            other => Some(other.unwrap()),
        }
    });
    found.get(place).cloned()
}

/// Runs a test with each protocol of a cluster, with a group and a topic of four partitions for it.
fn with_a_group(test: impl Fn(&World, GroupProtocol, &str, &str)) {
    for protocol in PROTOCOLS {
        everywhere(|world| {
            if protocol == GroupProtocol::Streams && !world.has_streams_groups() {
                eprintln!("skipped: the broker has no streams groups");
                return;
            }
            test(world, protocol, &world.unique("group"), &world.topic(4));
        });
    }
}

#[test]
fn members_share_the_tasks_and_take_over_from_one_that_leaves() {
    with_a_group(|world, protocol, group, topic| {
        let mut one = Worker::new(world, group, topic, protocol);
        turn_until(&mut [&mut one], &[4]);
        assert_eq!(one.partitions(), [0, 1, 2, 3]);
        let mut two = Worker::new(world, group, topic, protocol);
        turn_until(&mut [&mut one, &mut two], &[2, 2]);
        one.member.leave(false).unwrap();
        turn_until(&mut [&mut two], &[4]);
        two.member.leave(false).unwrap();
    });
}

#[test]
fn members_get_tasks_for_partitions_that_are_added() {
    with_a_group(|world, protocol, group, topic| {
        let mut one = Worker::new(world, group, topic, protocol);
        let mut two = Worker::new(world, group, topic, protocol);
        turn_until(&mut [&mut one, &mut two], &[2, 2]);
        world.grow(topic, 6);
        turn_until(&mut [&mut one, &mut two], &[3, 3]);
        one.member.leave(false).unwrap();
        two.member.leave(false).unwrap();
    });
}

/// There are no more tasks than before, so members were told nothing: nobody read the new
/// partition.
#[test]
fn members_hear_of_the_growth_of_the_smaller_of_two_topics_that_are_read_as_one() {
    with_a_group(|world, protocol, group, large| {
        let small = world.topic(1);
        let mut one = Worker::reading(world, group, &[large, &small], protocol, None);
        turn_until(&mut [&mut one], &[4]);
        let inputs = |topics: &[&str]| topics.iter().map(|t| TopicPartition::new(*t, 1)).collect();
        let second = TaskId::new(0, 1);
        assert_eq!(one.target.inputs[&second], inputs(&[large]));
        world.grow(&small, 2);
        eventually("the new partition among the inputs", || {
            one.turn();
            (one.target.inputs[&second] == inputs(&[large, &small])).then_some(())
        });
        assert_eq!(one.target.active.len(), 4);
        one.member.leave(false).unwrap();
    });
}

#[test]
fn members_hear_where_the_tasks_of_the_group_are() {
    with_a_group(|world, protocol, group, topic| {
        // Apache Kafka 4.3 fails on a member with an address while it does not know its topic.
        let mut first = Worker::new(world, group, topic, protocol);
        turn_until(&mut [&mut first], &[4]);
        first.member.leave(false).unwrap();
        let worker = |address| Worker::reading(world, group, &[topic], protocol, Some(address));
        let (mut one, mut two) = (worker("localhost:7001"), worker("localhost:7002"));
        turn_until(&mut [&mut one, &mut two], &[2, 2]);
        let partitions = |worker: &Worker| -> BTreeSet<TopicPartition> {
            worker.target.inputs.values().flatten().cloned().collect()
        };
        eventually("the addresses of both", || {
            one.turn();
            two.turn();
            let of = |address: &str| one.hosts.get(address).map(|host| host.active.clone());
            let known = (of("localhost:7001"), of("localhost:7002"));
            let all = (Some(partitions(&one)), Some(partitions(&two)));
            // Each learns of it from its own heartbeat.
            (known == all && one.hosts == two.hosts).then_some(())
        });
        one.member.leave(false).unwrap();
        two.member.leave(false).unwrap();
    });
}

#[test]
fn offsets_are_committed_with_their_metadata_and_found_again() {
    with_a_group(|world, protocol, group, topic| {
        let place = TopicPartition::new(topic, 1);
        let mut one = Worker::new(world, group, topic, protocol);
        turn_until(&mut [&mut one], &[4]);
        assert_eq!(find(&mut one, &place), None);
        commit(&mut one, &place, 7).unwrap();
        assert_eq!(find(&mut one, &place), Some(committed(7)));
        one.member.leave(false).unwrap();
        let mut two = Worker::new(world, group, topic, protocol);
        turn_until(&mut [&mut two], &[4]);
        assert_eq!(find(&mut two, &place), Some(committed(7)));
        two.member.leave(false).unwrap();
    });
}

#[test]
fn who_has_left_commits_nothing_any_more_neither_alone_nor_in_a_transaction() {
    with_a_group(|world, protocol, group, topic| {
        let place = TopicPartition::new(topic, 0);
        let mut one = Worker::new(world, group, topic, protocol);
        turn_until(&mut [&mut one], &[4]);
        let left: GroupMetadata = one.member.group_metadata();
        let mut two = Worker::new(world, group, topic, protocol);
        turn_until(&mut [&mut one, &mut two], &[2, 2]);
        one.member.leave(false).unwrap();
        turn_until(&mut [&mut two], &[4]);
        assert_eq!(commit(&mut one, &place, 3).unwrap_err().kind(), ErrorKind::Fenced);

        let mut producer = world.transactional(&world.unique("id"));
        producer.begin_transaction().unwrap();
        append(&mut *producer, &place, &["gone"]);
        producer.flush().unwrap();
        let refused = producer.send_offsets(&[(place.clone(), committed(3))], &left);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Fenced);
        producer.abort_transaction().unwrap();
        assert_eq!(find(&mut two, &place), None);
        two.member.leave(false).unwrap();
    });
}

#[test]
fn offsets_of_a_transaction_count_when_it_is_committed_and_not_before() {
    with_a_group(|world, protocol, group, topic| {
        let place = TopicPartition::new(topic, 2);
        let output = world.partition();
        let mut one = Worker::new(world, group, topic, protocol);
        turn_until(&mut [&mut one], &[4]);
        let mut producer = world.transactional(&world.unique("id"));
        for (offset, is_committed) in [(1, true), (2, false), (3, true)] {
            producer.begin_transaction().unwrap();
            append(&mut *producer, &output, &[&offset.to_string()]);
            producer.flush().unwrap();
            let group = one.member.group_metadata();
            producer.send_offsets(&[(place.clone(), committed(offset))], &group).unwrap();
            let open = one.member.committed_offsets(std::slice::from_ref(&place));
            assert_eq!(open.wait().unwrap_err().kind(), ErrorKind::Unavailable);
            if is_committed {
                producer.commit_transaction().unwrap();
                assert_eq!(find(&mut one, &place), Some(committed(offset)));
            } else {
                producer.abort_transaction().unwrap();
                assert_eq!(find(&mut one, &place), Some(committed(offset - 1)));
            }
        }
        let mut consumer = world.consumer(ReadCommitted);
        consumer.assign(&output, 0).unwrap();
        assert_eq!(read(&mut *consumer, 2), ["1", "3"]);
        one.member.leave(false).unwrap();
    });
}
