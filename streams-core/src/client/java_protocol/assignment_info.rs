//! The leader's message to a member.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    AssignorError, HostInfo, LATEST_VERSION, OLDEST_VERSION,
    bytes::{Reader, Writer},
    subscription_info::{decode_task, encode_task, too_old},
};
use crate::{Error, ErrorKind, Result, TaskId, TopicPartition};

/// First version whose tasks carry the name of their topology.
const NAMED_TOPOLOGY_VERSION: i32 = 10;

/// Mark before the reason of a refusal.
const REFUSAL_MARK: [u8; 8] = *b"refusal:";

/// Partitions of source topics by the instance that has their tasks.
pub(in super::super) type PartitionsByHost = BTreeMap<HostInfo, BTreeSet<TopicPartition>>;

/// User data of an assignment. Java's `AssignmentInfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct AssignmentInfo {
    /// The version in which it is written: the oldest that a member sent.
    pub(in super::super) version: i32,
    /// The newest version that all members understand.
    pub(in super::super) commonly_supported_version: i32,
    /// The active task of each assigned partition, in the order of the partitions by topic and
    /// number.
    pub(in super::super) active: Vec<TaskId>,
    /// Standby and warm-up tasks with their source partitions.
    pub(in super::super) standby: BTreeMap<TaskId, BTreeSet<TopicPartition>>,
    /// Hosts of the active tasks, for instances that have an address.
    pub(in super::super) partitions_by_host: PartitionsByHost,
    /// Hosts of the standby tasks.
    pub(in super::super) standby_partitions_by_host: PartitionsByHost,
    pub(in super::super) error: AssignorError,
    /// Time at which the member asks for the next rebalance: 0 for at once, `None` for never.
    pub(in super::super) next_rebalance_ms: Option<i64>,
    /// The reason why the leader gives this member nothing. It follows everything that Java's
    /// members write and read.
    pub(in super::super) refusal: Option<String>,
}

impl AssignmentInfo {
    /// An assignment of nothing, with the error.
    pub(in super::super) fn failed(version: i32, error: AssignorError) -> Self {
        Self {
            version,
            commonly_supported_version: LATEST_VERSION,
            active: Vec::new(),
            standby: BTreeMap::new(),
            partitions_by_host: BTreeMap::new(),
            standby_partitions_by_host: BTreeMap::new(),
            error,
            next_rebalance_ms: None,
            refusal: None,
        }
    }

    /// Writes it in its version, which must be one that is understood.
    pub(in super::super) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.i32(self.version);
        out.i32(self.commonly_supported_version);
        out.count(self.active.len());
        for task in &self.active {
            self.encode_task(&mut out, *task);
        }
        out.count(self.standby.len());
        for (task, partitions) in &self.standby {
            self.encode_task(&mut out, *task);
            out.count(partitions.len());
            for partition in partitions {
                out.utf(&partition.topic);
                out.i32(partition.partition);
            }
        }
        self.encode_hosts(&mut out);
        out.i32(self.error.code());
        out.i64(self.next_rebalance_ms.unwrap_or(i64::MAX));
        if let Some(refusal) = &self.refusal {
            out.mark(REFUSAL_MARK);
            out.bytes(refusal.as_bytes());
        }
        out.into_bytes()
    }

    fn encode_task(&self, out: &mut Writer, task: TaskId) {
        encode_task(out, task);
        if self.version >= NAMED_TOPOLOGY_VERSION {
            out.i32(0);
        }
    }

    fn encode_hosts(&self, out: &mut Writer) {
        let maps = [&self.partitions_by_host, &self.standby_partitions_by_host];
        let partitions = maps.iter().flat_map(|map| map.values().flatten());
        let topics: BTreeSet<&str> = partitions.map(|partition| &*partition.topic).collect();
        let numbers: BTreeMap<&str, i32> = topics.into_iter().zip(0..).collect();
        out.count(numbers.len());
        for (topic, number) in &numbers {
            out.i32(*number);
            out.utf(topic);
        }
        for map in maps {
            out.count(map.len());
            for (host, partitions) in map {
                out.utf(&host.host);
                out.i32(host.port);
                let known = partitions.iter().filter_map(|partition| {
                    Some((numbers.get(&*partition.topic)?, partition.partition))
                });
                let known: Vec<_> = known.collect();
                out.count(known.len());
                for (topic, partition) in known {
                    out.i32(*topic);
                    out.i32(partition);
                }
            }
        }
    }

    /// Reads one of any version that is understood.
    ///
    /// # Errors
    /// `Fatal` if it is malformed or of another version.
    pub(in super::super) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new("AssignmentInfo", bytes);
        let version = input.i32()?;
        if version < OLDEST_VERSION {
            return Err(too_old(version));
        }
        if version > LATEST_VERSION {
            let text = format!(
                "the leader of the group sent version {version} of Kafka Streams' assignment protocol, newer than \
                 version {LATEST_VERSION} that was asked for"
            );
            return Err(Error::new(ErrorKind::Fatal, text));
        }
        let mut info = Self::failed(version, AssignorError::None);
        info.commonly_supported_version = input.i32()?;
        for _ in 0..input.count()? {
            info.active.push(read_task(&mut input, version)?);
        }
        for _ in 0..input.count()? {
            let task = read_task(&mut input, version)?;
            let mut partitions = BTreeSet::new();
            for _ in 0..input.count()? {
                partitions.insert(TopicPartition::new(input.utf()?, input.i32()?));
            }
            info.standby.insert(task, partitions);
        }
        let mut topics = BTreeMap::new();
        for _ in 0..input.count()? {
            topics.insert(input.i32()?, input.utf()?);
        }
        info.partitions_by_host = read_hosts(&mut input, &topics)?;
        info.standby_partitions_by_host = read_hosts(&mut input, &topics)?;
        info.error = AssignorError::from_code(input.i32()?);
        info.next_rebalance_ms = Some(input.i64()?).filter(|time| *time != i64::MAX);
        if let Some(mut behind) = input.behind_mark(REFUSAL_MARK) {
            let refusal = behind.bytes()?;
            info.refusal = Some(behind.text(refusal)?.to_owned());
        }
        Ok(info)
    }
}

fn read_task(input: &mut Reader<'_>, version: i32) -> Result<TaskId> {
    let task = decode_task(input)?;
    if version >= NAMED_TOPOLOGY_VERSION && !input.chars()?.is_empty() {
        return Err(input.malformed("it has a named topology, which is not supported"));
    }
    Ok(task)
}

fn read_hosts(input: &mut Reader<'_>, topics: &BTreeMap<i32, String>) -> Result<PartitionsByHost> {
    let mut hosts = BTreeMap::new();
    for _ in 0..input.count()? {
        let host = HostInfo { host: input.utf()?, port: input.i32()? };
        let mut partitions = BTreeSet::new();
        for _ in 0..input.count()? {
            let topic = topics.get(&input.i32()?);
            let topic = topic.ok_or_else(|| input.malformed("a topic's number is not known"))?;
            partitions.insert(TopicPartition::new(topic.as_str(), input.i32()?));
        }
        hosts.insert(host, partitions);
    }
    Ok(hosts)
}
