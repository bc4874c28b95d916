//! Writers and readers of one schema, made once.

use std::sync::atomic::{AtomicBool, Ordering};

use apache_avro::{
    Schema, reader::datum::GenericDatumReader, schema::ResolvedSchema, types::Value,
    writer::datum::GenericDatumWriter,
};
use serde::{Serialize, de::DeserializeOwned};
use streams_core::BoxError;

use super::{
    aliases::apply_aliases,
    extent::{DEPTH_MAX, Extent},
    schema::writes_the_same,
};

/// Stack for one level of types within each other. In a program that is not optimised apache-avro
/// takes some 80 KB of it; a thread has 2 MB.
const STACK_PER_LEVEL: usize = 256 << 10;
/// Levels for which any thread has enough.
const FEW_LEVELS: usize = 4;

/// Writes by a schema.
pub(super) struct DatumWriter {
    writer: GenericDatumWriter<'static>,
    /// How deep a datum that can be read may be.
    depth: usize,
}

impl DatumWriter {
    pub(super) fn new(schema: &'static Schema) -> Result<Self, streams_core::Error> {
        let writer = GenericDatumWriter::builder(schema).build().map_err(unusable)?;
        let depth = if Extent::new(schema).contains_itself() { DEPTH_MAX } else { 0 };
        Ok(Self { writer, depth })
    }

    /// Writes a datum.
    pub(super) fn write<T, K: Kind<T>>(&self, data: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        with_stack(self.depth, || K::write(&self.writer, data, out))
    }
}

/// Runs `body` on a stack that is large enough for so many levels.
fn with_stack<R>(levels: usize, body: impl FnOnce() -> R) -> R {
    if levels <= FEW_LEVELS {
        return body();
    }
    let needed = levels * STACK_PER_LEVEL;
    stacker::maybe_grow(needed, needed, body)
}

/// Reads what one schema wrote, as another one has it.
pub(super) struct DatumReader {
    reader: GenericDatumReader<'static>,
    extent: Extent,
    /// True if data become a generic value first, to be resolved or because the type's names differ
    /// from the schema's.
    by_value: AtomicBool,
}

impl DatumReader {
    /// A reader of what `written_by` wrote, which becomes data of `own` by Avro's resolution, if
    /// that is another one. Its aliases are other names of its fields and types.
    pub(super) fn new(
        written_by: &'static Schema,
        own: Option<&'static Schema>,
    ) -> Result<Self, streams_core::Error> {
        let written_by = match own {
            Some(own) => apply_aliases(written_by, own).map_err(unusable)?,
            None => written_by,
        };
        let own = own.filter(|own| !writes_the_same(written_by, own));
        let resolved = ResolvedSchema::new(written_by).map_err(unusable)?;
        let builder = GenericDatumReader::builder(written_by).resolved_writer_schemata(resolved);
        let reader = builder.maybe_reader_schema(own).build().map_err(unusable)?;
        let extent = Extent::new(written_by);
        Ok(Self { reader, extent, by_value: AtomicBool::new(own.is_some()) })
    }

    /// Reads a datum that nothing may be behind.
    pub(super) fn read<T, K: Kind<T>>(&self, bytes: &[u8]) -> Result<T, BoxError> {
        let levels = self.extent.check(bytes)?;
        with_stack(levels, || K::read(self, bytes))
    }
}

fn unusable(cause: apache_avro::Error) -> streams_core::Error {
    let text = "the Avro schema can't be used";
    streams_core::Error::with_source(streams_core::ErrorKind::Config, text, cause)
}

/// Conversion of data of type `T` to Avro.
pub(super) trait Kind<T>: Send + Sync + 'static {
    fn write(
        writer: &GenericDatumWriter<'static>,
        data: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), BoxError>;
    /// Reads one whole datum.
    fn read(reader: &DatumReader, bytes: &[u8]) -> Result<T, BoxError>;
}

/// By serde.
pub(super) enum BySerde {}

impl<T: Serialize + DeserializeOwned> Kind<T> for BySerde {
    fn write(
        writer: &GenericDatumWriter<'static>,
        data: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), BoxError> {
        writer.write_ser(out, data)?;
        Ok(())
    }

    fn read(reader: &DatumReader, bytes: &[u8]) -> Result<T, BoxError> {
        if reader.by_value.load(Ordering::Relaxed) {
            return by_value(reader, bytes);
        }
        reader.reader.read_deser(&mut &*bytes).or_else(|error| {
            // Without a value between, structs must be named as the records of the schema. Where
            // only that is wrong, the way over a value is taken from here on.
            let data = by_value(reader, bytes).map_err(|_| error)?;
            reader.by_value.store(true, Ordering::Relaxed);
            Ok(data)
        })
    }
}

fn by_value<T: DeserializeOwned>(reader: &DatumReader, bytes: &[u8]) -> Result<T, BoxError> {
    Ok(apache_avro::from_value(&reader.reader.read_value(&mut &*bytes)?)?)
}

/// As a generic value.
pub(super) enum Generic {}

impl Kind<Value> for Generic {
    fn write(
        writer: &GenericDatumWriter<'static>,
        data: &Value,
        out: &mut Vec<u8>,
    ) -> Result<(), BoxError> {
        writer.write_value_ref(out, data)?;
        Ok(())
    }

    fn read(reader: &DatumReader, bytes: &[u8]) -> Result<Value, BoxError> {
        Ok(reader.reader.read_value(&mut &*bytes)?)
    }
}
