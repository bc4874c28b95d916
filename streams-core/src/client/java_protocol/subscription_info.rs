//! A member's message to the leader.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{
    AssignorError, LATEST_VERSION, OLDEST_VERSION,
    bytes::{Reader, Writer},
};
use crate::{Error, ErrorKind, Result, TaskId};

/// The offset sum of a running active task. Java's `Task.LATEST_OFFSET`.
pub(in super::super) const RUNNING: i64 = -2;

/// The offset sum of a task whose position is unknown. Java's `UNKNOWN_OFFSET_SUM`.
pub(in super::super) const UNKNOWN: i64 = -3;

/// First version with a row per task and the name of its topology.
const FLAT_VERSION: i32 = 10;

/// Mark before the fingerprint of the topology.
const TOPOLOGY_MARK: [u8; 8] = *b"topology";

/// User data of a subscription. Java's `SubscriptionInfo` (`SubscriptionInfoData.json`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct SubscriptionInfo {
    /// The version in which it is written.
    pub(in super::super) version: i32,
    /// The newest version that the member understands.
    pub(in super::super) latest_supported_version: i32,
    /// The process; nil if the version is newer than those understood here.
    pub(in super::super) process_id: Uuid,
    /// `host:port` of `application.server`.
    pub(in super::super) user_endpoint: Option<String>,
    /// Positions in the changelogs, summed over the stores of each task with local state.
    pub(in super::super) offset_sums: BTreeMap<TaskId, i64>,
    /// Differs at each join, so that the broker sees a change every time.
    pub(in super::super) unique_field: i8,
    pub(in super::super) error: AssignorError,
    pub(in super::super) client_tags: BTreeMap<String, String>,
    /// Fingerprint of the member's topology. It follows everything that Java's members write and
    /// read; they have none.
    pub(in super::super) topology: Option<u64>,
}

impl SubscriptionInfo {
    /// Returns whether its version can't be read here: then only the two versions are known.
    pub(in super::super) fn is_future(&self) -> bool {
        self.version > LATEST_VERSION
    }

    /// Writes it in its version, which must be one that is understood.
    pub(in super::super) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.i32(self.version);
        out.i32(self.latest_supported_version);
        out.uuid(self.process_id);
        out.bytes(self.user_endpoint.as_deref().unwrap_or_default().as_bytes());
        if self.version >= FLAT_VERSION {
            self.encode_flat(&mut out);
        } else {
            self.encode_nested(&mut out);
        }
        if self.version >= 8 {
            out.i8(self.unique_field);
        }
        if self.version >= 9 {
            out.i32(self.error.code());
        }
        if self.version >= 11 {
            out.count(self.client_tags.len());
            for (key, value) in &self.client_tags {
                out.bytes(key.as_bytes());
                out.bytes(value.as_bytes());
            }
        }
        if let Some(topology) = self.topology {
            out.mark(TOPOLOGY_MARK);
            out.i64(topology.cast_signed());
        }
        out.into_bytes()
    }

    fn encode_flat(&self, out: &mut Writer) {
        out.count(self.offset_sums.len());
        for (task, sum) in &self.offset_sums {
            out.i32(subtopology(*task));
            out.i32(task.partition);
            out.i64(*sum);
            out.string(None);
        }
    }

    fn encode_nested(&self, out: &mut Writer) {
        let mut by_subtopology: BTreeMap<i32, Vec<(i32, i64)>> = BTreeMap::new();
        for (task, sum) in &self.offset_sums {
            by_subtopology.entry(subtopology(*task)).or_default().push((task.partition, *sum));
        }
        out.count(by_subtopology.len());
        for (number, partitions) in by_subtopology {
            out.i32(number);
            out.count(partitions.len());
            for (partition, sum) in partitions {
                out.i32(partition);
                out.i64(sum);
            }
        }
    }

    /// Reads one of any version from the oldest that is understood.
    ///
    /// # Errors
    /// `Fatal` if it is malformed, or of a version before Kafka 2.6.
    pub(in super::super) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new("SubscriptionInfo", bytes);
        let (version, latest_supported_version) = (input.i32()?, input.i32()?);
        let mut info = Self {
            version,
            latest_supported_version,
            process_id: Uuid::nil(),
            user_endpoint: None,
            offset_sums: BTreeMap::new(),
            unique_field: 0,
            error: AssignorError::None,
            client_tags: BTreeMap::new(),
            topology: None,
        };
        if info.is_future() {
            return Ok(info);
        }
        if version < OLDEST_VERSION {
            return Err(too_old(version));
        }
        info.process_id = input.uuid()?;
        let endpoint = input.bytes()?;
        let endpoint = Some(input.text(endpoint)?).filter(|endpoint| !endpoint.is_empty());
        info.user_endpoint = endpoint.map(str::to_owned);
        info.offset_sums = if version >= FLAT_VERSION {
            decode_flat(&mut input)?
        } else {
            decode_nested(&mut input)?
        };
        if version >= 8 {
            info.unique_field = input.i8()?;
        }
        if version >= 9 {
            info.error = AssignorError::from_code(input.i32()?);
        }
        if version >= 11 {
            for _ in 0..input.count()? {
                let (key, value) = (input.bytes()?, input.bytes()?);
                info.client_tags.insert(input.text(key)?.to_owned(), input.text(value)?.to_owned());
            }
        }
        if let Some(mut behind) = input.behind_mark(TOPOLOGY_MARK) {
            info.topology = Some(behind.i64()?.cast_unsigned());
        }
        Ok(info)
    }
}

fn subtopology(task: TaskId) -> i32 {
    i32::try_from(task.subtopology).unwrap_or(i32::MAX)
}

fn decode_flat(input: &mut Reader<'_>) -> Result<BTreeMap<TaskId, i64>> {
    let mut sums = BTreeMap::new();
    for _ in 0..input.count()? {
        let task = decode_task(input)?;
        let sum = input.i64()?;
        if input.string()?.is_some_and(|topology| !topology.is_empty()) {
            return Err(input.malformed("it has a named topology, which is not supported"));
        }
        sums.insert(task, sum);
    }
    Ok(sums)
}

fn decode_nested(input: &mut Reader<'_>) -> Result<BTreeMap<TaskId, i64>> {
    let mut sums = BTreeMap::new();
    for _ in 0..input.count()? {
        let number = u32::try_from(input.i32()?);
        let number = number.map_err(|_| input.malformed("a sub-topology is negative"))?;
        for _ in 0..input.count()? {
            let partition = input.i32()?;
            sums.insert(TaskId::new(number, partition), input.i64()?);
        }
    }
    Ok(sums)
}

/// Reads a task as in both infos: number of the sub-topology, number of the partition.
pub(super) fn decode_task(input: &mut Reader<'_>) -> Result<TaskId> {
    let number = u32::try_from(input.i32()?);
    let number = number.map_err(|_| input.malformed("a sub-topology is negative"))?;
    Ok(TaskId::new(number, input.i32()?))
}

/// Writes a task as [`decode_task`] reads it.
pub(super) fn encode_task(out: &mut Writer, task: TaskId) {
    out.i32(subtopology(task));
    out.i32(task.partition);
}

/// The error for an info of a version that is no longer understood.
pub(super) fn too_old(version: i32) -> Error {
    let text = format!(
        "a group member speaks version {version} of Kafka Streams' assignment protocol, which is older than \
         version {OLDEST_VERSION}; upgrade the application's instances to Kafka 2.6 or later"
    );
    Error::new(ErrorKind::Fatal, text)
}
