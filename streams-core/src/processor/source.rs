//! The beginning of a branch: bytes of a topic become a record.

use std::{any::Any, sync::Arc};

use super::{Children, Event, NodeInfo, TaskSettings, TaskState, push_all};
use crate::{
    BoxError, Error, ErrorKind, Headers, Record, Result, TopicPartition, client::RecordView,
    serde::SerdeRef,
};

/// Input of a timestamp extractor.
#[derive(Debug)]
pub struct ExtractTimestamp<'a, K, V> {
    /// The record; its timestamp is the one in the topic.
    pub record: Record<'a, K, V>,
    /// Its partition.
    pub topic_partition: &'a TopicPartition,
    /// Its offset.
    pub offset: i64,
    /// The greatest timestamp of the partition's records so far; -1 before the first.
    pub partition_time: i64,
}

/// Gives each record its event time, in milliseconds since the epoch; a negative one drops the
/// record. Java's `TimestampExtractor`.
pub type TimestampExtractor<K, V> =
    Arc<dyn Fn(&ExtractTimestamp<'_, K, V>) -> Result<i64, BoxError> + Send + Sync>;

/// Result of reading a record.
#[derive(Debug)]
pub(crate) enum Loaded {
    /// It waits to be pushed, at this timestamp.
    Ready(i64),
    /// Its timestamp, this one, is negative: it must be dropped.
    WithoutTime(i64),
    /// The named part, key or value, can't be decoded; a handler decides.
    Unreadable(&'static str, BoxError),
}

/// The surroundings of a record that is being decoded.
pub(crate) struct Reading<'a> {
    pub(crate) settings: &'a TaskSettings,
    pub(crate) topic_partition: &'a TopicPartition,
    /// Greatest timestamp of the partition's records so far; -1 before the first.
    pub(crate) partition_time: i64,
    pub(crate) now_ms: i64,
}

/// A source node without its types. It holds the decoded head of each of its input partitions.
pub(crate) trait Source: Send {
    /// The node.
    fn info(&self) -> &NodeInfo;

    /// Decodes the record and keeps it as the head of `input`.
    fn load(
        &mut self,
        input: usize,
        record: &RecordView<'_>,
        reading: &Reading<'_>,
    ) -> Result<Loaded>;

    /// Pushes the head of `input` through all nodes below.
    fn push(
        &mut self,
        input: usize,
        timestamp: i64,
        headers: &Headers,
        task: &mut TaskState,
    ) -> Result;

    /// The nodes below: [`Children`] of the source's types.
    fn children(&mut self) -> &mut dyn Any;

    /// Passes on an event.
    fn control(&mut self, event: Event, task: &mut TaskState) -> Result;
}

/// Turns bytes into a record, once; every node below borrows it.
pub(crate) struct SourceNode<K, V> {
    pub(crate) info: Arc<NodeInfo>,
    pub(crate) key_serde: SerdeRef<K>,
    pub(crate) value_serde: SerdeRef<V>,
    pub(crate) extractor: Option<TimestampExtractor<K, V>>,
    pub(crate) children: Children<K, V>,
    pub(crate) heads: Vec<Option<(K, V)>>,
}

impl<K: Send, V: Send> SourceNode<K, V> {
    fn decode(
        &self,
        topic: &str,
        record: &RecordView<'_>,
    ) -> Result<(K, V), (&'static str, BoxError)> {
        let key = self.key_serde.deserialize(topic, record.key).map_err(|cause| ("key", cause))?;
        let value = self.value_serde.deserialize(topic, record.value);
        Ok((key, value.map_err(|cause| ("value", cause))?))
    }

    fn timestamp(
        &self,
        key: &K,
        value: &V,
        record: &RecordView<'_>,
        reading: &Reading<'_>,
    ) -> Result<i64> {
        static NONE: Headers = Headers::new();
        let Reading { topic_partition, partition_time, .. } = *reading;
        let Some(extractor) = &self.extractor else {
            let extractor = &reading.settings.timestamp_extractor;
            return extractor.timestamp(record.timestamp, partition_time, reading.now_ms, &|| {
                format!("{topic_partition}@{}", record.offset)
            });
        };
        let mut own = Headers::new();
        record.read_headers(&mut own);
        let headers = if own.is_empty() { &NONE } else { &own };
        let record_offset = record.offset;
        let record = Record::new(key, value, record.timestamp, headers);
        let offset = record_offset;
        let ask = ExtractTimestamp { record, topic_partition, offset, partition_time };
        extractor(&ask).map_err(|cause| {
            let text =
                format!("the timestamp extractor failed on {topic_partition}@{record_offset}");
            Error::with_source(ErrorKind::Processing, text, cause)
        })
    }
}

impl<K: Send + 'static, V: Send + 'static> Source for SourceNode<K, V> {
    fn info(&self) -> &NodeInfo {
        &self.info
    }

    fn load(
        &mut self,
        input: usize,
        record: &RecordView<'_>,
        reading: &Reading<'_>,
    ) -> Result<Loaded> {
        let (key, value) = match self.decode(&reading.topic_partition.topic, record) {
            Ok(decoded) => decoded,
            Err((part, cause)) => return Ok(Loaded::Unreadable(part, cause)),
        };
        let timestamp = self.timestamp(&key, &value, record, reading)?;
        if timestamp < 0 {
            return Ok(Loaded::WithoutTime(timestamp));
        }
        if self.heads.len() <= input {
            self.heads.resize_with(input + 1, || None);
        }
        if let Some(head) = self.heads.get_mut(input) {
            *head = Some((key, value));
        }
        Ok(Loaded::Ready(timestamp))
    }

    fn push(
        &mut self,
        input: usize,
        timestamp: i64,
        headers: &Headers,
        task: &mut TaskState,
    ) -> Result {
        let Some((key, value)) = self.heads.get_mut(input).and_then(Option::take) else {
            return Ok(());
        };
        let record = Record::new(&key, &value, timestamp, headers);
        let pushed = push_all(&mut self.children, record, task);
        if task.attempt.is_given_up()
            && let Some(head) = self.heads.get_mut(input)
        {
            *head = Some((key, value));
        }
        pushed
    }

    fn children(&mut self) -> &mut dyn Any {
        &mut self.children
    }

    fn control(&mut self, event: Event, task: &mut TaskState) -> Result {
        for child in &mut self.children {
            child.node.control(event, task)?;
        }
        Ok(())
    }
}
