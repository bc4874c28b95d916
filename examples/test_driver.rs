//! Tests a topology without a cluster: record by record, with a clock that moves only when told to.
//!
//! `cargo run -p examples --example test_driver`. In a program these lines are a test; the feature
//! `testing`, among the dev-dependencies, adds the driver.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::time::Duration;

use streams_dsl::prelude::*;

const HOUR_MS: i64 = 3_600_000;
const HOUR: Duration = Duration::from_secs(3_600);

fn main() -> Result<(), BoxError> {
    for (customer, count) in run()? {
        println!("{customer} {count}");
    }
    Ok(())
}

/// Input of the topology: amounts by customer.
fn orders() -> Topic<String, i64> {
    Topic::new("orders", string(), long())
}

/// Output of the topology.
fn counts() -> Topic<Windowed<String>, i64> {
    Topic::new("large-orders-per-hour", time_windowed(string(), HOUR), long())
}

/// The topology under test counts orders above 100 per customer and hour, with one result when the
/// hour is over.
fn topology() -> Result<Topology> {
    let builder = StreamsBuilder::new();
    builder
        .stream(orders())
        .filter(|_customer, amount| *amount > 100)
        .group_by_key()
        .windowed_by(TimeWindows::of_size_with_no_grace(HOUR))
        .count()
        .stored(Materialized::named("large-orders").in_memory())
        .suppress(Suppressed::until_window_closes(BufferConfig::unbounded()))
        .to_stream()
        .to(counts());
    builder.build()
}

/// Pipes orders through the topology, and returns the counts of the first hour.
pub(crate) fn run() -> Result<Vec<(Windowed<String>, i64)>, BoxError> {
    let config = StreamsConfig::new("test", "unused:9092");
    let driver = TopologyTestDriver::new(&topology()?, config)?;
    let mut orders = driver.input(&orders());
    let counts = driver.output(&counts());

    orders.pipe_input("ann".to_owned(), 120, 0)?;
    orders.pipe_input("ann".to_owned(), 80, 1_000)?;
    let record = TestRecord::new("ann".to_owned(), 300, HOUR_MS - 1);
    let mut headers = Headers::new();
    headers.add("source", Some(b"shop"));
    orders.pipe_record(&record.with_headers(headers))?;
    assert!(counts.is_empty(), "the hour is not over");

    let open = driver
        .timestamped_window_store::<String, i64>("large-orders")?
        .fetch(&"ann".to_owned(), 0)?
        .map(|count| count.value);
    assert_eq!(open, Some(2));

    // A record of the next hour advances stream time, which closes the window.
    orders.pipe_input("bob".to_owned(), 500, HOUR_MS)?;
    Ok(counts.read_key_values_to_list()?)
}
