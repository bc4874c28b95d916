//! Forwards the highest reading of each sensor once a minute: a processor with a store and a
//! punctuation.
//!
//! `cargo run -p examples --example processor`; on Kafka: `-- --bootstrap-server HOST:PORT`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::time::Duration;

use examples::Cluster;
use streams_dsl::prelude::*;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    for (sensor, highest) in run(&Cluster::from_args()?).await? {
        println!("{sensor} {highest}");
    }
    Ok(())
}

/// Keeps the highest reading of each sensor until the minute is over.
struct Highest(StoreRef<KeyValueStore<String, i64>>);

impl Processor<String, i64, String, i64> for Highest {
    fn init(&mut self, context: &mut Context<'_, String, i64>) -> Result<(), BoxError> {
        // Stream time moves with the timestamps of the records, whenever they are read.
        context.schedule(Duration::from_secs(60), PunctuationType::StreamTime);
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<'_, String, i64>,
        context: &mut Context<'_, String, i64>,
    ) -> Result<(), BoxError> {
        let store = context.store(self.0)?;
        if store.get(record.key)?.is_none_or(|highest| record.value > highest) {
            store.put(record.key, Some(*record.value))?;
        }
        Ok(())
    }

    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        context: &mut Context<'_, String, i64>,
    ) -> Result<(), BoxError> {
        let rows: Vec<_> =
            context.store(self.0)?.all(Direction::Forward)?.collect::<Result<_>>()?;
        for (sensor, highest) in rows {
            let headers = Headers::new();
            context.forward(Record::new(&sensor, &highest, punctuation.timestamp, &headers))?;
            context.store(self.0)?.put(&sensor, None)?;
        }
        Ok(())
    }
}

/// Runs until all readings are read, and returns the records that were forwarded.
pub(crate) async fn run(cluster: &Cluster) -> Result<Vec<(String, i64)>, BoxError> {
    cluster.create_topics(&["readings", "highest"])?;
    let readings = [("a", 20, 0), ("b", 17, 1_000), ("a", 25, 30_000), ("b", 16, 40_000)];
    let next_minute = [("a", 19, 61_000), ("b", 18, 62_000)];
    let records = readings.into_iter().chain(next_minute);
    let records = records.map(|(sensor, value, time)| (sensor.to_owned(), value, time));
    cluster.send_at("readings", (&string(), &long()), records)?;

    let builder = StreamsBuilder::new();
    let store = Stores::key_value("highest", string(), long()).in_memory();
    let store = builder.add_state_store(store);
    builder.stream::<String, i64>("readings").process_with(&store, Highest).to("highest");

    let config = cluster.config("highest-readings");
    let topology = builder.build_with(&config)?;
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clients())?;
    streams.start().await?;
    streams.wait_until_idle(Duration::from_secs(1)).await?;
    streams.close(Duration::from_secs(10)).await?;
    Ok(cluster.read("highest", (&string(), &long()))?)
}
