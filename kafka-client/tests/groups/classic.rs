//! `JoinGroup`, `SyncGroup`, Heartbeat, `LeaveGroup`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use kafka_client::{
    Client, GroupMember,
    group::{
        Event,
        classic::{
            AssignFuture, ClassicConfig, ClassicMember, Generation, GroupProtocol,
            MemberSubscription,
        },
    },
};
use tokio::runtime::{Builder, Handle};

use crate::broker::{client, commit, create_topic, eventually, unique};

/// A leader that deals out four numbers.
#[derive(Debug)]
struct Deal;

impl GroupProtocol for Deal {
    fn name(&self) -> &'static str {
        "deal"
    }

    /// A subscription of version 0 to no topics, without user data.
    fn subscription(&self) -> Bytes {
        Bytes::from_static(&[0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])
    }

    fn assign(&self, members: Vec<MemberSubscription>) -> AssignFuture<'_> {
        let ids: BTreeSet<String> = members.into_iter().map(|member| member.member_id).collect();
        let mut dealt: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for (number, id) in (0..4).zip(ids.iter().cycle()) {
            dealt.entry(id.clone()).or_default().push(number);
        }
        let dealt = dealt.into_iter().map(|(id, numbers)| (id, Bytes::from(numbers))).collect();
        Box::pin(async { Ok(dealt) })
    }
}

fn config(group_id: &str) -> ClassicConfig {
    ClassicConfig {
        group_id: group_id.to_owned(),
        group_instance_id: None,
        session_timeout: Duration::from_secs(6),
        heartbeat_interval: Duration::from_millis(100),
        max_poll_interval: Duration::from_secs(60),
    }
}

fn joined(client: &Client, runtime: &Handle, config: ClassicConfig) -> ClassicMember {
    let member = ClassicMember::new(client, runtime, config, Arc::new(Deal));
    member.join();
    member
}

/// Waits for an assignment of `count` numbers.
async fn assigned(member: &ClassicMember, count: usize) -> (Generation, Bytes) {
    let what = format!("{count} numbers assigned; last error {:?}", member.last_error());
    eventually(&what, || {
        member.owner_alive();
        match member.poll()? {
            Event::Assigned(assignment) => (assignment.bytes.len() == count)
                .then_some((assignment.generation, assignment.bytes)),
            other => panic!("{other:?}"),
        }
    })
    .await
}

fn committer(group_id: &str, generation: &Generation) -> GroupMember {
    GroupMember {
        group_id: group_id.to_owned(),
        member_id: generation.member_id.clone(),
        epoch: generation.generation_id,
        group_instance_id: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_members_share_and_what_one_leaves_goes_to_the_other() {
    let Some(client) = client() else { return };
    let (group, topic) = (unique("share"), unique("share-topic"));
    create_topic(&client, &topic, 1).await;
    let one = joined(&client, &Handle::current(), config(&group));
    let (alone, _) = assigned(&one, 4).await;
    assert_eq!(commit(&client, committer(&group, &alone), &topic, 0).await, 0);
    let two = joined(&client, &Handle::current(), config(&group));
    let (shared, ones) = assigned(&one, 2).await;
    let (generation_of_two, twos) = assigned(&two, 2).await;
    assert_eq!(shared.generation_id, generation_of_two.generation_id);
    let all: BTreeSet<u8> = ones.into_iter().chain(twos).collect();
    assert_eq!(all, BTreeSet::from([0, 1, 2, 3]));
    assert_eq!(one.generation(), Some(shared.clone()));
    // ILLEGAL_GENERATION.
    assert_eq!(commit(&client, committer(&group, &alone), &topic, 0).await, 22);
    assert_eq!(commit(&client, committer(&group, &shared), &topic, 0).await, 0);
    two.leave(false).await.unwrap();
    // UNKNOWN_MEMBER_ID.
    assert_eq!(commit(&client, committer(&group, &generation_of_two), &topic, 0).await, 25);
    assigned(&one, 4).await;
    one.leave(false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebalance_can_be_asked_for_by_the_leader() {
    let Some(client) = client() else { return };
    let one = joined(&client, &Handle::current(), config(&unique("rejoin")));
    let (before, _) = assigned(&one, 4).await;
    one.rejoin("a probing rebalance");
    let (after, _) = assigned(&one, 4).await;
    assert_eq!(after.generation_id, before.generation_id + 1);
    one.leave(false).await.unwrap();
}

/// One member's runtime stands still, like a process whose machine sleeps.
#[test]
fn a_member_that_is_silent_expires_and_is_lost_and_its_commits_are_refused() {
    let Some(client) = client() else { return };
    let running = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let stopping = Builder::new_current_thread().enable_all().build().unwrap();
    let (group, topic) = (unique("silent"), unique("silent-topic"));
    running.block_on(create_topic(&client, &topic, 1));
    let own_client = client.separate();
    let config = ClassicConfig { session_timeout: Duration::from_secs(1), ..config(&group) };
    let silent = joined(&own_client, stopping.handle(), config.clone());
    let (generation, _) = stopping.block_on(assigned(&silent, 4));
    let other = joined(&client, running.handle(), config);
    // Nothing drives the silent one's task here, so the broker waits for its session to expire.
    running.block_on(assigned(&other, 4));
    assert!(silent.poll().is_none());
    assert_eq!(silent.generation(), Some(generation.clone()));
    let refused = running.block_on(commit(&client, committer(&group, &generation), &topic, 0));
    assert_eq!(refused, 25);
    let lost = stopping.block_on(eventually("the silent one hears it", || {
        silent.owner_alive();
        silent.poll()
    }));
    assert!(matches!(lost, Event::Lost(_)), "{lost:?}");
    // It comes back when its owner asks for it.
    silent.join();
    let both = async { tokio::join!(assigned(&silent, 2), assigned(&other, 2)) };
    stopping.block_on(both);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_member_restarts_without_a_rebalance_and_fences_its_former_self() {
    let Some(client) = client() else { return };
    let group = unique("static");
    let one = joined(&client, &Handle::current(), config(&group));
    assigned(&one, 4).await;
    let instance =
        ClassicConfig { group_instance_id: Some("instance".to_owned()), ..config(&group) };
    let former = joined(&client, &Handle::current(), instance.clone());
    let (before, numbers) = assigned(&former, 2).await;
    assigned(&one, 2).await;
    // A static member does not leave.
    former.leave(false).await.unwrap();
    let restarted = joined(&client, &Handle::current(), instance.clone());
    let (after, numbers_after) = assigned(&restarted, 2).await;
    assert_eq!((after.generation_id, numbers_after), (before.generation_id, numbers));
    assert_ne!(after.member_id, before.member_id);
    assert!(one.poll().is_none());

    let rival = joined(&client, &Handle::current(), instance);
    assigned(&rival, 2).await;
    let failed = eventually("the instance is fenced", || restarted.poll()).await;
    assert!(matches!(failed, Event::Failed(error) if error.code() == Some(82)));
    one.leave(false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_can_not_reach_a_broker_says_so_and_goes_on_trying() {
    // Nothing listens on the discard port.
    let mut settings = kafka_client::ClientConfig::new(["127.0.0.1:9"]);
    settings.retry_backoff = Duration::from_millis(5);
    let member = joined(&Client::new(settings), &Handle::current(), config("unreachable"));
    let error = eventually("an error", || member.last_error()).await;
    assert_eq!(error.kind(), kafka_client::ErrorKind::Connection);
    assert!(member.poll().is_none());
    assert!(member.generation().is_none());
    member.leave(false).await.unwrap();
}
