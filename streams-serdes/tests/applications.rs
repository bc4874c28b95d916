//! Applications whose records and stores have schemas: stores that outlive a change of their type,
//! and registries that can't say what a record is.
#![cfg(feature = "avro")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that can't set up its world has failed"
)]

mod stand_in;

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use streams_dsl::{
    Topology, client::embedded::EmbeddedCluster, handler::LogAndContinue, prelude::*,
};
use streams_serdes::SchemaRegistry;

use self::stand_in::StandIn;

const PATIENCE: Duration = Duration::from_secs(60);

/// Orders of a customer, as the first program declares them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct OldTotal {
    sum: i64,
}

const OLD_TOTAL: &str =
    r#"{"type": "record", "name": "shop.Total", "fields": [{"name": "sum", "type": "long"}]}"#;

/// The same as the next program has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Total {
    sum: i64,
    orders: i64,
}

const TOTAL: &str = r#"{"type": "record", "name": "shop.Total", "fields": [
    {"name": "sum", "type": "long"}, {"name": "orders", "type": "long", "default": -1}]}"#;

/// A cluster, and where instances on it have their state.
struct World {
    cluster: EmbeddedCluster,
    state: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let cluster = EmbeddedCluster::new(Arc::new(SystemClock));
        for topic in ["orders", "totals", "dead"] {
            cluster.create_topic(topic, 1).unwrap();
        }
        Self { cluster, state: tempfile::tempdir().unwrap() }
    }

    fn config(&self) -> StreamsConfig {
        StreamsConfig::new("app", "embedded:9092")
            .state_dir(self.state.path())
            .commit_interval(Duration::from_millis(20))
            .set("default.dsl.store", "in_memory")
    }

    /// Runs a program until it has read all that is there.
    async fn run(&self, topology: Topology, config: StreamsConfig) {
        let streams = KafkaStreams::builder(topology, config, self.cluster.clone());
        finish(streams.build().unwrap()).await;
    }

    /// The values of a topic, as they are.
    fn values(&self, topic: &str) -> Vec<Option<Vec<u8>>> {
        let records = self.cluster.read(topic, &string(), &bytes()).unwrap();
        records.into_iter().map(|(_, value)| value).collect()
    }
}

async fn finish(streams: KafkaStreams) {
    streams.start().await.unwrap();
    streams.wait_until_idle(Duration::from_millis(200)).await.unwrap();
    streams.close(PATIENCE).await.unwrap();
}

/// Adds orders up per customer, in a store that `serde` writes.
fn totals<T>(
    config: &StreamsConfig,
    serde: SerdeRef<T>,
    add: impl Fn(&T, i64) -> T + Send + Sync + 'static,
) -> Topology
where
    T: Clone + Default + PartialEq + Send + Sync + 'static,
{
    let builder = StreamsBuilder::new().serde::<T>(serde);
    builder
        .stream::<String, String>("orders")
        .group_by_key()
        .aggregate(T::default, move |_, order, total| add(&total, order.parse().unwrap_or(0)))
        .stored("totals")
        .to_stream()
        .to("totals");
    builder.build_with(config).unwrap()
}

fn add_old(total: &OldTotal, amount: i64) -> OldTotal {
    OldTotal { sum: total.sum + amount }
}

fn add(total: &Total, amount: i64) -> Total {
    Total { sum: total.sum + amount, orders: total.orders + 1 }
}

/// Runs the first program on orders of two customers, then the next one on one order more. Their
/// stores are in memory: the next one restores them from the changelog.
async fn upgrade(old: SerdeRef<OldTotal>, new: SerdeRef<Total>) -> (World, Option<Total>) {
    let world = World::new();
    let config = world.config();
    for (customer, amount) in [("ann", "10"), ("bob", "7"), ("ann", "5")] {
        world.cluster.send("orders", customer, amount).unwrap();
    }
    world.run(totals(&config, old, add_old), config.clone()).await;
    world.cluster.send("orders", "ann", "100").unwrap();
    world.run(totals(&config, new.clone(), add), config).await;
    let read = world.cluster.read("totals", &string(), &new).unwrap();
    let last = read.into_iter().rfind(|(customer, _)| customer == "ann").unwrap().1;
    (world, last)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_an_older_avro_schema_is_read_by_the_newer_one() {
    let stand_in = StandIn::start();
    let registry = || SchemaRegistry::new(stand_in.url()).unwrap();
    let old = registry().avro::<OldTotal>(OLD_TOTAL).unwrap();
    let new = registry().avro::<Total>(TOTAL).unwrap();
    let (world, ann) = upgrade(old, new).await;
    // The row of the first program has no count of orders: the schema's default stands for it.
    assert_eq!(ann, Some(Total { sum: 115, orders: 0 }));
    let asked = stand_in.asked();
    let changelog = "POST /subjects/app-totals-changelog-value/versions";
    assert_eq!(asked.iter().filter(|asked| *asked == changelog).count(), 2, "{asked:?}");
    let rows = world.cluster.read("app-totals-changelog", &string(), &bytes()).unwrap();
    let id_of =
        |key: &str| rows.iter().rfind(|(row, _)| row == key).unwrap().1.as_ref().unwrap()[4];
    assert_eq!(
        (id_of("ann"), id_of("bob")),
        (2, 1),
        "a row is of the schema that it was written by"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_an_older_type_is_read_by_an_upcast() {
    let upcast = |old: OldTotal| Total { sum: old.sum, orders: 2 };
    let expected = Some(Total { sum: 115, orders: 3 });
    // JSON that was there before anybody thought of versions.
    let json_of_both = unversioned(json::<OldTotal>()).upcast(json::<Total>(), upcast).serde();
    let (_, ann) = upgrade(json(), json_of_both).await;
    assert_eq!(ann, expected);
    // A binary format, with versions from the start.
    let first = || versioned(avro::<OldTotal>(OLD_TOTAL).unwrap());
    let second = first().upcast(avro::<Total>(TOTAL).unwrap(), upcast).serde();
    let (_, ann) = upgrade(first().serde(), second).await;
    assert_eq!(ann, expected);
}

/// Reads orders in Avro and writes them to `totals` in Avro.
fn copy(config: &StreamsConfig, registry: &SchemaRegistry) -> Topology {
    let serde = registry.avro::<Total>(TOTAL).unwrap();
    let builder = StreamsBuilder::new();
    builder
        .stream(Consumed::topic("orders").with(string(), serde.clone()))
        .to(Produced::topic("totals").with(string(), serde));
    builder.build_with(config).unwrap()
}

fn impatient(stand_in: &StandIn) -> SchemaRegistry {
    let builder = SchemaRegistry::builder(stand_in.url());
    builder.retry_for(Duration::from_millis(1)).build().unwrap()
}

/// Writes one order, and returns its bytes.
fn order(world: &World, registry: &StandIn) -> Vec<u8> {
    let serde = SchemaRegistry::new(registry.url()).unwrap().avro::<Total>(TOTAL).unwrap();
    let mut value = Vec::new();
    serde.serialize("orders", &Total { sum: 1, orders: 1 }, &mut value).unwrap();
    let record = streams_dsl::client::ProduceRecord {
        timestamp: 0,
        key: Some(b"ann"),
        value: Some(&value),
        headers: &Headers::new(),
    };
    world.cluster.produce("orders", None, record).unwrap();
    value
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_whose_schema_cant_be_had_goes_to_the_handler_with_its_bytes() {
    let (stand_in, world) = (StandIn::start(), World::new());
    let value = order(&world, &stand_in);
    stand_in.set_down(true);
    let config = world
        .config()
        .deserialization_exception_handler(DeserializationHandlerChoice::LogAndContinue)
        .dead_letter_queue_topic("dead");
    let registry = impatient(&stand_in);
    world.run(copy(&config, &registry), config).await;
    assert!(world.values("totals").is_empty());
    assert_eq!(world.values("dead"), [Some(value)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_down_ends_the_instance_and_the_next_one_has_the_record() {
    let (stand_in, world) = (StandIn::start(), World::new());
    let value = order(&world, &stand_in);
    stand_in.set_down(true);
    let registry = impatient(&stand_in);
    let topology = || copy(&world.config(), &registry);
    let streams =
        KafkaStreams::builder(topology(), world.config(), world.cluster.clone()).build().unwrap();
    streams.start().await.unwrap();
    let error = streams.wait_until_idle(Duration::from_secs(30)).await.unwrap_err().to_string();
    assert!(error.contains("the schema of id 1") && error.contains(stand_in.url()), "{error}");
    assert!(error.contains("orders-0@0"), "{error}");
    streams.close(PATIENCE).await.unwrap();

    stand_in.set_down(false);
    world.run(topology(), world.config()).await;
    assert_eq!(world.values("totals"), [Some(value)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_registry_has_no_schema_for_goes_to_the_production_handler() {
    let (stand_in, world) = (StandIn::start(), World::new());
    let value = order(&world, &stand_in);
    stand_in.close_subject("totals-value");
    let registry = impatient(&stand_in);
    let topology = copy(&world.config(), &registry);
    let handler = LogAndContinue { dead_letter_topic: Some("dead".to_owned()) };
    let streams = KafkaStreams::builder(topology, world.config(), world.cluster.clone());
    finish(streams.production_exception_handler(handler).build().unwrap()).await;
    assert!(world.values("totals").is_empty());
    assert_eq!(world.values("dead"), [Some(value)]);
}
