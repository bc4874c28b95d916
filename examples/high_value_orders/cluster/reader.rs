//! Reads a topic from its beginning to its current end.

use std::{collections::BTreeMap, time::Duration};

use streams_core::{
    TopicPartition,
    client::{ClientSupplier, Consumer, ConsumerSettings, IsolationLevel, RecordView},
    time::{Clock, SystemClock},
};

use crate::Failure;

const POLL_RECORDS: usize = 10_000;
const POLL_WAIT: Duration = Duration::from_millis(200);
/// Time limit for the next of the records that are known to exist.
const PATIENCE_MS: i64 = 30_000;

/// Passes every committed record to `each`, in order within a partition. Returns the end of each
/// partition.
pub(super) fn read_topic(
    clients: &dyn ClientSupplier,
    topic: &str,
    mut each: impl FnMut(&TopicPartition, &RecordView<'_>) -> Result<(), Failure>,
) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
    let mut admin = clients.admin()?;
    let described = admin.describe_topics(&[topic]).wait()?;
    let partitions = described.get(topic).map(|description| description.partitions);
    let partitions = partitions.ok_or_else(|| format!("topic {topic} does not exist"))?;
    let places: Vec<_> =
        (0..partitions).map(|partition| TopicPartition::new(topic, partition)).collect();
    let starts = admin.earliest_offsets(&places).all().wait()?;
    let ends = admin.latest_offsets(&places, IsolationLevel::ReadCommitted).all().wait()?;
    let settings = ConsumerSettings {
        client_id: "high-value-orders-reader".to_owned(),
        isolation: IsolationLevel::ReadCommitted,
        ..ConsumerSettings::default()
    };
    let mut consumer = clients.consumer(&settings)?;
    for (place, start) in &starts {
        consumer.assign(place, *start)?;
    }
    read_to(&mut *consumer, &ends, &mut each)?;
    Ok(ends)
}

fn read_to(
    consumer: &mut dyn Consumer,
    ends: &BTreeMap<TopicPartition, i64>,
    each: &mut impl FnMut(&TopicPartition, &RecordView<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let clock = SystemClock;
    let mut progress_ms = clock.now_ms();
    loop {
        let left: Vec<String> = ends
            .iter()
            .filter(|(place, end)| consumer.position(place).unwrap_or(0) < **end)
            .map(|(place, end)| format!("{place} before offset {end}"))
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        let batches = consumer.poll(POLL_RECORDS, POLL_WAIT)?;
        if !batches.is_empty() {
            progress_ms = clock.now_ms();
        } else if clock.now_ms() - progress_ms > PATIENCE_MS {
            return Err(format!("nothing more comes of {}", left.join(", ")).into());
        }
        for batch in batches {
            let end = ends.get(batch.topic_partition()).copied().unwrap_or(i64::MAX);
            for record in batch.iter().filter(|record| record.offset < end) {
                each(batch.topic_partition(), &record)?;
            }
        }
    }
}
