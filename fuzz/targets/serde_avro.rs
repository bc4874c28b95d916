//! The Avro serdes: generic values of every type, and a type of serde.
#![no_main]

use std::sync::LazyLock;

use fuzz::decode;
use libfuzzer_sys::fuzz_target;
use serde::{Deserialize, Serialize};
use streams_core::serde::SerdeRef;
use streams_serdes::{apache_avro::types::Value, avro, avro_value};

const SALE: &str = r#"{"type": "record", "name": "Sale", "fields": [
    {"name": "id", "type": "string"},
    {"name": "amount", "type": "double"},
    {"name": "items", "type": {"type": "array", "items": "int"}},
    {"name": "note", "type": ["null", "string"]},
    {"name": "paid", "type": "boolean"}]}"#;

const EVERY_TYPE: &str = r#"{"type": "record", "name": "a.Every", "fields": [
    {"name": "suit", "type": {"type": "enum", "name": "Suit", "symbols": ["HEARTS", "CLUBS"]}},
    {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 2}},
    {"name": "again", "type": "Hash"},
    {"name": "sum", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "ratio", "type": "float"},
    {"name": "raw", "type": "bytes"},
    {"name": "nulls", "type": {"type": "array", "items": "null"}},
    {"name": "either", "type": ["null", "string", "long", "Suit"]},
    {"name": "next", "type": ["null", "a.Every"]}]}"#;

/// What is read of a map is written in any order.
const MAPS: &str = r#"{"type": "map", "values": {"type": "map", "values": ["null", "string"]}}"#;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sale {
    id: String,
    amount: f64,
    items: Vec<i32>,
    note: Option<String>,
    paid: bool,
}

struct Serdes {
    sale: SerdeRef<Sale>,
    every_type: SerdeRef<Value>,
    maps: SerdeRef<Value>,
}

static SERDES: LazyLock<Serdes> = LazyLock::new(|| Serdes {
    sale: avro(SALE).expect("it is a schema"),
    every_type: avro_value(EVERY_TYPE).expect("it is a schema"),
    maps: avro_value(MAPS).expect("it is a schema"),
});

fuzz_target!(|data: &[u8]| {
    decode(&*SERDES.sale, data);
    decode(&*SERDES.every_type, data);
    drop(SERDES.maps.deserialize("topic", Some(data)));
});
