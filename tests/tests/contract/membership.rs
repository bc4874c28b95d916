//! Belonging to a group: sharing tasks, committing under an epoch, leaving.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use streams_core::{
    ErrorKind, Result, TaskId, TopicPartition,
    client::{
        GroupMetadata, IsolationLevel::ReadCommitted, JoinGroup, Membership, OffsetAndMetadata,
        StandbySettings,
    },
    config::GroupProtocol,
    membership::{GroupTopology, Subtopology, TaskAssignment, TaskOffsets},
};
use uuid::Uuid;

use crate::world::{World, append, eventually, everywhere, read};

const PROTOCOLS: [GroupProtocol; 2] = [GroupProtocol::Classic, GroupProtocol::Streams];

/// A member that does as it is told, one step a turn.
struct Worker {
    member: Box<dyn Membership>,
    owned: TaskAssignment,
    target: TaskAssignment,
}

impl Worker {
    /// A member of `group`, whose topology reads `topic` and keeps no state.
    fn new(world: &World, group: &str, topic: &str, protocol: GroupProtocol) -> Self {
        let part =
            Subtopology { source_topics: [topic.to_owned()].into(), ..Subtopology::default() };
        let member = world.membership(JoinGroup {
            group_id: group.to_owned(),
            client_id: world.unique("member"),
            process_id: Uuid::new_v4(),
            group_instance_id: None,
            client_tags: BTreeMap::new(),
            group_protocol: protocol,
            application_server: None,
            session_timeout: Duration::from_secs(20),
            heartbeat_interval: Duration::from_millis(100),
            max_poll_interval: Duration::from_secs(60),
            topology: Arc::new(GroupTopology { subtopologies: [(0, part)].into() }),
            standby: StandbySettings {
                num_standby_replicas: 0,
                acceptable_recovery_lag: 10_000,
                max_warmup_replicas: 2,
                probing_rebalance_interval: Duration::from_secs(600),
                replication_factor: -1,
            },
        });
        Self { member, owned: TaskAssignment::default(), target: TaskAssignment::default() }
    }

    /// Gives up what it is not to have, tells so, then takes what it is to have.
    fn turn(&mut self) {
        let told = match self.member.heartbeat(&self.owned, &TaskOffsets::default()) {
            Err(error) if error.kind() == ErrorKind::Unavailable => return,
            other => other.unwrap().assignment,
        };
        self.target = told.unwrap_or_else(|| self.target.clone());
        self.owned = self.target.clone();
    }

    fn partitions(&self) -> Vec<i32> {
        self.owned.active.iter().map(|task| task.partition).collect()
    }
}

/// Lets members turn until each has that many tasks. No task has two owners at any time.
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

/// Repeats a commit that a rebalance holds up.
fn commit(worker: &mut Worker, place: &TopicPartition, offset: i64) -> Result {
    let offsets = [(place.clone(), committed(offset))];
    eventually("an answer to a commit", || match worker.member.commit_offsets(&offsets).wait() {
        Err(error) if error.kind() == ErrorKind::Unavailable => None,
        other => Some(other),
    })
}

fn committed(offset: i64) -> OffsetAndMetadata {
    OffsetAndMetadata { offset, metadata: "AgAAAAAAAAAA".to_owned() }
}

/// What the group has committed of a partition, once nothing holds it back.
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

/// Runs a test with each protocol, with a group and a topic of four partitions for it.
fn with_a_group(test: impl Fn(&World, GroupProtocol, &str, &str)) {
    for protocol in PROTOCOLS {
        everywhere(|world| test(world, protocol, &world.unique("group"), &world.topic(4)));
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
