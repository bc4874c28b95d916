//! A real registry understands what serdes ask: where `KAFKA_STREAMS_TEST_REGISTRY` names one, as
//! in `scripts/with-registry.sh cargo test -p streams-serdes --test real_registry`.
#![cfg(all(feature = "avro", feature = "protobuf", feature = "json-schema"))]
#![allow(clippy::unwrap_used, reason = "a test that can't set up its world has failed")]

use prost::Message;
use serde::{Deserialize, Serialize};
use serde_json::json;
use streams_core::{
    BoxError,
    serde::SerdeRef,
    time::{Clock, SystemClock},
};
use streams_serdes::{
    RegistryError, RegistryErrorKind, SchemaRegistry, SchemaText, SubjectStrategy,
};

const ORDER: &str = r#"{"type": "record", "name": "shop.Order", "fields": [
    {"name": "id", "type": "string"}, {"name": "amount", "type": "long"}]}"#;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: String,
    amount: i64,
}

fn order() -> Order {
    Order { id: "o1".to_owned(), amount: 150 }
}

fn url() -> Option<String> {
    let url = std::env::var("KAFKA_STREAMS_TEST_REGISTRY").ok();
    if url.is_none() {
        eprintln!("skipped: KAFKA_STREAMS_TEST_REGISTRY names no schema registry");
    }
    url
}

/// A name that no other test and no earlier run has.
fn topic(name: &str) -> String {
    format!("{name}-{}-{}", std::process::id(), SystemClock.now_ms())
}

fn bytes<T>(serde: &SerdeRef<T>, topic: &str, data: &T) -> Result<Vec<u8>, BoxError> {
    let mut out = Vec::new();
    serde.serialize(topic, data, &mut out)?;
    Ok(out)
}

fn kind(error: &BoxError) -> Option<RegistryErrorKind> {
    error.downcast_ref::<RegistryError>().map(RegistryError::kind)
}

/// Writes by one serde and reads by another, which knows nothing yet.
fn round_trip<T: PartialEq + std::fmt::Debug>(
    make: impl Fn(&SchemaRegistry) -> SerdeRef<T>,
    name: &str,
    data: &T,
) {
    let Some(url) = url() else { return };
    let topic = topic(name);
    let written = bytes(&make(&SchemaRegistry::new(&*url).unwrap()), &topic, data).unwrap();
    let reader = SchemaRegistry::new(&*url).unwrap().auto_register(false);
    let reader = make(&reader);
    assert_eq!(reader.deserialize(&topic, Some(&written)).unwrap(), *data);
    assert_eq!(bytes(&reader, &topic, data).unwrap(), written, "the schema is found by its text");
}

#[test]
fn avro_is_registered_and_read_back() {
    round_trip(|registry| registry.avro::<Order>(ORDER).unwrap(), "avro", &order());
    round_trip(|registry| registry.for_keys().avro::<i64>(r#""long""#).unwrap(), "avro-key", &7);
}

#[derive(Clone, PartialEq, Message)]
struct OrderMessage {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(int64, tag = "2")]
    amount: i64,
}

#[test]
fn protobuf_is_registered_and_read_back() {
    let file = "syntax = \"proto3\";\npackage shop;\n\nmessage Customer {\n  string id = 1;\n}\n\
                message Order {\n  string id = 1;\n  int64 amount = 2;\n}\n";
    let data = OrderMessage { id: "o1".to_owned(), amount: 150 };
    let make = |registry: &SchemaRegistry| registry.protobuf(file, "shop.Order").unwrap();
    round_trip(make, "protobuf", &data);
}

#[test]
fn json_is_registered_and_read_back() {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#", "title": "Order", "type": "object",
        "properties": {"amount": {"type": "integer", "minimum": 0}}, "required": ["amount"],
    });
    let make = |registry: &SchemaRegistry| registry.json_schema(schema.to_string()).unwrap();
    round_trip(make, "json", &order());
}

#[test]
fn references_are_registered_and_read_back() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct By {
        by: Order,
    }
    let by = r#"{"type": "record", "name": "shop.By", "fields": [{"name": "by", "type": "shop.Order"}]}"#;
    let subject = topic("referred");
    let make = |registry: &SchemaRegistry| {
        registry.avro::<By>(SchemaText::new(by).reference("shop.Order", &*subject, ORDER)).unwrap()
    };
    round_trip(make, "references", &By { by: order() });
}

#[test]
fn what_is_unknown_is_told_apart() {
    let Some(url) = url() else { return };
    let registry = SchemaRegistry::new(url).unwrap();
    registry.check().unwrap();
    let serde = registry.clone().auto_register(false).avro::<Order>(ORDER).unwrap();
    let error = bytes(&serde, &topic("unknown"), &order()).unwrap_err();
    assert_eq!(kind(&error), Some(RegistryErrorKind::UnknownSubject), "{error}");
    let error = serde.deserialize("t", Some(&[0, 0x7f, 0xff, 0xff, 0xff, 0])).unwrap_err();
    assert_eq!(kind(&error), Some(RegistryErrorKind::UnknownId), "{error}");
    let latest = registry.use_latest_version().avro::<Order>(ORDER).unwrap();
    let error = bytes(&latest, &topic("unknown"), &order()).unwrap_err();
    assert_eq!(kind(&error), Some(RegistryErrorKind::UnknownSubject), "{error}");
}

#[test]
fn an_incompatible_schema_is_refused_and_a_compatible_one_becomes_the_latest() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Noted {
        id: String,
        amount: i64,
        note: String,
    }
    let noted = |default: &str| {
        format!(
            r#"{{"type": "record", "name": "shop.Order", "fields": [
                {{"name": "id", "type": "string"}}, {{"name": "amount", "type": "long"}},
                {{"name": "note", "type": "string"{default}}}]}}"#
        )
    };
    let Some(url) = url() else { return };
    let registry = SchemaRegistry::new(&*url).unwrap();
    let topic = topic("evolving");
    let old = registry.avro::<Order>(ORDER).unwrap();
    let written = bytes(&old, &topic, &order()).unwrap();
    let level =
        ureq::put(format!("{url}/config/{topic}-value")).header("Content-Type", "application/json");
    level.send(r#"{"compatibility": "BACKWARD"}"#).unwrap();

    let data = Noted { id: "o1".to_owned(), amount: 150, note: "hi".to_owned() };
    let error = bytes(&registry.avro::<Noted>(noted("")).unwrap(), &topic, &data).unwrap_err();
    assert_eq!(kind(&error), Some(RegistryErrorKind::Incompatible), "{error}");

    let new = registry.avro::<Noted>(noted(r#", "default": "none""#)).unwrap();
    let by_new = bytes(&new, &topic, &data).unwrap();
    assert_eq!(old.deserialize(&topic, Some(&by_new)).unwrap(), order());
    let note = new.deserialize(&topic, Some(&written)).unwrap().note;
    assert_eq!(note, "none");
    let latest = registry.use_latest_version().avro::<Noted>(ORDER).unwrap();
    assert_eq!(bytes(&latest, &topic, &data).unwrap(), by_new);
}

#[test]
fn record_names_are_subjects() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Named {}
    let Some(url) = url() else { return };
    let name = topic("shop.Named").replace('-', "_");
    let schema = format!(r#"{{"type": "record", "name": "{name}", "fields": []}}"#);
    let registry = SchemaRegistry::new(url).unwrap().subject_strategy(SubjectStrategy::Record);
    let written = bytes(&registry.avro::<Named>(&*schema).unwrap(), "anywhere", &Named {}).unwrap();
    let found = registry.auto_register(false).avro::<Named>(&*schema).unwrap();
    assert_eq!(bytes(&found, "elsewhere", &Named {}).unwrap(), written);
}
