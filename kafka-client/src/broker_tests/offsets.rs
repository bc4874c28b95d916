//! Committed offsets.

use std::collections::BTreeMap;

use super::{at, client, new_topic, producing::Producer, unique};
use crate::{ErrorKind, GroupMember, OffsetAndMetadata};

fn nobody(group: &str) -> GroupMember {
    GroupMember {
        group_id: group.into(),
        member_id: String::new(),
        epoch: -1,
        group_instance_id: None,
    }
}

fn committed(offset: i64, metadata: &str) -> OffsetAndMetadata {
    OffsetAndMetadata { offset, metadata: metadata.into(), leader_epoch: Some(0) }
}

#[tokio::test]
async fn what_a_group_commits_is_found_again_with_its_text() {
    let Some(client) = client() else { return };
    let name = new_topic(&client, 3).await;
    let group = unique("group");
    let offsets = [(at(&name, 0), committed(7, "AgAAAX==")), (at(&name, 2), committed(0, ""))];
    client.commit_offsets(&nobody(&group), &offsets).await.unwrap();
    let asked = [at(&name, 0), at(&name, 1), at(&name, 2)];
    let found = client.committed_offsets(&group, &asked).await.unwrap();
    assert_eq!(found, offsets.into_iter().collect::<BTreeMap<_, _>>());

    assert_eq!(client.describe_group(&group).await.unwrap().state, "Empty");
    client.delete_group(&group).await.unwrap();
    assert_eq!(client.committed_offsets(&group, &asked).await.unwrap(), BTreeMap::new());
    let error = client.delete_group(&group).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, Some(69)));
}

#[tokio::test]
async fn a_member_that_the_group_does_not_know_is_fenced() {
    let Some(client) = client() else { return };
    let name = new_topic(&client, 1).await;
    let group = unique("group");
    let member = GroupMember { member_id: "ghost".into(), epoch: 4, ..nobody(&group) };
    let offsets = [(at(&name, 0), committed(1, ""))];
    let error = client.commit_offsets(&member, &offsets).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced, "{error}");
    assert!(error.to_string().contains(&format!("{name}-0")), "{error}");
}

#[tokio::test]
async fn an_offset_that_a_transaction_holds_is_not_told() {
    let Some(client) = client() else { return };
    let place = at(&new_topic(&client, 1).await, 0);
    let group = unique("group");
    let producer = Producer::transactional(&client).await;
    producer.add_offset(&client, &group, &place, 5).await;
    let asked = [place.clone()];
    let error = client.committed_offsets(&group, &asked).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Retriable, Some(88)));
    producer.commit(&client).await;
    let found = loop {
        match client.committed_offsets(&group, &asked).await {
            Err(error) if error.code() == Some(88) => {}
            found => break found.unwrap(),
        }
    };
    assert_eq!(found[&place], OffsetAndMetadata { offset: 5, ..OffsetAndMetadata::default() });
}
