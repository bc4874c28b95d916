//! Confluent's Avro serializer for Java and the serdes here read each other's records, by one registry. It is the one that
//! `KAFKA_STREAMS_TEST_REGISTRY` names, as in
//! `scripts/with-registry.sh cargo test -p streams-serdes --test java_avro`.
#![cfg(feature = "avro")]
#![allow(clippy::unwrap_used, reason = "a test that can't set up its world has failed")]

use std::{
    env, fmt, fs,
    fs::File,
    process::{Command, Stdio},
};

use apache_avro::types::Value;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};
use streams_core::{
    serde::SerdeRef,
    time::{Clock, SystemClock},
};
use streams_serdes::SchemaRegistry;
use tempfile::TempDir;

/// Orders that a test hands over.
const COUNT: u32 = 100;

/// The schema of orders, with more fields behind its own, each with a comma before it.
fn schema(more: &str) -> String {
    let item = r#"{"type": "record", "name": "Item", "fields": [
        {"name": "sku", "type": "string"}, {"name": "price", "type": "double"}]}"#;
    let customer = r#"{"type": "record", "name": "Customer", "fields": [
        {"name": "name", "type": "string"}, {"name": "city", "type": ["null", "string"], "default": null}]}"#;
    format!(
        r#"{{"type": "record", "name": "Order", "namespace": "shop", "fields": [
            {{"name": "id", "type": "string"}},
            {{"name": "status", "type": {{"type": "enum", "name": "Status", "symbols": ["NEW", "PAID", "SENT"]}}}},
            {{"name": "customer", "type": {customer}}},
            {{"name": "items", "type": {{"type": "array", "items": {item}}}}},
            {{"name": "placed", "type": {{"type": "long", "logicalType": "timestamp-millis"}}}},
            {{"name": "note", "type": ["null", "string"], "default": null}}{more}]}}"#
    )
}

/// The schema after orders got a field.
fn newer_schema() -> String {
    schema(r#", {"name": "channel", "type": "string", "default": "shop"}"#)
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: String,
    status: Status,
    customer: Customer,
    items: Vec<Item>,
    placed: i64,
    note: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    New,
    Paid,
    Sent,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Customer {
    name: String,
    city: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Item {
    sku: String,
    price: f64,
}

/// An order of the newer schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct NewerOrder {
    id: String,
    status: Status,
    customer: Customer,
    items: Vec<Item>,
    placed: i64,
    note: Option<String>,
    channel: String,
}

impl Order {
    fn on(self, channel: &str) -> NewerOrder {
        let Self { id, status, customer, items, placed, note } = self;
        NewerOrder { id, status, customer, items, placed, note, channel: channel.to_owned() }
    }
}

/// Orders of each status, with none to four items, with and without what is optional.
fn orders() -> Vec<Order> {
    (0..COUNT).map(order).collect()
}

fn order(number: u32) -> Order {
    let status = match number % 3 {
        0 => Status::New,
        1 => Status::Paid,
        _ => Status::Sent,
    };
    let item = |index: u32| Item { sku: format!("sku-{index}"), price: f64::from(index) + 0.25 };
    Order {
        id: format!("o{number}"),
        status,
        customer: Customer {
            name: format!("Zoë {number}"),
            city: number.is_multiple_of(2).then(|| "Kraków".to_owned()),
        },
        items: (0..number % 5).map(item).collect(),
        placed: 1_760_000_000_000 + i64::from(number),
        note: (number % 4 == 1).then(|| format!("ring {number} times")),
    }
}

/// The records in Avro's JSON encoding, in which the values of unions have their type with them.
fn as_json<T: Serialize>(records: &[T]) -> Vec<Json> {
    let typed = |optional: &mut Json| {
        if optional.is_string() {
            *optional = json!({ "string": optional.take() });
        }
    };
    let record = |record: &T| {
        let mut json = serde_json::to_value(record).unwrap();
        typed(json.pointer_mut("/note").unwrap());
        typed(json.pointer_mut("/customer/city").unwrap());
        json
    };
    records.iter().map(record).collect()
}

/// Java's serializer, with a topic of its own in the registry.
struct Java {
    registry: String,
    topic: String,
    files: TempDir,
}

impl Java {
    /// `None` where there is no registry.
    fn new(name: &str) -> Option<Self> {
        let Ok(registry) = env::var("KAFKA_STREAMS_TEST_REGISTRY") else {
            eprintln!("skipped: KAFKA_STREAMS_TEST_REGISTRY names no schema registry");
            return None;
        };
        let topic = format!("java-{name}-{}-{}", std::process::id(), SystemClock.now_ms());
        Some(Self { registry, topic, files: TempDir::with_prefix("java-avro-").unwrap() })
    }

    /// A registry that knows nothing yet.
    fn registry(&self) -> SchemaRegistry {
        SchemaRegistry::new(&*self.registry).unwrap()
    }

    fn write(&self, schema: &str, records: &[Json]) -> Vec<Vec<u8>> {
        let lines: Vec<String> = records.iter().map(Json::to_string).collect();
        self.run("write", schema, &lines).iter().map(|line| from_hex(line)).collect()
    }

    fn read(&self, schema: &str, written: &[Vec<u8>]) -> Vec<Json> {
        let lines: Vec<String> = written.iter().map(|bytes| to_hex(bytes)).collect();
        let read = self.run("read", schema, &lines);
        read.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn run(&self, command: &str, schema: &str, lines: &[String]) -> Vec<String> {
        let (schema_file, input) =
            (self.files.path().join("schema.avsc"), self.files.path().join("input"));
        fs::write(&schema_file, schema).unwrap();
        fs::write(&input, lines.join("\n")).unwrap();
        let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/java-avro.sh"))
            .args([command, &self.registry, &self.topic])
            .arg(schema_file)
            .stdin(Stdio::from(File::open(input).unwrap()))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command} by Java: {}\n{errors}", output.status);
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// Writes the records by a serde.
    fn written_by<T>(&self, serde: &SerdeRef<T>, records: &[T]) -> Vec<Vec<u8>> {
        let bytes = |record| {
            let mut out = Vec::new();
            serde.serialize(&self.topic, record, &mut out).unwrap();
            out
        };
        records.iter().map(bytes).collect()
    }

    /// Reads the records by a serde.
    fn read_by<T>(&self, serde: &SerdeRef<T>, written: &[Vec<u8>]) -> Vec<T> {
        let record = |bytes: &Vec<u8>| serde.deserialize(&self.topic, Some(bytes)).unwrap();
        written.iter().map(record).collect()
    }

    /// A serde of types, with a registry that knows nothing yet.
    fn serde<T: Serialize + DeserializeOwned + 'static>(&self, schema: String) -> SerdeRef<T> {
        self.registry().avro(schema).unwrap()
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn from_hex(text: &str) -> Vec<u8> {
    let byte = |begin| u8::from_str_radix(text.get(begin..begin + 2).unwrap(), 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// Compares record by record, so that a failure shows the one that differs.
#[track_caller]
fn assert_same<T: PartialEq + fmt::Debug>(found: &[T], expected: &[T]) {
    for (number, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found, expected, "record {number}");
    }
    assert_eq!(found.len(), expected.len(), "records");
}

#[test]
fn what_java_writes_is_read() {
    let Some(java) = Java::new("writes") else { return };
    let orders = orders();
    let written = java.write(&schema(""), &as_json(&orders));
    assert_same(&java.read_by(&java.serde::<Order>(schema("")), &written), &orders);

    let generic = java.registry().avro_value(schema("")).unwrap();
    let values = java.read_by(&generic, &written);
    let typed: Vec<Order> =
        values.iter().map(|value| apache_avro::from_value(value).unwrap()).collect();
    assert_same(&typed, &orders);
}

#[test]
fn java_reads_what_is_written() {
    let Some(java) = Java::new("reads") else { return };
    let orders = orders();
    let written = java.written_by(&java.serde(schema("")), &orders);
    assert_same(&java.read(&schema(""), &written), &as_json(&orders));
}

#[test]
fn java_reads_generic_values() {
    let Some(java) = Java::new("generic") else { return };
    let orders = orders();
    let values: Vec<Value> =
        orders.iter().map(|order| apache_avro::to_value(order).unwrap()).collect();
    let written = java.written_by(&java.registry().avro_value(schema("")).unwrap(), &values);
    assert_same(&java.read(&schema(""), &written), &as_json(&orders));
}

/// The registry here gives a schema an id by its text, which Java writes anew from what it has
/// parsed; Confluent's does so itself.
#[test]
fn java_and_the_serdes_write_the_same_bytes_behind_the_id_of_the_schema() {
    let Some(java) = Java::new("same") else { return };
    let orders = orders();
    let without_id = |written: &[Vec<u8>]| -> Vec<_> {
        let parts = |bytes: &Vec<u8>| (bytes.first().copied(), bytes.get(5..).map(<[u8]>::to_vec));
        written.iter().map(parts).collect()
    };
    let by_java = without_id(&java.write(&schema(""), &as_json(&orders)));
    assert_same(&without_id(&java.written_by(&java.serde(schema("")), &orders)), &by_java);
}

#[test]
fn a_field_that_java_added_is_passed_over_and_one_that_java_lacks_has_its_default() {
    let Some(java) = Java::new("evolves") else { return };
    let orders = orders();
    let newer: Vec<NewerOrder> = orders.iter().map(|order| order.clone().on("app")).collect();
    let by_old = java.write(&schema(""), &as_json(&orders));
    let by_new = java.write(&newer_schema(), &as_json(&newer));
    assert_same(&java.read_by(&java.serde::<Order>(schema("")), &by_new), &orders);
    assert_same(&java.read_by(&java.serde::<NewerOrder>(newer_schema()), &by_new), &newer);
    let defaults: Vec<NewerOrder> = orders.into_iter().map(|order| order.on("shop")).collect();
    assert_same(&java.read_by(&java.serde::<NewerOrder>(newer_schema()), &by_old), &defaults);
}

#[test]
fn java_passes_over_an_added_field_and_fills_in_the_default_of_a_missing_one() {
    let Some(java) = Java::new("follows") else { return };
    let orders = orders();
    let newer: Vec<NewerOrder> = orders.iter().map(|order| order.clone().on("app")).collect();
    let by_old = java.written_by(&java.serde(schema("")), &orders);
    let by_new = java.written_by(&java.serde(newer_schema()), &newer);
    assert_same(&java.read(&schema(""), &by_new), &as_json(&orders));
    assert_same(&java.read(&newer_schema(), &by_new), &as_json(&newer));
    let defaults: Vec<NewerOrder> = orders.into_iter().map(|order| order.on("shop")).collect();
    assert_same(&java.read(&newer_schema(), &by_old), &as_json(&defaults));
}
