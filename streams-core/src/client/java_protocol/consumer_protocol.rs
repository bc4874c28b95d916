//! The consumers' part of the members' messages, around the user data of Kafka Streams.
//!
//! Brokers read it, too, so it must be well-formed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::bytes::{Reader, Writer};
use crate::{Result, TopicPartition};

/// The version that is written, Java's newest.
const VERSION: i16 = 3;

/// A member's subscription. Java's `ConsumerProtocolSubscription`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct ConsumerSubscription {
    /// Topics that it reads.
    pub(in super::super) topics: BTreeSet<String>,
    pub(in super::super) user_data: Vec<u8>,
    /// Partitions that it still reads.
    pub(in super::super) owned: BTreeSet<TopicPartition>,
    /// Generation of the assignment that gave it `owned`; -1 if there was none.
    pub(in super::super) generation: i32,
    /// `client.rack`.
    pub(in super::super) rack_id: Option<String>,
}

impl ConsumerSubscription {
    pub(in super::super) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.i16(VERSION);
        out.count(self.topics.len());
        for topic in &self.topics {
            out.string(Some(topic));
        }
        out.bytes(&self.user_data);
        encode_partitions(&mut out, &self.owned);
        out.i32(self.generation);
        out.string(self.rack_id.as_deref());
        out.into_bytes()
    }

    /// Reads one of any version; a newer one has extra bytes at its end.
    ///
    /// # Errors
    /// `Fatal` if it is malformed.
    pub(in super::super) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new("ConsumerProtocolSubscription", bytes);
        let version = input.i16()?;
        let mut topics = BTreeSet::new();
        for _ in 0..input.count()? {
            topics.extend(input.string()?.map(str::to_owned));
        }
        let user_data = input.bytes()?.to_vec();
        let owned = if version >= 1 { decode_partitions(&mut input)? } else { BTreeSet::new() };
        let generation = if version >= 2 { input.i32()? } else { -1 };
        let rack_id = if version >= 3 { input.string()?.map(str::to_owned) } else { None };
        Ok(Self { topics, user_data, owned, generation, rack_id })
    }
}

/// A member's assignment. Java's `ConsumerProtocolAssignment`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct ConsumerAssignment {
    /// Partitions that it should read.
    pub(in super::super) partitions: BTreeSet<TopicPartition>,
    pub(in super::super) user_data: Vec<u8>,
}

impl ConsumerAssignment {
    pub(in super::super) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.i16(VERSION);
        encode_partitions(&mut out, &self.partitions);
        out.bytes(&self.user_data);
        out.into_bytes()
    }

    /// Reads one of any version.
    ///
    /// # Errors
    /// `Fatal` if it is malformed.
    pub(in super::super) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new("ConsumerProtocolAssignment", bytes);
        input.i16()?;
        let partitions = decode_partitions(&mut input)?;
        Ok(Self { partitions, user_data: input.bytes()?.to_vec() })
    }
}

fn encode_partitions(out: &mut Writer, partitions: &BTreeSet<TopicPartition>) {
    let mut by_topic: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        by_topic.entry(&partition.topic).or_default().push(partition.partition);
    }
    out.count(by_topic.len());
    for (topic, partitions) in by_topic {
        out.string(Some(topic));
        out.count(partitions.len());
        for partition in partitions {
            out.i32(partition);
        }
    }
}

fn decode_partitions(input: &mut Reader<'_>) -> Result<BTreeSet<TopicPartition>> {
    let mut partitions = BTreeSet::new();
    for _ in 0..input.count()? {
        let topic: Arc<str> = input.string()?.unwrap_or_default().into();
        for _ in 0..input.count()? {
            partitions.insert(TopicPartition::new(topic.clone(), input.i32()?));
        }
    }
    Ok(partitions)
}
