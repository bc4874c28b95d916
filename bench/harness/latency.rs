//! The time from writing a record to reading its result, and from the start of an instance to its
//! first result.
//!
//! The load is open: a record is due each fifth of a millisecond whatever happened to the earlier
//! ones, and its latency counts from that time. This process writes the records and reads the
//! results; it is the same for both contenders.

use std::{collections::BTreeMap, time::Duration};

use bench::kafka::{Failure, Reading, Writing, ends};
use kafka_client::{TopicPartition, consumer::PartitionReader};
use streams_dsl::time::{Clock, SystemClock};
use tokio::time::{Instant, sleep_until};

use crate::{
    contender::{Contender, Order, Running},
    input::PARTITIONS,
    run::{Place, Run, number, remove},
    topics,
};

const INPUT: &str = "ticks";
const OUTPUT: &str = "out";
/// Records of the load per millisecond.
const PER_MS: u64 = 5;
/// Keys of the load.
const KEYS: u64 = 1_000;

/// Measures a contender: one result after a first start, one after a restart, then the load,
/// without the results of its first third.
pub(crate) async fn measure(
    place: &Place,
    contender: &Contender,
    round: usize,
    load: Duration,
) -> Result<Run, Failure> {
    let application = format!("LAT-{}-{round}", contender.name());
    for topic in [INPUT, OUTPUT] {
        topics::create(&place.client, topic).await?;
    }
    let mut load = Load::new(place, load).await?;
    let directory = place.directory(&application);
    let settings = place.settings(&application, &[]);
    let order = Order {
        topology: "LAT",
        marks: &[],
        settings: &settings,
        store: place.store,
        directory: &directory,
    };
    let start = || Running::start(contender, &order, SystemClock.now_ms() * 1_000);
    let mut figures = BTreeMap::new();

    let mut running = start()?;
    figures.insert("first_output_s".to_owned(), load.first_output(running.started.1).await?);
    running.tell_to_end()?;
    running.end().await?;

    let mut running = start()?;
    let restarted = load.first_output(running.started.1).await?;
    figures.insert("first_output_after_restart_s".to_owned(), restarted);
    let mut latencies = load.run().await?;
    running.tell_to_end()?;
    running.end().await?;

    latencies.sort_unstable();
    for (name, thousandths) in [("p50_ms", 500), ("p99_ms", 990), ("p999_ms", 999)] {
        let at = (latencies.len() * thousandths / 1_000).min(latencies.len().saturating_sub(1));
        let latency = *latencies.get(at).ok_or("the load was too short")?;
        figures.insert(name.to_owned(), number(latency) / 1e3);
    }
    let records = u64::try_from(latencies.len())?;
    topics::delete(&place.client, &application, &[INPUT, OUTPUT]).await?;
    remove(&directory)?;
    let (workload, contender, topics) = ("LAT".to_owned(), contender.name(), BTreeMap::new());
    Ok(Run { workload, contender, round, records, figures, topics })
}

/// Writes records with the time at which they were due, and reads their results.
struct Load {
    length: Duration,
    begun: Instant,
    writing: Writing,
    reading: Reading,
    readers: Vec<PartitionReader>,
}

impl Load {
    async fn new(place: &Place, length: Duration) -> Result<Self, Failure> {
        let writing = Writing::new(&place.client, INPUT, PARTITIONS);
        let reading = Reading::new(&place.client);
        let partitions: Vec<TopicPartition> =
            ends(&place.client, OUTPUT).await?.into_keys().collect();
        let readers = partitions.iter().map(|partition| reading.read(partition, 0)).collect();
        Ok(Self { length, begun: Instant::now(), writing, reading, readers })
    }

    /// Writes a record and waits for its result; returns the seconds since the instance was
    /// started.
    async fn first_output(&mut self, started: Instant) -> Result<f64, Failure> {
        self.append(0, 0).await?;
        self.writing.flush().await?;
        while self.reading.next(&mut self.readers, |_| Ok(())).await? == 0 {}
        Ok(started.elapsed().as_secs_f64())
    }

    /// The latencies under the load, in microseconds.
    async fn run(&mut self) -> Result<Vec<u64>, Failure> {
        let ms = u64::try_from(self.length.as_millis())?;
        self.begun = Instant::now();
        let begun = self.begun;
        let (mut latencies, mut read) = (Vec::new(), 0);
        let Self { writing, reading, readers, .. } = self;
        let write = async {
            for due_ms in 1..=ms {
                let due = Duration::from_millis(due_ms);
                sleep_until(begun + due).await;
                for number in 0..PER_MS {
                    append(writing, due, due_ms * PER_MS + number).await?;
                }
                writing.send();
            }
            Ok::<_, Failure>(())
        };
        let read = async {
            while read < ms * PER_MS {
                let count = reading.next(readers, |row| {
                    let now = u64::try_from(begun.elapsed().as_micros())?;
                    let due =
                        row.value.and_then(due_us).ok_or("a result says not when it was due")?;
                    if due >= ms * 1_000 / 3 {
                        latencies.push(now.saturating_sub(due));
                    }
                    Ok(())
                });
                read += u64::try_from(count.await?)?;
            }
            Ok::<_, Failure>(())
        };
        tokio::try_join!(write, read)?;
        Ok(latencies)
    }

    async fn append(&mut self, due_us: u64, key: u64) -> Result<(), Failure> {
        append(&mut self.writing, Duration::from_micros(due_us), key).await
    }
}

async fn append(writing: &mut Writing, due: Duration, key: u64) -> Result<(), Failure> {
    let value = format!("{:0>100}", due.as_micros());
    writing.append(SystemClock.now_ms(), &format!("k{:07}", key % KEYS), &value).await
}

/// Due time of the record of a result, in microseconds since the load began.
fn due_us(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.trim_end_matches('!').parse().ok()
}
