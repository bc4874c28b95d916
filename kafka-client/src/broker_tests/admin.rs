//! Topics and offsets.

use std::collections::{BTreeMap, BTreeSet};

use super::{at, client, new_topic, producing::Producer, topic, unique};
use crate::{ErrorKind, IsolationLevel, PartitionOffsets, TopicPartition};

#[tokio::test]
async fn a_topic_is_created_once_described_and_deleted() {
    let Some(client) = client() else { return };
    let name = unique("created");
    let settings = [("cleanup.policy", "compact"), ("retention.ms", "86400000")];
    let wanted = [topic(&name, 3, &settings)];
    let outcome = client.create_topics(&wanted).await.unwrap();
    assert_eq!((outcome.created.len(), outcome.existed.len()), (1, 0));
    let outcome = client.create_topics(&wanted).await.unwrap();
    assert_eq!((outcome.created.len(), outcome.existed.len()), (0, 1));

    let missing = unique("missing");
    let found = client.describe_topics(&[&name, &missing]).await.unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), [&name]);
    assert_eq!(found[&name].partitions, 3);
    assert_eq!(found[&name].config, wanted[0].config);

    let all = client.list_topics().await.unwrap();
    assert_eq!((all.get(&name), all.get(&missing)), (Some(&3), None));
    assert_eq!(all.keys().find(|topic| topic.starts_with("__")), None);

    let deleted = client.delete_topics(&[&name, &missing]).await.unwrap();
    assert_eq!(deleted, BTreeSet::from([name]));
    // Describing a topic creates none.
    assert_eq!(client.partition_counts(&[&missing]).await.unwrap(), BTreeMap::new());
}

#[tokio::test]
async fn a_refused_topic_is_named() {
    let Some(client) = client() else { return };
    let name = unique("refused");
    let wanted = [topic(&name, 1, &[("cleanup.policy", "burn")])];
    let error = client.create_topics(&wanted).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, Some(40)));
    assert!(error.to_string().contains(&name), "{error}");
    let error = client.create_topics(&[topic("no/name", 1, &[])]).await.unwrap_err();
    assert_eq!(error.code(), Some(17));
    let error = client.partition_counts(&["no/name"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}

fn all(found: PartitionOffsets) -> BTreeMap<TopicPartition, i64> {
    found.into_iter().map(|(place, offset)| (place, offset.unwrap())).collect()
}

#[tokio::test]
async fn offsets_follow_what_is_produced_and_deleted() {
    let Some(client) = client() else { return };
    let name = new_topic(&client, 2).await;
    let (first, second) = (at(&name, 0), at(&name, 1));
    Producer::plain().produce(&client, &first, &[1_000, 2_000, 3_000]).await;
    let both = [first.clone(), second.clone()];
    let latest = client.latest_offsets(&both, IsolationLevel::ReadCommitted).await.unwrap();
    assert_eq!(all(latest), BTreeMap::from([(first.clone(), 3), (second.clone(), 0)]));

    let times = [(first.clone(), 1_500), (second.clone(), 1_500)];
    let found = client.offsets_for_times(&times, IsolationLevel::ReadUncommitted).await.unwrap();
    assert_eq!(found, BTreeMap::from([(first.clone(), 1)]));

    let begin = client.delete_records(&[(first.clone(), 2)]).await.unwrap();
    assert_eq!(begin, BTreeMap::from([(first.clone(), 2)]));
    let earliest = client.earliest_offsets(&both).await.unwrap();
    assert_eq!(all(earliest), BTreeMap::from([(first.clone(), 2), (second, 0)]));
    let error = client.delete_records(&[(first, 9)]).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, Some(1)));
}

#[tokio::test]
async fn an_open_transaction_ends_what_is_stable() {
    let Some(client) = client() else { return };
    let place = at(&new_topic(&client, 1).await, 0);
    Producer::plain().produce(&client, &place, &[1]).await;
    let producer = Producer::transactional(&client).await;
    producer.produce(&client, &place, &[2, 3]).await;
    let places = [place.clone()];
    let stable = client.latest_offsets(&places, IsolationLevel::ReadCommitted).await.unwrap();
    let both = client.latest_offsets(&places, IsolationLevel::ReadUncommitted).await.unwrap();
    assert_eq!((all(stable)[&place], all(both)[&place]), (1, 3));
    producer.commit(&client).await;
}

#[tokio::test]
async fn a_partition_that_does_not_exist_is_not_found() {
    let Some(client) = client() else { return };
    let name = new_topic(&client, 1).await;
    let there = at(&name, 0);
    for place in [at(&name, 1), at(&unique("missing"), 0)] {
        let mut found = client.earliest_offsets(&[there.clone(), place.clone()]).await.unwrap();
        assert_eq!(*found[&there].as_ref().unwrap(), 0, "others are answered");
        let error = found.remove(&place).unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains(&place.to_string()), "{error}");
    }
}
