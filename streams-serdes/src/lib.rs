//! Serdes of schemas: Avro, Protobuf and JSON Schema, alone or with a Schema Registry.
//!
//! `streams-dsl` re-exports all of this in `streams_dsl::serde` behind its features `avro`,
//! `protobuf` and `json-schema`. Alone, a serde writes the format's bytes and nothing else. With a
//! [`SchemaRegistry`] it writes what Confluent's serdes write: a zero, the schema's id, for
//! Protobuf the message's path in its file, then the bytes; so that Java, Python and Kafka's
//! connectors read it, and what they write is read here.
//!
//! Invariants: a schema is asked for once per process and registry, never per record; the registry
//! is called in the thread that needs the schema, for a bounded time; what fails is an error of the
//! record, which its handler sees. The crate knows no topology and no Kafka client.
//!
//! The crate `schema_registry_converter` does much of this and does not fit: its clients are
//! reqwest's, whose blocking form panics on a thread that polls futures, as a stream thread does
//! for async operators; it keeps no error apart from the missing schema that it stands for; and it
//! can't leave a schema unregistered.
#![cfg_attr(
    feature = "avro",
    doc = r##"
```
use streams_core::serde::Serde;
use streams_serdes::avro;

#[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
struct Order {
    id: String,
    amount: f64,
}

let serde = avro::<Order>(
    r#"{"type": "record", "name": "Order", "fields": [
        {"name": "id", "type": "string"}, {"name": "amount", "type": "double"}]}"#,
)?;
let order = Order { id: "o1".to_owned(), amount: 2.0 };
let mut bytes = Vec::new();
serde.serialize("orders", &order, &mut bytes)?;
assert_eq!(bytes, b"\x04o1\0\0\0\0\0\0\0\x40");
assert_eq!(serde.deserialize("orders", Some(&bytes))?, order);
# Ok::<(), streams_core::BoxError>(())
```"##
)]
#![forbid(unsafe_code)]

#[cfg(feature = "avro")]
mod avro;
#[cfg(all(feature = "fuzzing", feature = "protobuf"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "json-schema")]
mod json_schema;
#[cfg(feature = "protobuf")]
mod protobuf;
mod registry;
mod schema_text;

#[cfg(feature = "avro")]
pub use apache_avro;
#[cfg(feature = "protobuf")]
pub use prost;

#[cfg(feature = "avro")]
pub use self::avro::{avro, avro_value};
#[cfg(feature = "json-schema")]
pub use self::json_schema::json_schema;
#[cfg(feature = "protobuf")]
pub use self::protobuf::protobuf;
pub use self::{
    registry::{
        RegistryError, RegistryErrorKind, SchemaRegistry, SchemaRegistryBuilder, SubjectStrategy,
    },
    schema_text::SchemaText,
};
