//! Writes and reads values in a format of your own: hundredths of a degree, in four bytes.
//!
//! `cargo run -p examples --example custom_serde`; on Kafka: `-- --bootstrap-server HOST:PORT`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::{sync::Arc, time::Duration};

use examples::Cluster;
use streams_dsl::prelude::*;

/// Hundredths of a degree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Temperature(pub(crate) i32);

struct TemperatureSerde;

impl Serde<Temperature> for TemperatureSerde {
    fn serialize(
        &self,
        _topic: &str,
        data: &Temperature,
        out: &mut Vec<u8>,
    ) -> Result<Written, BoxError> {
        out.extend_from_slice(&data.0.to_be_bytes());
        Ok(Written::Bytes)
    }

    fn deserialize(&self, _topic: &str, data: Option<&[u8]>) -> Result<Temperature, BoxError> {
        let data = data.ok_or("a temperature is never null")?;
        // An error goes to the deserialization exception handler, with the record's topic and
        // offset.
        let bytes =
            data.try_into().map_err(|_| format!("expected 4 bytes, found {}", data.len()))?;
        Ok(Temperature(i32::from_be_bytes(bytes)))
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    for (room, Temperature(hundredths)) in run(&Cluster::from_args()?).await? {
        println!("{room} {:.2}", f64::from(hundredths) / 100.0);
    }
    Ok(())
}

/// Runs until all temperatures are read, and returns the highest of each room, the last record of a
/// room being its result.
pub(crate) async fn run(cluster: &Cluster) -> Result<Vec<(String, Temperature)>, BoxError> {
    let temperature: SerdeRef<Temperature> = Arc::new(TemperatureSerde);
    cluster.create_topics(&["temperatures", "highest-temperatures"])?;
    let found = [("kitchen", 2_150), ("cellar", -50), ("kitchen", 2_225), ("cellar", -275)];
    let records = found.map(|(room, hundredths)| (room.to_owned(), Temperature(hundredths)));
    cluster.send("temperatures", (&string(), &temperature), records)?;

    // The serde of this type from here on, unless another is given: in topics, stores, changelogs.
    let builder = StreamsBuilder::new().serde::<Temperature>(temperature.clone());
    builder
        .stream::<String, Temperature>("temperatures")
        .group_by_key()
        .reduce(|highest, next| highest.max(*next))
        .stored("highest")
        .to_stream()
        .to("highest-temperatures");

    let config = cluster.config("temperatures");
    let topology = builder.build_with(&config)?;
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clients())?;
    streams.start().await?;
    streams.wait_until_idle(Duration::from_secs(1)).await?;
    streams.close(Duration::from_secs(10)).await?;
    Ok(cluster.read("highest-temperatures", (&string(), &temperature))?)
}
