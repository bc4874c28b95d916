//! Two topics whose records have equal timestamps.
//!
//! When the heads of two partitions have the same timestamp, the one that came first is next, as in
//! Java's heap. So a task that has records of both alternates between them. A restarted task may
//! begin with either.

use std::collections::{BTreeMap, BTreeSet};

use streams_core::{
    BoxError, Record,
    client::IsolationLevel,
    config::ProcessingGuarantee,
    partition_for_key,
    processor::{Context, Processor},
    serde,
    testing::simulation::{Outcome, Random, SimulationBuilder, SimulationRecord},
    topology::{SinkOptions, SourceOptions, Topology, TopologyBuilder},
};

use super::{equal, varied};

const PARTITIONS: i32 = 3;

/// Forwards where each record came from, and where the one before it did.
#[derive(Default)]
struct Turns {
    last: Option<(String, i64)>,
}

impl Processor<String, String, String, String> for Turns {
    fn process(
        &mut self,
        record: Record<'_, String, String>,
        context: &mut Context<'_, String, String>,
    ) -> Result<(), BoxError> {
        let same = self.last.take().filter(|(_, timestamp)| *timestamp == record.timestamp);
        let before = same.map_or_else(|| "none".to_owned(), |(topic, _)| topic);
        let turn = format!("{before} {}", record.value);
        self.last = Some((record.value.clone(), record.timestamp));
        Ok(context.forward(record.with_value(&turn))?)
    }
}

fn ties_topology() -> Topology {
    let mut builder = TopologyBuilder::new();
    let left = SourceOptions::new(["left"], serde::string(), serde::string());
    let left = builder.add_source("left", left);
    let right = SourceOptions::new(["right"], serde::string(), serde::string());
    let right = builder.add_source("right", right);
    let turns = builder.add_processor("turns", Turns::default, &[left, right]);
    builder.add_sink("sink", SinkOptions::topic("out", serde::string(), serde::string()), &[turns]);
    builder.build().unwrap()
}

/// Records of both topics, many at each time.
fn crowd(random: &mut Random) -> Vec<SimulationRecord> {
    let mut crowd = Vec::new();
    for time in 0..6 {
        for _ in 0..20 + random.below(20) {
            let topic = *random.pick(&["left", "right"]).unwrap();
            let key = format!("k{}", random.below(12));
            crowd.push(SimulationRecord::new(topic, key, topic, time * 1_000));
        }
    }
    crowd
}

fn partition_of(key: &[u8]) -> i32 {
    partition_for_key(key, PARTITIONS)
}

/// No record is processed right behind one of the same topic and time while the other topic has one
/// of that time, too.
fn they_take_turns(outcome: &Outcome) -> Result<(), String> {
    let mut left: BTreeMap<(i32, i64, String), usize> = BTreeMap::new();
    for record in &outcome.input {
        let partition = partition_of(record.key.as_deref().unwrap());
        let slot = left.entry((partition, record.timestamp, record.topic.clone()));
        *slot.or_default() += 1;
    }
    for record in outcome.cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap() {
        let turn = String::from_utf8(record.value.unwrap()).unwrap();
        let (before, topic) = turn.split_once(' ').unwrap();
        let other = if topic == "left" { "right" } else { "left" };
        let slot = |topic: &str| (record.partition, record.timestamp, topic.to_owned());
        let waiting = left.get(&slot(other)).copied().unwrap_or(0);
        if before == topic && waiting > 0 {
            let (partition, offset, time) = (record.partition, record.offset, record.timestamp);
            return Err(format!(
                "out-{partition}@{offset}: {topic} twice at {time} while {waiting} of {other} wait"
            ));
        }
        let of_topic = left.get_mut(&slot(topic));
        *of_topic.ok_or_else(|| format!("{topic} has no record at {}", record.timestamp))? -= 1;
    }
    let missing: BTreeSet<_> = left.into_iter().filter(|(_, count)| *count > 0).collect();
    equal(&missing, &BTreeSet::new())
}

/// Two topics with equal timestamps, all written before anybody reads; exactly-once.
pub fn ties(seed: u64) -> SimulationBuilder {
    varied(seed, ProcessingGuarantee::ExactlyOnceV2, |_| ties_topology())
        .topic("left", PARTITIONS)
        .topic("right", PARTITIONS)
        .topic("out", PARTITIONS)
        .input_before(crowd)
        .check(they_take_turns)
}
