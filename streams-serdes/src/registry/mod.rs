//! A Schema Registry: which schema has which id.
//!
//! [`SchemaRegistry`] is what programs hold; `client` knows the calls and remembers their answers,
//! `http` makes them, over TLS by `tls`, `serde` is what the formats have in common with a registry, `wire` the bytes
//! in front of a value.

mod builder;
mod client;
mod error;
mod http;
mod once_map;
mod serde;
mod subjects;
mod tls;
mod wire;

use std::{fmt, sync::Arc};

#[cfg(feature = "protobuf")]
pub(crate) use self::wire::put_indexes;
#[cfg(all(feature = "fuzzing", feature = "protobuf"))]
pub(crate) use self::wire::{put_header, split_header};
pub use self::{
    builder::SchemaRegistryBuilder,
    error::{RegistryError, RegistryErrorKind},
    subjects::SubjectStrategy,
};
pub(crate) use self::{
    client::Client,
    serde::{Format, RegistrySerde, SchemaType},
    subjects::Side,
};

/// A Confluent-compatible Schema Registry, and how serdes use it. Clones share connections and what
/// is known.
///
/// Making one asks nothing of the network: a registry that is down fails the first record whose
/// schema it has, or [`check`](Self::check), which a program may call before it starts.
#[cfg_attr(
    feature = "avro",
    doc = r##"
```
use streams_serdes::{SchemaRegistry, SubjectStrategy};

#[derive(serde::Serialize, serde::Deserialize)]
struct Order {
    id: String,
}
const ORDER: &str =
    r#"{"type": "record", "name": "shop.Order", "fields": [{"name": "id", "type": "string"}]}"#;

let registry = SchemaRegistry::builder("https://registry.example.com").basic_auth("ann", "secret").build()?;
let orders = registry.avro::<Order>(ORDER)?; // subject TOPIC-value, registered with the first record
let keys = registry.for_keys().avro::<String>(r#""string""#)?; // subject TOPIC-key
let events = registry
    .clone()
    .auto_register(false)
    .subject_strategy(SubjectStrategy::Record)
    .avro::<Order>(ORDER)?; // subject shop.Order, which must be there
# Ok::<(), streams_core::Error>(())
```"##
)]
#[derive(Clone)]
pub struct SchemaRegistry {
    client: Arc<Client>,
    options: Options,
}

/// Rule by which a serde finds the schema that it writes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) auto_register: bool,
    pub(crate) use_latest_version: bool,
    pub(crate) strategy: SubjectStrategy,
    pub(crate) side: Side,
}

impl SchemaRegistry {
    /// The registry at a URL, as in `http://localhost:8081`; several, with commas between, are
    /// tried in turn. Java's `schema.registry.url`.
    ///
    /// # Errors
    /// `Config` if it is no URL.
    pub fn new(urls: impl Into<String>) -> streams_core::Result<Self> {
        Self::builder(urls).build()
    }

    /// The registry at a URL, with authentication, TLS and time-outs to be said.
    pub fn builder(urls: impl Into<String>) -> SchemaRegistryBuilder {
        SchemaRegistryBuilder::new(&urls.into())
    }

    fn of(client: Client) -> Self {
        let options = Options {
            auto_register: true,
            use_latest_version: false,
            strategy: SubjectStrategy::Topic,
            side: Side::Value,
        };
        Self { client: Arc::new(client), options }
    }

    /// Says if schemas are registered when their first record is written, which is the default;
    /// without, a schema that is not there is an error. Java's `auto.register.schemas`.
    #[must_use]
    pub fn auto_register(mut self, yes: bool) -> Self {
        self.options.auto_register = yes;
        self
    }

    /// Writes by the latest schema of the subject, not by the serde's own, which is not registered
    /// then. Java's `use.latest.version` with `auto.register.schemas=false`.
    #[must_use]
    pub fn use_latest_version(mut self) -> Self {
        self.options.use_latest_version = true;
        self
    }

    /// Chooses the subjects that schemas are registered as. Java's `key.subject.name.strategy` and
    /// `value.subject.name.strategy`.
    #[must_use]
    pub fn subject_strategy(mut self, strategy: SubjectStrategy) -> Self {
        self.options.strategy = strategy;
        self
    }

    /// The same registry for serdes of keys: their subjects end in `-key`, those of others in
    /// `-value`. Java's `configure(…, isKey)`.
    #[must_use]
    pub fn for_keys(&self) -> Self {
        let mut keys = self.clone();
        keys.options.side = Side::Key;
        keys
    }

    /// Asks the registry for its subjects, to find out before the start if it can be used.
    ///
    /// # Errors
    /// The registry's, after the retries of the builder.
    pub fn check(&self) -> Result<(), RegistryError> {
        self.client.check()
    }

    #[cfg(any(feature = "avro", feature = "protobuf", feature = "json-schema"))]
    pub(crate) fn serde<T: 'static, F: Format<T>>(
        &self,
        format: F,
    ) -> streams_core::Result<streams_core::serde::SerdeRef<T>> {
        let serde = RegistrySerde::new(self.client.clone(), self.options, format)?;
        Ok(Arc::new(serde))
    }
}

impl fmt::Debug for SchemaRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls = self.client.urls();
        f.debug_struct("SchemaRegistry")
            .field("urls", &urls)
            .field("options", &self.options)
            .finish()
    }
}
