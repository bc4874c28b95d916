//! The output topics, read and written to files.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use streams_core::client::{
    IsolationLevel,
    embedded::{EmbeddedCluster, StoredRecord},
};

use crate::{Failure, topology};

/// The records of an output topic.
#[derive(Debug)]
pub(crate) struct OutputTopic {
    pub(crate) topic: &'static str,
    pub(crate) records: Vec<OutputRecord>,
}

/// A record of an output topic, in the form written to files.
#[derive(Debug)]
pub(crate) struct OutputRecord {
    pub(crate) key: Value,
    pub(crate) value: Value,
    pub(crate) timestamp: i64,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// The topics that the application writes.
pub(crate) const TOPICS: [&str; 4] = [
    topology::HIGH_VALUE_ORDERS,
    topology::ORDERS_PER_CUSTOMER,
    topology::ENRICHED_ORDERS,
    topology::ORDERS_PER_HOUR,
];

/// Reads the committed records of all output topics.
pub(crate) fn read(cluster: &EmbeddedCluster) -> Result<Vec<OutputTopic>, Failure> {
    TOPICS.into_iter().map(|topic| read_topic(cluster, topic)).collect()
}

fn read_topic(cluster: &EmbeddedCluster, topic: &'static str) -> Result<OutputTopic, Failure> {
    let records = cluster.read_all(topic, IsolationLevel::ReadCommitted)?;
    let decode = |record: &StoredRecord| {
        let place = (record.timestamp, record.partition, record.offset);
        decode(topic, (record.key.as_deref(), record.value.as_deref()), place)
    };
    let records = records.iter().map(decode).collect::<Result<_, _>>()?;
    Ok(OutputTopic { topic, records })
}

/// A record of an output topic, from its bytes and position.
pub(crate) fn decode(
    topic: &str,
    (key, value): (Option<&[u8]>, Option<&[u8]>),
    (timestamp, partition, offset): (i64, i32, i64),
) -> Result<OutputRecord, Failure> {
    let key = key.unwrap_or_default();
    let key = match topic {
        topology::ORDERS_PER_HOUR => windowed_key(key)?,
        _ => Value::from(std::str::from_utf8(key)?),
    };
    let value = match (value, topic) {
        (None, _) => Value::Null,
        (Some(value), topology::ORDERS_PER_CUSTOMER | topology::ORDERS_PER_HOUR) => {
            Value::from(i64::from_be_bytes(value.try_into()?))
        }
        (Some(value), _) => serde_json::from_slice(value)?,
    };
    Ok(OutputRecord { key, value, timestamp, partition, offset })
}

/// A windowed key on a topic: the key's bytes, then the window's start.
fn windowed_key(bytes: &[u8]) -> Result<Value, Failure> {
    let (key, start) = bytes.split_last_chunk::<8>().ok_or("a windowed key is too short")?;
    let start = i64::from_be_bytes(*start);
    let size = i64::try_from(topology::HOUR.as_millis())?;
    Ok(json!({ "key": std::str::from_utf8(key)?, "start": start, "end": start + size }))
}

/// The file for an output topic, one record per line.
#[derive(Debug)]
pub(crate) struct OutputFile {
    topic: &'static str,
    path: PathBuf,
    file: File,
}

/// Creates `directory/TOPIC.jsonl` for each output topic. Called before a run, so that a failure
/// costs no run.
pub(crate) fn create(directory: &Path) -> Result<Vec<OutputFile>, Failure> {
    fs::create_dir_all(directory).map_err(|cause| failed(directory, &cause))?;
    let create = |topic| {
        let path = directory.join(format!("{topic}.jsonl"));
        let file = File::create(&path).map_err(|cause| failed(&path, &cause))?;
        Ok(OutputFile { topic, path, file })
    };
    TOPICS.into_iter().map(create).collect()
}

impl OutputFile {
    /// Writes the records of its topic.
    pub(crate) fn write(self, outputs: &[OutputTopic]) -> Result<(), Failure> {
        let of_topic = outputs.iter().filter(|output| output.topic == self.topic);
        let mut file = BufWriter::new(self.file);
        let mut written = Ok(());
        for record in of_topic.flat_map(|output| &output.records) {
            let OutputRecord { key, value, timestamp, partition, offset } = record;
            written = written.and_then(|()| {
                writeln!(
                    file,
                    r#"{{"key":{key},"value":{value},"timestamp":{timestamp},"partition":{partition},"offset":{offset}}}"#
                )
            });
        }
        written.and_then(|()| file.flush()).map_err(|cause| failed(&self.path, &cause))
    }
}

fn failed(path: &Path, cause: &std::io::Error) -> Failure {
    let path = path.display();
    format!("{path} can't be written: {cause}; give --output a directory that can be written")
        .into()
}
