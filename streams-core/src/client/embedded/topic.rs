//! A topic: its settings and its partitions' logs.

use std::collections::BTreeMap;

use super::log::PartitionLog;
use crate::{
    Error, ErrorKind, Result,
    client::{NewTopic, RecordView},
};

/// Kafka's default of `delete.retention.ms`: a day.
const DELETE_RETENTION_MS: i64 = 86_400_000;

/// A topic of the embedded cluster.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) config: BTreeMap<String, String>,
    pub(super) partitions: Vec<PartitionLog>,
    /// True if its `cleanup.policy` names `compact`.
    pub(super) compacted: bool,
    /// Time for which a tombstone outlives the pass that first saw it, in milliseconds.
    pub(super) delete_retention_ms: i64,
    limits: Limits,
    next_unkeyed: usize,
}

/// Limits on the records that the topic accepts.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// `max.message.bytes`, of key and value together.
    bytes_max: usize,
    /// `message.timestamp.after.max.ms`. Unlike Kafka's, which is an hour, the default accepts any
    /// time.
    after_max_ms: i64,
}

impl Topic {
    /// Checks the description of a topic and creates the topic, empty.
    pub(super) fn new(new: &NewTopic) -> Result<Self> {
        check_name(&new.name)?;
        let refuse = |what: String| {
            Error::new(ErrorKind::InvalidTopic, format!("topic `{}` is refused: {what}", new.name))
        };
        let partitions = usize::try_from(new.partitions).unwrap_or(0);
        if partitions == 0 {
            return Err(refuse(format!("{} is not a number of partitions", new.partitions)));
        }
        let policy = new.config.get("cleanup.policy").map_or("delete", String::as_str);
        let policies: Vec<&str> = policy.split(',').map(str::trim).collect();
        if let Some(other) = policies.iter().find(|name| !matches!(**name, "compact" | "delete")) {
            return Err(refuse(format!("`{other}` is not a cleanup.policy")));
        }
        let number = |setting: &str| match new.config.get(setting).map(|text| text.parse::<i64>()) {
            Some(Err(_)) => Err(refuse(format!("{setting} is not a number"))),
            Some(Ok(number)) => Ok(Some(number)),
            None => Ok(None),
        };
        let bytes_max =
            number("max.message.bytes")?.map(|bytes| usize::try_from(bytes).unwrap_or(0));
        Ok(Self {
            config: new.config.clone(),
            partitions: (0..partitions).map(|_| PartitionLog::default()).collect(),
            compacted: policies.contains(&"compact"),
            delete_retention_ms: number("delete.retention.ms")?.unwrap_or(DELETE_RETENTION_MS),
            limits: Limits {
                bytes_max: bytes_max.unwrap_or(usize::MAX),
                after_max_ms: number("message.timestamp.after.max.ms")?.unwrap_or(i64::MAX),
            },
            next_unkeyed: 0,
        })
    }

    /// The reason why a record is refused for good, if it is.
    pub(super) fn refusal(&self, record: &RecordView<'_>, now_ms: i64) -> Option<String> {
        let Limits { bytes_max, after_max_ms } = self.limits;
        let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        if self.compacted && record.key.is_none() {
            Some("a compacted topic takes no record without a key".to_owned())
        } else if bytes > bytes_max {
            Some(format!(
                "it is larger than {bytes_max} bytes; raise max.message.bytes of the topic"
            ))
        } else if record.timestamp.saturating_sub(now_ms) > after_max_ms {
            let what = "its timestamp is too far ahead of the cluster's clock";
            Some(format!("{what}; see message.timestamp.after.max.ms of the topic"))
        } else {
            None
        }
    }

    pub(super) fn partition_count(&self) -> i32 {
        i32::try_from(self.partitions.len()).unwrap_or(i32::MAX)
    }

    /// Adds empty partitions until there are `total`.
    ///
    /// # Errors
    /// `InvalidTopic` if there are as many already.
    pub(super) fn grow(&mut self, name: &str, total: i32) -> Result {
        let wanted = usize::try_from(total).unwrap_or(0);
        if wanted <= self.partitions.len() {
            let count = self.partitions.len();
            let text = format!("topic `{name}` has {count} partitions and can't be given {total}");
            return Err(Error::new(ErrorKind::InvalidTopic, text));
        }
        self.partitions.resize_with(wanted, PartitionLog::default);
        Ok(())
    }

    /// The partition for a record without a key: each partition in turn.
    pub(super) fn next_unkeyed(&mut self) -> i32 {
        let next = self.next_unkeyed % self.partitions.len();
        self.next_unkeyed = next + 1;
        i32::try_from(next).unwrap_or(0)
    }
}

/// Kafka's rule for names of topics.
fn check_name(name: &str) -> Result {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let fits = (1..=249).contains(&name.len()) && name != "." && name != "..";
    if fits && name.bytes().all(legal) {
        return Ok(());
    }
    let text = format!(
        "`{name}` is not a name of a topic: 1 to 249 of the characters a-z A-Z 0-9 . _ - are, and \
         neither `.` nor `..`"
    );
    Err(Error::new(ErrorKind::InvalidTopic, text))
}
