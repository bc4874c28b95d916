//! Avro by apache-avro: types of serde, and generic values.

mod aliases;
mod datum;
mod extent;
mod registry;
mod schema;

use std::{marker::PhantomData, sync::Arc};

use apache_avro::types::Value;
use serde::{Serialize, de::DeserializeOwned};
use streams_core::{
    BoxError, Result,
    serde::{Serde, SerdeRef, UnexpectedNull, Written},
};

use self::{
    datum::{BySerde, DatumReader, DatumWriter, Generic, Kind},
    schema::parse,
};
use crate::schema_text::SchemaText;

/// Avro of one schema, in the bytes of a datum alone: no file, no header. Whoever reads them needs
/// the very schema they were written by: for internal topics and stores of one version, or under
/// [`versioned`](streams_core::serde::versioned). With a [`SchemaRegistry`](crate::SchemaRegistry)
/// schemas may change.
struct AvroSerde<T, K: Kind<T>> {
    writer: DatumWriter,
    reader: DatumReader,
    kind: PhantomData<fn(T, K)>,
}

impl<T, K: Kind<T>> Serde<T> for AvroSerde<T, K> {
    fn serialize(&self, _: &str, data: &T, out: &mut Vec<u8>) -> Result<Written, BoxError> {
        let begin = out.len();
        self.writer.write::<T, K>(data, out).inspect_err(|_| out.truncate(begin))?;
        Ok(Written::Bytes)
    }

    fn deserialize(&self, _: &str, data: Option<&[u8]>) -> Result<T, BoxError> {
        self.reader.read::<T, K>(data.ok_or(UnexpectedNull)?)
    }
}

fn plain<T: 'static, K: Kind<T>>(schema: &SchemaText) -> Result<SerdeRef<T>> {
    let schema = parse(schema)?;
    let (writer, reader) = (DatumWriter::new(schema)?, DatumReader::new(schema, None)?);
    Ok(Arc::new(AvroSerde::<T, K> { writer, reader, kind: PhantomData }))
}

/// Avro of any type that serde can write and read, by a schema: its text, or `&T::get_schema()`
/// where apache-avro's `AvroSchema` is derived. The bytes are those of the datum alone; see
/// [`SchemaRegistry::avro`](crate::SchemaRegistry::avro) for schemas that change.
///
/// # Errors
/// `Config` if the text is no schema.
pub fn avro<T: Serialize + DeserializeOwned + 'static>(
    schema: impl Into<SchemaText>,
) -> Result<SerdeRef<T>> {
    plain::<T, BySerde>(&schema.into())
}

/// Avro of apache-avro's generic values, by a schema. Java's `GenericAvroSerde`, without a
/// registry.
///
/// # Errors
/// `Config` if the text is no schema.
pub fn avro_value(schema: impl Into<SchemaText>) -> Result<SerdeRef<Value>> {
    plain::<Value, Generic>(&schema.into())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    const PERSON: &str = r#"{"type": "record", "name": "Person", "fields": [
        {"name": "userName", "type": "string"},
        {"name": "favoriteNumber", "type": ["null", "long"], "default": null},
        {"name": "interests", "type": {"type": "array", "items": "string"}}]}"#;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Person {
        user_name: String,
        favorite_number: Option<i64>,
        interests: Vec<String>,
    }

    /// The example of "Designing Data-Intensive Applications", chapter 4: 32 bytes.
    const MARTIN: &[u8] = b"\x0cMartin\x02\xf2\x14\x04\x16daydreaming\x0ehacking\0";

    fn martin() -> Person {
        Person {
            user_name: "Martin".to_owned(),
            favorite_number: Some(1337),
            interests: vec!["daydreaming".to_owned(), "hacking".to_owned()],
        }
    }

    #[test]
    fn a_struct_is_the_bytes_of_its_datum() {
        let serde = avro::<Person>(PERSON).unwrap();
        let mut out = Vec::new();
        assert_eq!(serde.serialize("t", &martin(), &mut out).unwrap(), Written::Bytes);
        assert_eq!(out, MARTIN);
        assert_eq!(serde.deserialize("t", Some(MARTIN)).unwrap(), martin());
    }

    #[test]
    fn a_type_may_have_another_name_than_the_record() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Reader {
            #[serde(rename = "userName")]
            name: String,
            interests: Vec<String>,
        }
        let serde = avro::<Reader>(PERSON).unwrap();
        let Person { user_name: name, interests, .. } = martin();
        let reader = Reader { name, interests };
        for _ in 0..2 {
            assert_eq!(serde.deserialize("t", Some(MARTIN)).unwrap(), reader);
            assert!(serde.deserialize("t", Some(&MARTIN[..9])).is_err());
        }
    }

    #[test]
    fn a_generic_value_is_the_same_bytes() {
        let serde = avro_value(PERSON).unwrap();
        let value = serde.deserialize("t", Some(MARTIN)).unwrap();
        let Value::Record(fields) = &value else { panic!("{value:?}") };
        assert_eq!(fields[0], ("userName".to_owned(), Value::String("Martin".to_owned())));
        let mut out = Vec::new();
        serde.serialize("t", &value, &mut out).unwrap();
        assert_eq!(out, MARTIN);
    }

    #[test]
    fn what_does_not_fit_the_schema_is_an_error_and_leaves_no_bytes() {
        let serde = avro_value(PERSON).unwrap();
        let mut out = b"before".to_vec();
        assert!(serde.serialize("t", &Value::Long(1), &mut out).is_err());
        assert_eq!(out, b"before");
        assert!(avro::<Person>("no schema").is_err());
    }

    #[test]
    fn bytes_that_are_no_datum_are_an_error() {
        let serde = avro::<Person>(PERSON).unwrap();
        assert!(serde.deserialize("t", None).unwrap_err().is::<UnexpectedNull>());
        for length in 0..MARTIN.len() {
            assert!(serde.deserialize("t", Some(&MARTIN[..length])).is_err(), "{length}");
        }
        let longer = [MARTIN, b"x"].concat();
        let error = serde.deserialize("t", Some(&longer)).unwrap_err();
        assert_eq!(error.to_string(), "1 bytes are left behind the value");
    }

    /// apache-avro reads what is cut off as nulls.
    #[test]
    fn a_datum_that_is_cut_off_is_an_error_as_a_generic_value_too() {
        let schema = r#"{"type": "record", "name": "Cut", "fields": [
            {"name": "id", "type": "int"}, {"name": "note", "type": ["null", "string"]}]}"#;
        let serde = avro_value(schema).unwrap();
        assert!(serde.deserialize("t", Some(&[2, 0])).is_ok());
        let error = serde.deserialize("t", Some(&[2])).unwrap_err();
        assert_eq!(error.to_string(), "the bytes end within the value");
    }

    /// Deeper ones would end the process by a stack that is too small.
    #[test]
    fn a_value_that_contains_itself_too_deep_is_an_error() {
        let list = r#"{"type": "record", "name": "List", "fields": [
            {"name": "next", "type": ["null", "List"]}]}"#;
        let serde = avro_value(list).unwrap();
        let nested = |depth: usize| [vec![2; depth], vec![0]].concat();
        let value = serde.deserialize("t", Some(&nested(128))).unwrap();
        let mut out = Vec::new();
        serde.serialize("t", &value, &mut out).unwrap();
        assert_eq!(out, nested(128));
        assert!(serde.deserialize("t", Some(&nested(1_000_000))).is_err());
    }

    #[test]
    fn a_length_beyond_the_record_is_an_error() {
        let serde = avro::<Person>(PERSON).unwrap();
        let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert!(serde.deserialize("t", Some(&huge)).is_err());
    }
}
