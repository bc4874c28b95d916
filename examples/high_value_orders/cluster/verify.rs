//! `verify`: the figures of the output topics.

use std::{collections::BTreeMap, time::Duration};

use streams_core::{
    TopicPartition,
    client::{
        ClientSupplier, Consumer, ConsumerSettings, IsolationLevel, rdkafka::RdKafkaSupplier,
    },
    time::{Clock, SystemClock},
};

use super::settings;
use crate::{
    Failure,
    args::VerifyArgs,
    output::{self, OutputRecord, OutputTopic},
    summary,
};

const POLL_RECORDS: usize = 10_000;
const POLL_WAIT: Duration = Duration::from_millis(200);
/// How long it may take until something more comes of what is known to be there.
const PATIENCE_MS: i64 = 30_000;

/// Reads what is committed of all output topics, writes it to files if asked to, and returns the figures.
pub(crate) fn verify(args: &VerifyArgs) -> Result<String, Failure> {
    let files = args.output.as_deref().map(output::create).transpose()?;
    let config =
        settings::config("high-value-orders-verify", &args.bootstrap_server, &args.settings)?;
    let clients = RdKafkaSupplier::new(&config)?;
    let outputs = output::TOPICS.into_iter().map(|topic| read(&clients, topic));
    let outputs = outputs.collect::<Result<Vec<_>, Failure>>()?;
    for file in files.into_iter().flatten() {
        file.write(&outputs)?;
    }
    Ok(summary::figures(&outputs, None))
}

fn read(clients: &RdKafkaSupplier, topic: &'static str) -> Result<OutputTopic, Failure> {
    let mut admin = clients.admin()?;
    let described = admin.describe_topics(&[topic]).wait()?;
    let partitions = described.get(topic).map(|description| description.partitions);
    let partitions = partitions.ok_or_else(|| {
        format!("topic {topic} does not exist: `feed` creates it, `run` writes it")
    })?;
    let places: Vec<_> =
        (0..partitions).map(|partition| TopicPartition::new(topic, partition)).collect();
    let starts = admin.earliest_offsets(&places).all().wait()?;
    let ends = admin.latest_offsets(&places, IsolationLevel::ReadCommitted).all().wait()?;
    let settings = ConsumerSettings {
        client_id: "high-value-orders-verify".to_owned(),
        isolation: IsolationLevel::ReadCommitted,
        ..ConsumerSettings::default()
    };
    let mut consumer = clients.consumer(&settings)?;
    for (place, start) in &starts {
        consumer.assign(place, *start)?;
    }
    let mut records = read_to(&mut *consumer, topic, &ends)?;
    records.sort_by_key(|record| (record.partition, record.offset));
    Ok(OutputTopic { topic, records })
}

fn read_to(
    consumer: &mut dyn Consumer,
    topic: &str,
    ends: &BTreeMap<TopicPartition, i64>,
) -> Result<Vec<OutputRecord>, Failure> {
    let clock = SystemClock;
    let mut records = Vec::new();
    let mut progress_ms = clock.now_ms();
    loop {
        let left: Vec<String> = ends
            .iter()
            .filter(|(place, end)| consumer.position(place).unwrap_or(0) < **end)
            .map(|(place, end)| format!("{place} before offset {end}"))
            .collect();
        if left.is_empty() {
            return Ok(records);
        }
        let batches = consumer.poll(POLL_RECORDS, POLL_WAIT)?;
        if !batches.is_empty() {
            progress_ms = clock.now_ms();
        } else if clock.now_ms() - progress_ms > PATIENCE_MS {
            return Err(format!("nothing more comes of {}", left.join(", ")).into());
        }
        for batch in batches {
            let partition = batch.topic_partition().partition;
            for record in batch.iter() {
                let end = ends.get(batch.topic_partition()).copied().unwrap_or(i64::MAX);
                if record.offset < end {
                    records.push(output::decode(
                        topic,
                        (record.key, record.value),
                        (record.timestamp, partition, record.offset),
                    )?);
                }
            }
        }
    }
}
