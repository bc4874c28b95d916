//! The parts that all formats share with a registry: the header, and the schema that it names.

use std::sync::Arc;

use streams_core::{
    BoxError, Error, ErrorKind,
    serde::{Serde, UnexpectedNull, Written},
};

use super::{
    Client, Options,
    once_map::OnceMap,
    wire::{put_header, split_header},
};
use crate::schema_text::SchemaText;

/// The formats that registries know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(all(feature = "avro", feature = "protobuf", feature = "json-schema")),
    allow(dead_code, reason = "a format that is not built asks for no schema")
)]
pub(crate) enum SchemaType {
    Avro,
    Protobuf,
    Json,
}

impl SchemaType {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::Protobuf => "PROTOBUF",
            Self::Json => "JSON",
        }
    }
}

/// Writes and reads the bytes behind the header.
pub(crate) trait Format<T>: Send + Sync + 'static {
    /// Reads what one schema wrote.
    type Reader: Send + Sync;
    /// Writes by one schema.
    type Writer: Send + Sync;

    const TYPE: SchemaType;

    /// The schema of the serde itself.
    fn own(&self) -> &SchemaText;

    /// The full name of the own schema, if it has one.
    fn name(&self) -> Option<&str>;

    fn reader(&self, written_by: &SchemaText) -> Result<Self::Reader, BoxError>;

    fn writer(&self, registered: &SchemaText) -> Result<Self::Writer, BoxError>;

    fn read(&self, reader: &Self::Reader, body: &[u8]) -> Result<T, BoxError>;

    fn write(&self, writer: &Self::Writer, data: &T, out: &mut Vec<u8>) -> Result<(), BoxError>;
}

/// A format with a registry. What it knows of ids and topics is read without a lock.
pub(crate) struct RegistrySerde<T, F: Format<T>> {
    client: Arc<Client>,
    options: Options,
    format: F,
    readers: OnceMap<u32, F::Reader>,
    writers: OnceMap<String, Registered<F::Writer>>,
}

/// The schema by which one topic is written.
struct Registered<W> {
    id: u32,
    writer: W,
}

impl<T, F: Format<T>> RegistrySerde<T, F> {
    pub(crate) fn new(
        client: Arc<Client>,
        options: Options,
        format: F,
    ) -> streams_core::Result<Self> {
        options.strategy.check(format.name())?;
        let (readers, writers) = (OnceMap::default(), OnceMap::default());
        Ok(Self { client, options, format, readers, writers })
    }

    fn reader_of(&self, id: u32) -> Result<F::Reader, BoxError> {
        let known = self.client.schema(id)?;
        if known.kind != F::TYPE.name() {
            let (found, expected) = (&known.kind, F::TYPE.name());
            return Err(format!(
                "the schema of id {id} is of type {found}, this serde reads {expected}"
            )
            .into());
        }
        self.format.reader(&known.schema).map_err(|cause| {
            let text = format!("the schema of id {id} can't be used to read this record");
            Error::with_source(ErrorKind::Deserialization, text, cause).into()
        })
    }

    fn writer_of(&self, topic: &str) -> Result<Registered<F::Writer>, BoxError> {
        let Options { auto_register, use_latest_version, strategy, side } = self.options;
        let subject = strategy.subject(topic, side, self.format.name());
        let known = if use_latest_version {
            self.client.latest(&subject)?
        } else {
            self.client.id(&subject, F::TYPE, self.format.own(), auto_register)?
        };
        let writer = self.format.writer(&known.schema).map_err(|cause| {
            let text =
                format!("the schema of subject {subject}, id {}, can't be written by", known.id);
            Error::with_source(ErrorKind::Serialization, text, cause)
        })?;
        Ok(Registered { id: known.id, writer })
    }
}

impl<T, F: Format<T>> Serde<T> for RegistrySerde<T, F> {
    fn serialize(&self, topic: &str, data: &T, out: &mut Vec<u8>) -> Result<Written, BoxError> {
        let Registered { id, writer } =
            self.writers.get_or_try_insert(topic, || self.writer_of(topic))?;
        let begin = out.len();
        put_header(*id, out);
        self.format.write(writer, data, out).map_err(|cause| {
            out.truncate(begin);
            let text = format!("the value does not fit the schema of id {id}");
            Error::with_source(ErrorKind::Serialization, text, cause)
        })?;
        Ok(Written::Bytes)
    }

    fn deserialize(&self, _: &str, data: Option<&[u8]>) -> Result<T, BoxError> {
        let (id, body) = split_header(data.ok_or(UnexpectedNull)?)?;
        let reader = self.readers.get_or_try_insert(&id, || self.reader_of(id))?;
        self.format.read(reader, body).map_err(|cause| {
            let text = format!("the value does not fit the schema of id {id}");
            Error::with_source(ErrorKind::Deserialization, text, cause).into()
        })
    }
}
