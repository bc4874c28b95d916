//! `StreamsGroupHeartbeat`, version 0: the codec crate lacks it.
//!
//! The order of fields is that of Kafka's `StreamsGroupHeartbeatRequest.json` and its answer in
//! 4.3.

use bytes::BytesMut;
use kafka_protocol::protocol::{
    Decodable, Encodable, HeaderVersion, Message, Request, VersionRange,
    buf::{ByteBuf, ByteBufMut},
};

use super::{
    topology::{KeyValue, Topology},
    wire::{Wire, WireError, wire_struct},
};

wire_struct! {
    /// Tasks of one sub-topology.
    pub(super) struct TaskIds {
        pub(super) subtopology_id: String,
        pub(super) partitions: Vec<i32>,
    }
}

wire_struct! {
    /// Address at which a process answers queries.
    pub(super) struct Endpoint {
        pub(super) host: String,
        pub(super) port: u16,
    }
}

wire_struct! {
    /// Progress of a task in its changelogs.
    pub(super) struct TaskOffset {
        pub(super) subtopology_id: String,
        pub(super) partition: i32,
        pub(super) offset: i64,
    }
}

wire_struct! {
    /// A member's report; fields that have not changed since its last heartbeat are `None`.
    pub(super) struct StreamsGroupHeartbeatRequest {
        pub(super) group_id: String,
        pub(super) member_id: String,
        pub(super) member_epoch: i32,
        pub(super) endpoint_information_epoch: i32,
        pub(super) instance_id: Option<String>,
        pub(super) rack_id: Option<String>,
        pub(super) rebalance_timeout_ms: i32,
        pub(super) topology: Option<Topology>,
        pub(super) active_tasks: Option<Vec<TaskIds>>,
        pub(super) standby_tasks: Option<Vec<TaskIds>>,
        pub(super) warmup_tasks: Option<Vec<TaskIds>>,
        pub(super) process_id: Option<String>,
        pub(super) user_endpoint: Option<Endpoint>,
        pub(super) client_tags: Option<Vec<KeyValue>>,
        pub(super) task_offsets: Option<Vec<TaskOffset>>,
        pub(super) task_end_offsets: Option<Vec<TaskOffset>>,
        pub(super) shutdown_application: bool,
    }
}

wire_struct! {
    /// A circumstance of the group.
    pub(super) struct Status {
        pub(super) status_code: i8,
        pub(super) status_detail: String,
    }
}

wire_struct! {
    /// Partitions of one topic.
    pub(super) struct TopicPartitions {
        pub(super) topic: String,
        pub(super) partitions: Vec<i32>,
    }
}

wire_struct! {
    /// Partitions of a process, for queries.
    pub(super) struct EndpointToPartitions {
        pub(super) user_endpoint: Endpoint,
        pub(super) active_partitions: Vec<TopicPartitions>,
        pub(super) standby_partitions: Vec<TopicPartitions>,
    }
}

wire_struct! {
    /// The broker's answer; fields that have not changed since its last answer are `None`.
    pub(super) struct StreamsGroupHeartbeatResponse {
        pub(super) throttle_time_ms: i32,
        pub(super) error_code: i16,
        pub(super) error_message: Option<String>,
        pub(super) member_id: String,
        pub(super) member_epoch: i32,
        pub(super) heartbeat_interval_ms: i32,
        pub(super) acceptable_recovery_lag: i32,
        pub(super) task_offset_interval_ms: i32,
        pub(super) status: Option<Vec<Status>>,
        pub(super) active_tasks: Option<Vec<TaskIds>>,
        pub(super) standby_tasks: Option<Vec<TaskIds>>,
        pub(super) warmup_tasks: Option<Vec<TaskIds>>,
        pub(super) endpoint_information_epoch: i32,
        pub(super) partitions_by_user_endpoint: Option<Vec<EndpointToPartitions>>,
    }
}

/// Makes a wire struct a message of the codec crate, at version 0 alone.
macro_rules! message {
    ($name:ident, $header:literal) => {
        impl Message for $name {
            const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
            const DEPRECATED_VERSIONS: Option<VersionRange> = None;
        }

        impl HeaderVersion for $name {
            fn header_version(_version: i16) -> i16 {
                $header
            }
        }

        impl Encodable for $name {
            fn encode<B: ByteBufMut>(&self, buf: &mut B, version: i16) -> anyhow::Result<()> {
                check_version(version)?;
                Ok(self.write(buf)?)
            }

            fn compute_size(&self, version: i16) -> anyhow::Result<usize> {
                let mut buf = BytesMut::new();
                self.encode(&mut buf, version)?;
                Ok(buf.len())
            }
        }

        impl Decodable for $name {
            fn decode<B: ByteBuf>(buf: &mut B, version: i16) -> anyhow::Result<Self> {
                check_version(version)?;
                Ok(Self::read(buf)?)
            }
        }
    };
}

message!(StreamsGroupHeartbeatRequest, 2);
message!(StreamsGroupHeartbeatResponse, 1);

impl Request for StreamsGroupHeartbeatRequest {
    const KEY: i16 = 88;
    type Response = StreamsGroupHeartbeatResponse;
}

fn check_version(version: i16) -> Result<(), WireError> {
    if version == 0 { Ok(()) } else { Err(WireError::Version(version)) }
}
