//! Bytes that Java's `StreamsGroupHeartbeatRequestData` and `StreamsGroupHeartbeatResponseData` of
//! kafka-clients 4.3.1 wrote.

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Encodable};

use crate::group::streams::{
    CopartitionGroup, KeyValue, Subtopology, TopicInfo, Topology,
    messages::{
        Endpoint, EndpointToPartitions, Status, StreamsGroupHeartbeatRequest,
        StreamsGroupHeartbeatResponse, TaskIds, TaskOffset, TopicPartitions,
    },
};

const JOIN: &str = "04617070173371322d37774141514143414141414141414141415100000000000000000b696e7374616e63652d31077261636b2d62000493e0010000000703023003076f7264657273097061796d656e7473010102176170702d62792d6b65792d7265706172746974696f6e01020300000001010100000231010102146170702d73746f72652d6368616e67656c6f67000000000000020f636c65616e75702e706f6c69637908636f6d7061637400000102176170702d62792d6b65792d7265706172746974696f6e000000030001010002010102000000000001010102700105686f73749c400002057a6f6e65037a310002023000000002000000012a05f20000010100";
const DELTA: &str = "04617070026d0000000c000000010000ffffffffff00000000ff0000000000";
const OWNED: &str = "04617070026d0000000c000000010000ffffffffff030230030000000000000001000231020000012c000202310200000002000100ff0000000000";
const FULL: &str = "00000003000000026d0000000400001388000027100000ea60020122536f7572636520746f70696373206f726465727320617265206d697373696e672e000202300300000000000000010001020231020000000500000000090205686f73749c400002076f726465727303000000000000000100010000";
const REFUSED: &str =
    "00000000006e0766656e636564010000000000000000000000000000000001000000000000000000";

fn from_hex(hex: &str) -> Bytes {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn round_trip<M: Encodable + Decodable + PartialEq + std::fmt::Debug>(message: &M, golden: &str) {
    let golden = from_hex(golden);
    let mut written = BytesMut::new();
    message.encode(&mut written, 0).unwrap();
    assert_eq!(written, golden);
    assert_eq!(message.compute_size(0).unwrap(), golden.len());
    assert_eq!(&M::decode(&mut golden.clone(), 0).unwrap(), message);
    // Bytes that end anywhere earlier are refused.
    for end in 0..golden.len() {
        assert!(M::decode(&mut golden.slice(..end), 0).is_err(), "{end}");
    }
}

fn key_value(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.to_owned(), value: value.to_owned() }
}

fn task_ids(subtopology_id: &str, partitions: &[i32]) -> TaskIds {
    TaskIds { subtopology_id: subtopology_id.to_owned(), partitions: partitions.to_vec() }
}

fn topology() -> Topology {
    let repartition = "app-by-key-repartition";
    let reads_users_topics = Subtopology {
        subtopology_id: "0".to_owned(),
        source_topics: vec!["orders".to_owned(), "payments".to_owned()],
        repartition_sink_topics: vec![repartition.to_owned()],
        copartition_groups: vec![CopartitionGroup {
            source_topics: vec![0, 1],
            ..CopartitionGroup::default()
        }],
        ..Subtopology::default()
    };
    let keeps_state = Subtopology {
        subtopology_id: "1".to_owned(),
        state_changelog_topics: vec![TopicInfo {
            name: "app-store-changelog".to_owned(),
            topic_configs: vec![key_value("cleanup.policy", "compact")],
            ..TopicInfo::default()
        }],
        repartition_source_topics: vec![TopicInfo {
            name: repartition.to_owned(),
            partitions: 3,
            replication_factor: 1,
            ..TopicInfo::default()
        }],
        copartition_groups: vec![CopartitionGroup {
            repartition_source_topics: vec![0],
            ..CopartitionGroup::default()
        }],
        ..Subtopology::default()
    };
    Topology { epoch: 7, subtopologies: vec![reads_users_topics, keeps_state] }
}

#[test]
fn a_join_is_written_as_java_writes_it() {
    let request = StreamsGroupHeartbeatRequest {
        group_id: "app".to_owned(),
        member_id: "3q2-7wAAQACAAAAAAAAAAQ".to_owned(),
        instance_id: Some("instance-1".to_owned()),
        rack_id: Some("rack-b".to_owned()),
        rebalance_timeout_ms: 300_000,
        topology: Some(topology()),
        active_tasks: Some(vec![]),
        standby_tasks: Some(vec![]),
        warmup_tasks: Some(vec![]),
        process_id: Some("p".to_owned()),
        user_endpoint: Some(Endpoint { host: "host".to_owned(), port: 40_000 }),
        client_tags: Some(vec![key_value("zone", "z1")]),
        task_offsets: Some(vec![TaskOffset {
            subtopology_id: "0".to_owned(),
            partition: 2,
            offset: 5_000_000_000,
        }]),
        task_end_offsets: Some(vec![]),
        shutdown_application: true,
        ..StreamsGroupHeartbeatRequest::default()
    };
    round_trip(&request, JOIN);
}

#[test]
fn what_has_not_changed_is_written_as_null() {
    let mut request = StreamsGroupHeartbeatRequest {
        group_id: "app".to_owned(),
        member_id: "m".to_owned(),
        member_epoch: 12,
        endpoint_information_epoch: 1,
        rebalance_timeout_ms: -1,
        ..StreamsGroupHeartbeatRequest::default()
    };
    round_trip(&request, DELTA);
    request.active_tasks = Some(vec![task_ids("0", &[0, 1]), task_ids("1", &[300])]);
    request.standby_tasks = Some(vec![task_ids("1", &[2])]);
    request.warmup_tasks = Some(vec![]);
    round_trip(&request, OWNED);
}

#[test]
fn an_answer_is_read_as_java_writes_it() {
    let answer = StreamsGroupHeartbeatResponse {
        throttle_time_ms: 3,
        member_id: "m".to_owned(),
        member_epoch: 4,
        heartbeat_interval_ms: 5_000,
        acceptable_recovery_lag: 10_000,
        task_offset_interval_ms: 60_000,
        status: Some(vec![Status {
            status_code: 1,
            status_detail: "Source topics orders are missing.".to_owned(),
        }]),
        active_tasks: Some(vec![task_ids("0", &[0, 1])]),
        standby_tasks: Some(vec![]),
        warmup_tasks: Some(vec![task_ids("1", &[5])]),
        endpoint_information_epoch: 9,
        partitions_by_user_endpoint: Some(vec![EndpointToPartitions {
            user_endpoint: Endpoint { host: "host".to_owned(), port: 40_000 },
            active_partitions: vec![TopicPartitions {
                topic: "orders".to_owned(),
                partitions: vec![0, 1],
            }],
            standby_partitions: vec![],
        }]),
        ..StreamsGroupHeartbeatResponse::default()
    };
    round_trip(&answer, FULL);
    let refused = StreamsGroupHeartbeatResponse {
        error_code: 110,
        error_message: Some("fenced".to_owned()),
        // Java's own default for an answer without a status is an empty list.
        status: Some(vec![]),
        ..StreamsGroupHeartbeatResponse::default()
    };
    round_trip(&refused, REFUSED);
}

#[test]
fn fields_of_a_newer_broker_are_read_over() {
    let mut bytes = BytesMut::from(&*from_hex(REFUSED));
    bytes.truncate(bytes.len() - 1);
    // One tagged field: number 200, three bytes.
    bytes.extend_from_slice(&[1, 0xc8, 0x01, 3, 7, 7, 7]);
    let answer = StreamsGroupHeartbeatResponse::decode(&mut bytes.freeze(), 0).unwrap();
    assert_eq!(answer.error_code, 110);
}

#[test]
fn lengths_that_can_not_be_are_refused_without_room_being_made_for_them() {
    // A throttle time, code 0, then a message of 2^32 - 2 bytes.
    let huge = Bytes::from_static(&[0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert!(StreamsGroupHeartbeatResponse::decode(&mut huge.clone(), 0).is_err());
    // A length of more than 32 bits.
    let long = Bytes::from_static(&[0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x1f, 0]);
    assert!(StreamsGroupHeartbeatResponse::decode(&mut long.clone(), 0).is_err());
    assert!(StreamsGroupHeartbeatResponse::decode(&mut from_hex(REFUSED), 1).is_err());
}
