//! Cost of an instance, as the user time of its process: while it is idle, and per record.
//!
//! ```sh
//! instance idle PARTITIONS SECONDS     # milliseconds of CPU a second
//! instance tasks TASKS RECORDS         # nanoseconds of CPU a record, with all tasks in one thread
//! ```
//!
//! The cluster is the embedded one, in the same process, and part of both figures; it is the same
//! for each number of partitions. The figures are user time rather than elapsed time, so other load
//! on the machine has little effect.
#![expect(clippy::unwrap_used, reason = "a measurement that can't set up its world has failed")]

use std::{sync::Arc, time::Duration};

use streams_core::{
    Headers, KafkaStreams, TopicPartition,
    client::{
        ClientSupplier, ProduceRecord, ProducerSettings,
        embedded::{ClusterSettings, EmbeddedCluster},
    },
    config::StreamsConfig,
    runtime::State,
    time::{Clock, SystemClock},
};

/// Time limit of the start, and of the work.
const PATIENCE: Duration = Duration::from_secs(120);

/// Time for which an idle instance settles before it is measured.
const SETTLE: Duration = Duration::from_secs(2);

/// Milliseconds of user and of system time that this process has used. The kernel counts them in
/// hundredths of a second.
fn cpu_ms() -> (u64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1;
    let ticks = |at: usize| fields.split(' ').nth(at).unwrap().parse::<u64>().unwrap();
    (ticks(11) * 10, ticks(12) * 10)
}

fn cluster(partitions: i32) -> EmbeddedCluster {
    let settings = ClusterSettings {
        // A broker's interval, rather than the tenth of a second that tests use.
        heartbeat_interval: Duration::from_secs(3),
        ..ClusterSettings::default()
    };
    let cluster = EmbeddedCluster::with_settings(Arc::new(SystemClock), settings);
    cluster.create_topic(bench::INPUT, partitions).unwrap();
    cluster.create_topic(bench::OUTPUT, partitions).unwrap();
    cluster
}

async fn start(cluster: &EmbeddedCluster) -> KafkaStreams {
    let topology = bench::one_in_one_out().unwrap();
    let config = StreamsConfig::new("bench", "embedded:9092");
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clone()).unwrap();
    streams.start().await.unwrap();
    let state = streams.wait_for(&[State::Running], PATIENCE).await;
    assert_eq!(state, State::Running);
    streams
}

async fn idle(partitions: i32, seconds: u32) -> String {
    let cluster = cluster(partitions);
    let streams = start(&cluster).await;
    tokio::time::sleep(SETTLE).await;
    let before = cpu_ms();
    tokio::time::sleep(Duration::from_secs(seconds.into())).await;
    let after = cpu_ms();
    streams.close(PATIENCE).await.unwrap();
    let a_second = |ms: u64| f64::from(u32::try_from(ms).unwrap()) / f64::from(seconds);
    let (user, system) = (a_second(after.0 - before.0), a_second(after.1 - before.1));
    format!("{partitions} partitions: {user:.1} ms user and {system:.1} ms system a second")
}

async fn tasks(tasks: i32, records: i64) -> String {
    let cluster = cluster(tasks);
    let mut producer = cluster.producer(&ProducerSettings::default()).unwrap();
    for number in 0..records {
        let bytes = number.to_be_bytes();
        let partition = i32::try_from(number % i64::from(tasks)).unwrap();
        let record = ProduceRecord {
            timestamp: number,
            key: Some(&bytes),
            value: Some(&bytes),
            headers: &Headers::new(),
        };
        producer.append_to(&TopicPartition::new(bench::INPUT, partition), record).unwrap();
    }
    producer.flush().unwrap();
    let is_done = || {
        let committed = cluster.committed("bench");
        committed.values().map(|committed| committed.offset).sum::<i64>() >= records
    };
    let before = cpu_ms();
    let streams = start(&cluster).await;
    let deadline_ms = SystemClock.now_ms() + i64::try_from(PATIENCE.as_millis()).unwrap();
    // The last commit comes with the close.
    while i64::try_from(streams.metrics().processed).unwrap() < records {
        assert!(SystemClock.now_ms() < deadline_ms, "it takes too long");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    streams.close(PATIENCE).await.unwrap();
    let after = cpu_ms();
    assert!(is_done());
    let ns = (after.0 - before.0) * 1_000_000 / u64::try_from(records).unwrap();
    format!("{tasks} tasks: {ns} ns user a record")
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "it is what was measured")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, count, amount] = arguments.as_slice() else { panic!("see the head of this file") };
    let (count, amount) = (count.parse().unwrap(), amount.parse().unwrap());
    let measured = match what.as_str() {
        "idle" => idle(count, amount).await,
        "tasks" => tasks(count, amount.into()).await,
        _ => panic!("see the head of this file"),
    };
    println!("{measured}");
}
