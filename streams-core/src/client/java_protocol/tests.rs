//! Both infos and the consumers' part, compared with bytes that Java wrote.

use std::collections::{BTreeMap, BTreeSet};

use uuid::uuid;

use super::{
    AssignmentInfo, AssignorError, ConsumerAssignment, ConsumerSubscription, HostInfo, RUNNING,
    SubscriptionInfo,
};
use crate::{ErrorKind, TaskId, TopicPartition};

fn golden(name: &str) -> Vec<u8> {
    let lines = include_str!("golden.txt").lines();
    let mut named = lines.filter_map(|line| line.split_once(' '));
    let hex = named.find(|(found, _)| *found == name).expect("the file has the name").1;
    let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digits).collect()
}

fn partitions<const N: usize>(partitions: [(&str, i32); N]) -> BTreeSet<TopicPartition> {
    partitions.into_iter().map(|(topic, partition)| TopicPartition::new(topic, partition)).collect()
}

fn subscription(version: i32) -> SubscriptionInfo {
    let sums = [
        (TaskId::new(0, 0), RUNNING),
        (TaskId::new(0, 1), 42),
        (TaskId::new(1, 3), super::subscription_info::UNKNOWN),
        (TaskId::new(2, 0), i64::MAX),
    ];
    let tags = [("cluster", "blau"), ("zone", "a-1")];
    let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned()));
    SubscriptionInfo {
        version,
        latest_supported_version: 11,
        process_id: uuid!("01234567-89ab-cdef-0123-456789abcdef"),
        user_endpoint: Some("host-1:8080".to_owned()),
        offset_sums: sums.into(),
        unique_field: if version >= 8 { 5 } else { 0 },
        error: if version >= 9 { AssignorError::ShutdownRequested } else { AssignorError::None },
        client_tags: if version >= 11 { tags.into() } else { BTreeMap::new() },
        topology: None,
    }
}

#[test]
fn a_subscription_of_each_version_is_javas() {
    for version in 7..=11 {
        let bytes = golden(&format!("subscription-v{version}"));
        assert_eq!(SubscriptionInfo::decode(&bytes).unwrap(), subscription(version));
        assert_eq!(subscription(version).encode(), bytes, "version {version}");
    }
}

#[test]
fn a_subscription_without_endpoint_tasks_and_tags_is_javas() {
    let empty = SubscriptionInfo {
        user_endpoint: None,
        offset_sums: BTreeMap::new(),
        unique_field: -1,
        error: AssignorError::None,
        client_tags: BTreeMap::new(),
        ..subscription(11)
    };
    assert_eq!(empty.encode(), golden("subscription-empty"));
    assert_eq!(SubscriptionInfo::decode(&golden("subscription-empty")).unwrap(), empty);
}

#[test]
fn of_a_newer_subscription_the_versions_are_known_and_an_older_one_is_refused() {
    let future = SubscriptionInfo::decode(&[0, 0, 0, 12, 0, 0, 0, 13, 99]).unwrap();
    assert!(future.is_future());
    assert_eq!((future.version, future.latest_supported_version), (12, 13));
    let error = SubscriptionInfo::decode(&[0, 0, 0, 6, 0, 0, 0, 6]).unwrap_err();
    assert!(error.to_string().contains("version 6"), "{error}");
}

fn assignment(version: i32) -> AssignmentInfo {
    let standby = [
        (TaskId::new(0, 1), partitions([("orders", 1), ("payments", 1)])),
        (TaskId::new(2, 7), partitions([("über", 7)])),
    ];
    let host = HostInfo { host: "host-1".to_owned(), port: 8080 };
    AssignmentInfo {
        version,
        commonly_supported_version: 11,
        active: vec![TaskId::new(0, 0), TaskId::new(0, 0), TaskId::new(1, 2)],
        standby: standby.into(),
        partitions_by_host: [(host.clone(), partitions([("orders", 0), ("orders", 2)]))].into(),
        standby_partitions_by_host: [(host, partitions([("orders", 1)]))].into(),
        error: AssignorError::None,
        next_rebalance_ms: Some(1_700_000_000_123),
        refusal: None,
    }
}

#[test]
fn an_assignment_of_each_version_is_javas() {
    for version in 7..=11 {
        let bytes = golden(&format!("assignment-v{version}"));
        assert_eq!(AssignmentInfo::decode(&bytes).unwrap(), assignment(version));
        assert_eq!(assignment(version).encode(), bytes, "version {version}");
    }
}

#[test]
fn an_assignment_with_several_hosts_is_read_in_any_order_of_its_topics() {
    let read = AssignmentInfo::decode(&golden("assignment-hosts")).unwrap();
    let host = |host: &str, port| HostInfo { host: host.to_owned(), port };
    let active = [
        (host("host-1", 8080), partitions([("orders", 0), ("payments", 2)])),
        (host("höst", 1), partitions([("clicks", 9)])),
    ];
    let standby = [
        (host("host-1", 8080), partitions([])),
        (host("höst", 1), partitions([("orders", 0), ("payments", 0)])),
    ];
    assert_eq!(read.partitions_by_host, active.into());
    assert_eq!(read.standby_partitions_by_host, standby.into());
    assert_eq!(read.next_rebalance_ms, None);
    assert_eq!(AssignmentInfo::decode(&read.encode()).unwrap(), read);
}

#[test]
fn an_assignment_with_an_error_is_javas() {
    let error = AssignorError::IncompleteSourceTopicMetadata;
    assert_eq!(AssignmentInfo::failed(11, error).encode(), golden("assignment-error"));
    assert_eq!(AssignmentInfo::decode(&golden("assignment-error")).unwrap().error, error);
}

#[test]
fn the_consumers_part_is_javas() {
    let subscription = ConsumerSubscription {
        topics: ["orders".to_owned(), "payments".to_owned()].into(),
        user_data: vec![1, 2, 3],
        owned: partitions([("orders", 0), ("orders", 2), ("payments", 0)]),
        generation: 7,
        rack_id: Some("rack-a".to_owned()),
    };
    assert_eq!(subscription.encode(), golden("consumer-subscription"));
    let read = ConsumerSubscription::decode(&golden("consumer-subscription")).unwrap();
    assert_eq!(read, subscription);
    let first = ConsumerSubscription {
        topics: ["orders".to_owned()].into(),
        user_data: vec![9],
        owned: BTreeSet::new(),
        generation: -1,
        rack_id: None,
    };
    assert_eq!(first.encode(), golden("consumer-subscription-first"));
    let version_0 = ConsumerSubscription::decode(&golden("consumer-subscription-v0")).unwrap();
    assert_eq!(version_0, first);
    let version_1 = ConsumerSubscription::decode(&golden("consumer-subscription-v1")).unwrap();
    assert_eq!(version_1.owned, partitions([("orders", 1)]));
    let assignment = ConsumerAssignment {
        partitions: partitions([("orders", 0), ("orders", 2), ("payments", 0)]),
        user_data: vec![4, 5],
    };
    assert_eq!(assignment.encode(), golden("consumer-assignment"));
    let read = ConsumerAssignment::decode(&golden("consumer-assignment")).unwrap();
    assert_eq!(read, assignment);
}

#[test]
fn bytes_that_end_too_early_or_lie_about_lengths_are_an_error() {
    for name in ["subscription-v9", "subscription-v11", "assignment-v9", "assignment-v11"] {
        let bytes = golden(name);
        for length in 0..bytes.len() {
            let cut = &bytes[..length];
            let failed = if name.starts_with('s') {
                SubscriptionInfo::decode(cut).map(drop)
            } else {
                AssignmentInfo::decode(cut).map(drop)
            };
            let error = failed.expect_err("it is not whole");
            assert_eq!(error.kind(), ErrorKind::Fatal);
        }
    }
    let mut lies = golden("subscription-v11");
    lies[24..28].copy_from_slice(&i32::MAX.to_be_bytes());
    assert!(SubscriptionInfo::decode(&lies).is_err());
}

/// Java's members, and those of former versions, stop reading at the end of their fields.
#[test]
fn what_java_does_not_know_stands_behind_what_it_reads() {
    let told = SubscriptionInfo { topology: Some(u64::MAX - 7), ..subscription(11) };
    let bytes = told.encode();
    assert!(bytes.starts_with(&golden("subscription-v11")));
    assert_eq!(SubscriptionInfo::decode(&bytes).unwrap(), told);
    let refused = AssignmentInfo { refusal: Some("no".to_owned()), ..assignment(11) };
    let bytes = refused.encode();
    assert!(bytes.starts_with(&assignment(11).encode()));
    assert_eq!(AssignmentInfo::decode(&bytes).unwrap(), refused);
    let mut unknown = subscription(11).encode();
    unknown.extend(b"something else");
    assert_eq!(SubscriptionInfo::decode(&unknown).unwrap(), subscription(11));
}
