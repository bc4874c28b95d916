//! `StreamsGroupHeartbeat`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use kafka_client::{
    Client, GroupMember,
    group::{
        Event,
        streams::{
            GroupStatus, MemberEpoch, StatusCode, StreamsGroupConfig, StreamsMember, Subtopology,
            Tasks, TopicInfo, Topology,
        },
    },
};
use tokio::runtime::{Builder, Handle};

use crate::broker::{client, commit, create_topic, eventually, unique};

fn config(group_id: &str, topic: &str) -> StreamsGroupConfig {
    let changelog = TopicInfo { name: format!("{group_id}-changelog"), ..TopicInfo::default() };
    let subtopology = Subtopology {
        subtopology_id: "0".to_owned(),
        source_topics: vec![topic.to_owned()],
        state_changelog_topics: vec![changelog],
        ..Subtopology::default()
    };
    StreamsGroupConfig {
        group_id: group_id.to_owned(),
        group_instance_id: None,
        rack_id: None,
        process_id: unique("process"),
        user_endpoint: None,
        client_tags: BTreeMap::new(),
        session_timeout: Duration::from_secs(45),
        max_poll_interval: Duration::from_secs(60),
        topology: Topology { epoch: 0, subtopologies: vec![subtopology] },
    }
}

fn joined(client: &Client, runtime: &Handle, config: StreamsGroupConfig) -> StreamsMember {
    let member = StreamsMember::new(client, runtime, config);
    member.join();
    member
}

/// An owner that starts and gives up tasks at once.
struct Owner {
    member: StreamsMember,
    owned: Tasks,
}

impl Owner {
    fn new(member: StreamsMember) -> Self {
        Self { member, owned: Tasks::default() }
    }

    /// One turn; returns the epoch once `count` active tasks are owned and reported.
    fn has(&mut self, count: usize) -> Option<MemberEpoch> {
        self.member.owner_alive();
        match self.member.poll(&self.owned) {
            Some(Event::Assigned(tasks)) => self.owned = tasks,
            Some(other) => panic!("{other:?}"),
            None if self.count() == count => return self.member.epoch(),
            None => {}
        }
        None
    }

    fn count(&self) -> usize {
        self.owned.active.values().map(BTreeSet::len).sum()
    }

    fn has_status(&self, code: StatusCode) -> Option<GroupStatus> {
        self.member.owner_alive();
        self.member.poll(&self.owned);
        self.member.statuses().into_iter().find(|status| status.code == code)
    }
}

fn committer(group_id: &str, epoch: &MemberEpoch) -> GroupMember {
    GroupMember {
        group_id: group_id.to_owned(),
        member_id: epoch.member_id.clone(),
        epoch: epoch.member_epoch,
        group_instance_id: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_members_share_and_what_one_leaves_goes_to_the_other() {
    let Some(client) = client() else { return };
    let (group, topic) = (unique("streams-share"), unique("streams-share-topic"));
    create_topic(&client, &topic, 4).await;
    let mut one = Owner::new(joined(&client, &Handle::current(), config(&group, &topic)));
    let alone = eventually("one has all", || one.has(4)).await;
    assert_eq!(commit(&client, committer(&group, &alone), &topic, 0).await, 0);
    let mut two = Owner::new(joined(&client, &Handle::current(), config(&group, &topic)));
    eventually("two has its half", || {
        // No task has two owners at any moment.
        assert!(one.count() + two.count() <= 4);
        one.has(2);
        two.has(2)
    })
    .await;
    let shared = eventually("one has its half", || one.has(2)).await;
    assert!(shared.member_epoch > alone.member_epoch);
    let kept = *one.owned.active["0"].first().unwrap();
    assert_eq!(commit(&client, committer(&group, &shared), &topic, kept).await, 0);
    // STALE_MEMBER_EPOCH: the partition has passed to another member.
    let given_up = *two.owned.active["0"].first().unwrap();
    assert_eq!(commit(&client, committer(&group, &alone), &topic, given_up).await, 113);
    two.member.leave().await.unwrap();
    eventually("one has all again", || one.has(4)).await;
    one.member.leave().await.unwrap();
}

/// One member's runtime stands still, like a process whose machine sleeps.
#[test]
fn a_member_that_is_silent_expires_and_is_lost_and_its_commits_are_refused() {
    let Some(client) = client() else { return };
    let running = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let stopping = Builder::new_current_thread().enable_all().build().unwrap();
    let (group, topic) = (unique("streams-silent"), unique("streams-silent-topic"));
    running.block_on(create_topic(&client, &topic, 2));
    let own_client = client.separate();
    let mut silent = Owner::new(joined(&own_client, stopping.handle(), config(&group, &topic)));
    let epoch = stopping.block_on(eventually("the silent one has all", || silent.has(2)));
    let mut other = Owner::new(joined(&client, running.handle(), config(&group, &topic)));
    running.block_on(eventually("the other has all", || other.has(2)));
    assert_eq!(silent.member.epoch(), Some(epoch.clone()));
    let refused = running.block_on(commit(&client, committer(&group, &epoch), &topic, 0));
    assert_eq!(refused, 25);
    let lost = stopping.block_on(eventually("the silent one hears it", || {
        silent.member.owner_alive();
        silent.member.poll(&silent.owned)
    }));
    assert!(matches!(&lost, Event::Lost(error) if error.code() == Some(25)), "{lost:?}");
    silent.owned = Tasks::default();
    silent.member.join();
    stopping.block_on(eventually("both share", || {
        other.has(1);
        silent.has(1)
    }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_source_topic_is_told_as_a_status() {
    let Some(client) = client() else { return };
    let (group, topic) = (unique("streams-missing"), unique("streams-missing-topic"));
    let one = Owner::new(joined(&client, &Handle::current(), config(&group, &topic)));
    let missing = StatusCode::MissingSourceTopics;
    let status = eventually("the status", || one.has_status(missing)).await;
    assert!(status.detail.contains(&topic), "{status:?}");
    one.member.leave().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_that_one_member_asks_for_is_told_to_all() {
    let Some(client) = client() else { return };
    let (group, topic) = (unique("streams-shutdown"), unique("streams-shutdown-topic"));
    create_topic(&client, &topic, 2).await;
    let mut one = Owner::new(joined(&client, &Handle::current(), config(&group, &topic)));
    eventually("one has all", || one.has(2)).await;
    let mut two = Owner::new(joined(&client, &Handle::current(), config(&group, &topic)));
    eventually("two has its half", || {
        one.has(1);
        two.has(1)
    })
    .await;
    one.member.shutdown_application();
    let shutdown = StatusCode::ShutdownApplication;
    eventually("two is told", || {
        one.has_status(shutdown);
        two.has_status(shutdown)
    })
    .await;
    one.member.leave().await.unwrap();
    two.member.leave().await.unwrap();
}

/// If a newer broker accepts it, the member simply joins.
#[tokio::test(flavor = "multi_thread")]
async fn a_static_member_is_refused_or_joins() {
    let Some(client) = client() else { return };
    let (group, topic) = (unique("streams-static"), unique("streams-static-topic"));
    create_topic(&client, &topic, 1).await;
    let config = StreamsGroupConfig {
        group_instance_id: Some("instance".to_owned()),
        ..config(&group, &topic)
    };
    let member = joined(&client, &Handle::current(), config);
    match eventually("an answer", || member.poll(&Tasks::default())).await {
        Event::Failed(error) => println!("refused: {error}"),
        Event::Assigned(tasks) => assert_eq!(tasks.active.len(), 1),
        other => panic!("{other:?}"),
    }
    member.leave().await.unwrap();
}
