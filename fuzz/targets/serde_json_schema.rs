//! The serde of JSON Schema.
#![no_main]

use std::sync::LazyLock;

use fuzz::decode;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use streams_core::serde::SerdeRef;
use streams_serdes::json_schema;

const SCHEMA: &str = r##"{
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^[a-z]+[0-9]*$", "maxLength": 20},
        "amount": {"type": "number", "minimum": 0, "multipleOf": 0.01},
        "items": {"type": "array", "items": {"$ref": "#"}, "uniqueItems": true},
        "at": {"type": "string", "format": "date-time"}
    },
    "required": ["id"]
}"##;

static SERDE: LazyLock<SerdeRef<Value>> =
    LazyLock::new(|| json_schema(SCHEMA).expect("it is a schema"));

fuzz_target!(|data: &[u8]| {
    decode(&**SERDE, data);
});
