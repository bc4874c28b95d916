//! Results of operators for random records, compared with brute force: written from Java's
//! documentation of them, without stores, segments or incremental state.

mod foreign_key;
mod sessions;
mod sliding;
mod stream_joins;
mod versions;

use std::{collections::BTreeMap, time::Duration};

use streams_core::{
    serde::{SerdeRef, option, string},
    testing::TopologyTestDriver,
};

use crate::{StreamsBuilder, StreamsConfig};

/// Longer than anything in these tests: stores let go of nothing.
const DAY: Duration = Duration::from_secs(86_400);

fn millis(millis: i64) -> Duration {
    Duration::from_millis(millis.unsigned_abs())
}

fn texts() -> SerdeRef<Option<String>> {
    option(string())
}

/// A topology without caches, which is fed texts.
struct Bed(TopologyTestDriver);

impl Bed {
    fn new(build: impl FnOnce(&StreamsBuilder)) -> Self {
        let builder = StreamsBuilder::new();
        build(&builder);
        let config = StreamsConfig::new("app", "localhost:9092")
            .set("statestore.cache.max.bytes", 0)
            .set("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__", 0);
        let topology = builder.build_with(&config).unwrap();
        Self(TopologyTestDriver::new(&topology, config).unwrap())
    }

    fn pipe(&self, topic: &str, key: &str, value: Option<String>, timestamp: i64) {
        let mut topic = self.0.input_topic(topic, string(), texts());
        topic.pipe_input(key.to_owned(), value, timestamp).unwrap();
    }

    /// Output on topic `out` since the last call: key and value.
    fn read(&self) -> Vec<(String, Option<String>)> {
        self.0.output_topic("out", string(), texts()).read_key_values_to_list().unwrap()
    }

    /// Takes what came out into a table.
    fn read_into(&self, table: &mut BTreeMap<String, String>) {
        for (key, value) in self.read() {
            match value {
                Some(value) => table.insert(key, value),
                None => table.remove(&key),
            };
        }
    }
}

/// Adds names of records into an aggregate, so that what is in it can be told, in the order in
/// which it came.
fn appended(names: &str, name: &str) -> String {
    format!("{names} {name}").trim().to_owned()
}
