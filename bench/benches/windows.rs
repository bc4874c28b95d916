//! Reads of one key's windows among those of many keys: their cost must not grow with the number of
//! keys.
#![forbid(unsafe_code)]

use std::{hint::black_box, ops::ControlFlow, time::Duration};

use criterion::{BatchSize, Criterion};
use streams_core::{
    BoxError, Direction, Record, Result,
    config::StreamsConfig,
    processor::Context,
    serde::{long, string},
    store::Stores,
    testing::TopologyTestDriver,
    topology::{SourceOptions, TopologyBuilder},
};

const STORE: &str = "windows";
const WINDOW_MS: i64 = 60_000;
/// Windows of each key that is read.
const WINDOWS: i64 = 10;
/// Keys that are read, each once before the first is read again.
const READ_KEYS: i64 = 1_000;

fn main() -> Result<()> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let mut group = criterion.benchmark_group("windows_of_a_key");
    for keys in [1_000, 1_000_000] {
        let driver = filled(keys)?;
        for (state, commit) in [("written", false), ("committed", true)] {
            if commit {
                // The driver commits after each record.
                driver.input_topic("in", string(), long()).pipe_input(key(0), 0, 0)?;
            }
            let mut store = driver.window_store::<String, i64>(STORE)?;
            let mut number = 0;
            group.bench_function(format!("{state}/{keys}"), |bencher| {
                bencher.iter_batched(
                    || {
                        number = (number + 7) % READ_KEYS;
                        key(number)
                    },
                    |key| {
                        let mut sum = 0;
                        let add = |_, value: &i64| {
                            sum += value;
                            ControlFlow::Continue(())
                        };
                        let times = 0..=WINDOWS * WINDOW_MS;
                        let visited = store.visit_range(&key, times, Direction::Forward, add);
                        (visited.is_ok(), black_box(sum))
                    },
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}

fn key(number: i64) -> String {
    format!("customer-{number:07}")
}

/// An in-memory store in which some keys have ten windows and the others one.
fn filled(keys: i64) -> Result<TopologyTestDriver> {
    let mut builder = TopologyBuilder::new();
    let source = builder.add_source("source", SourceOptions::new(["in"], string(), long()));
    let retention = Duration::from_secs(3_600);
    let store = Stores::window(STORE, retention, string(), long()).in_memory();
    let store = builder.add_state_store(store);
    let idle =
        || |_: Record<'_, String, i64>, _: &mut Context<'_, String, i64>| Ok::<(), BoxError>(());
    let node = builder.add_processor("idle", idle, &[source]);
    builder.connect(node.id(), store);
    let config = StreamsConfig::new("windows", "localhost:9092");
    let config = config.set("state.memory.max.bytes", 4_u64 << 30);
    let driver = TopologyTestDriver::new(&builder.build()?, config)?;
    let mut store = driver.window_store::<String, i64>(STORE)?;
    for number in 0..keys {
        let windows = if number < READ_KEYS { WINDOWS } else { 1 };
        for window in 0..windows {
            store.put(&key(number), Some(number), window * WINDOW_MS)?;
        }
    }
    drop(store);
    Ok(driver)
}
