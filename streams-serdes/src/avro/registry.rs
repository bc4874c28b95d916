//! Avro with a registry.

use std::marker::PhantomData;

use apache_avro::{Schema, types::Value};
use serde::{Serialize, de::DeserializeOwned};
use streams_core::{BoxError, Result, serde::SerdeRef};

use super::{
    datum::{BySerde, DatumReader, DatumWriter, Generic, Kind},
    schema::parse,
};
use crate::{
    registry::{Format, SchemaRegistry, SchemaType},
    schema_text::SchemaText,
};

struct AvroFormat<K> {
    text: SchemaText,
    schema: &'static Schema,
    name: Option<String>,
    kind: PhantomData<fn(K)>,
}

impl<K> AvroFormat<K> {
    fn new(text: SchemaText) -> Result<Self> {
        let schema = parse(&text)?;
        let name = schema.name().map(|name| name.fullname(None));
        Ok(Self { text, schema, name, kind: PhantomData })
    }
}

impl<T: 'static, K: Kind<T>> Format<T> for AvroFormat<K> {
    type Reader = DatumReader;
    type Writer = DatumWriter;

    const TYPE: SchemaType = SchemaType::Avro;

    fn own(&self) -> &SchemaText {
        &self.text
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn reader(&self, written_by: &SchemaText) -> Result<DatumReader, BoxError> {
        Ok(DatumReader::new(parse(written_by)?, Some(self.schema))?)
    }

    fn writer(&self, registered: &SchemaText) -> Result<DatumWriter, BoxError> {
        Ok(DatumWriter::new(parse(registered)?)?)
    }

    fn read(&self, reader: &DatumReader, body: &[u8]) -> Result<T, BoxError> {
        reader.read::<T, K>(body)
    }

    fn write(&self, writer: &DatumWriter, data: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        writer.write::<T, K>(data, out)
    }
}

impl SchemaRegistry {
    /// Avro of any type that serde can write and read, by a schema that is registered: its text, or
    /// `&T::get_schema()` where apache-avro's `AvroSchema` is derived. What an older or newer
    /// schema wrote is read by Avro's resolution: fields that are gone are passed over, those that
    /// are new have their default, and those that the schema has aliases for are read under these
    /// names, too. Java's `SpecificAvroSerde`.
    ///
    /// # Errors
    /// `Config` if the text is no schema, or has no name where the subject needs one.
    pub fn avro<T: Serialize + DeserializeOwned + 'static>(
        &self,
        schema: impl Into<SchemaText>,
    ) -> Result<SerdeRef<T>> {
        self.serde::<T, _>(AvroFormat::<BySerde>::new(schema.into())?)
    }

    /// Avro of apache-avro's generic values. They are written by `schema`, and read as data of
    /// `schema` whatever schema wrote them. Java's `GenericAvroSerde`.
    ///
    /// # Errors
    /// The errors of [`avro`](Self::avro).
    pub fn avro_value(&self, schema: impl Into<SchemaText>) -> Result<SerdeRef<Value>> {
        self.serde::<Value, _>(AvroFormat::<Generic>::new(schema.into())?)
    }
}
