//! Serdes of single values, in Java's bytes: UTF-8 text and big-endian numbers.

use std::sync::Arc;

use super::{Serde, SerdeRef, Written, not_null};
use crate::BoxError;

struct StringSerde;

impl Serde<String> for StringSerde {
    fn serialize(&self, _: &str, data: &String, out: &mut Vec<u8>) -> Result<Written, BoxError> {
        out.extend_from_slice(data.as_bytes());
        Ok(Written::Bytes)
    }

    fn deserialize(&self, _: &str, data: Option<&[u8]>) -> Result<String, BoxError> {
        Ok(std::str::from_utf8(not_null(data)?)?.to_owned())
    }
}

/// UTF-8 text. Java's `Serdes.String()`, but malformed bytes are an error.
pub fn string() -> SerdeRef<String> {
    Arc::new(StringSerde)
}

struct BytesSerde;

impl Serde<Vec<u8>> for BytesSerde {
    fn serialize(&self, _: &str, data: &Vec<u8>, out: &mut Vec<u8>) -> Result<Written, BoxError> {
        out.extend_from_slice(data);
        Ok(Written::Bytes)
    }

    fn deserialize(&self, _: &str, data: Option<&[u8]>) -> Result<Vec<u8>, BoxError> {
        Ok(not_null(data)?.to_vec())
    }
}

/// Bytes as they are. Java's `Serdes.ByteArray()`.
pub fn bytes() -> SerdeRef<Vec<u8>> {
    Arc::new(BytesSerde)
}

struct UnitSerde;

impl Serde<()> for UnitSerde {
    fn serialize(&self, _: &str, (): &(), _: &mut Vec<u8>) -> Result<Written, BoxError> {
        Ok(Written::Null)
    }

    fn deserialize(&self, topic: &str, data: Option<&[u8]>) -> Result<(), BoxError> {
        match data {
            None => Ok(()),
            Some(data) => Err(format!(
                "expected a null in topic {topic}, found {} bytes; declare a type to read them",
                data.len()
            )
            .into()),
        }
    }
}

/// Always null. Java's `Serdes.Void()`.
pub fn unit() -> SerdeRef<()> {
    Arc::new(UnitSerde)
}

struct NumberSerde;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $type:ty) => {
        impl Serde<$type> for NumberSerde {
            fn serialize(
                &self,
                _: &str,
                data: &$type,
                out: &mut Vec<u8>,
            ) -> Result<Written, BoxError> {
                out.extend_from_slice(&data.to_be_bytes());
                Ok(Written::Bytes)
            }

            fn deserialize(&self, _: &str, data: Option<&[u8]>) -> Result<$type, BoxError> {
                let data = not_null(data)?;
                let bytes = data.try_into().map_err(|_| {
                    let expected = size_of::<$type>();
                    format!("expected {expected} bytes of an {}, found {}", stringify!($type), data.len())
                })?;
                Ok(<$type>::from_be_bytes(bytes))
            }
        }

        $(#[$doc])*
        pub fn $name() -> SerdeRef<$type> {
            Arc::new(NumberSerde)
        }
    };
}

number!(/// A big-endian `i16`. Java's `Serdes.Short()`.
    short, i16);
number!(/// A big-endian `i32`. Java's `Serdes.Integer()`.
    integer, i32);
number!(/// A big-endian `i64`. Java's `Serdes.Long()`.
    long, i64);
number!(/// A big-endian IEEE 754 `f32`. Java's `Serdes.Float()`.
    float, f32);
number!(/// A big-endian IEEE 754 `f64`. Java's `Serdes.Double()`.
    double, f64);

struct BooleanSerde;

impl Serde<bool> for BooleanSerde {
    fn serialize(&self, _: &str, data: &bool, out: &mut Vec<u8>) -> Result<Written, BoxError> {
        out.push(u8::from(*data));
        Ok(Written::Bytes)
    }

    fn deserialize(&self, _: &str, data: Option<&[u8]>) -> Result<bool, BoxError> {
        match not_null(data)? {
            [0] => Ok(false),
            [1] => Ok(true),
            other => Err(format!("expected one byte, 0 or 1, found {other:?}").into()),
        }
    }
}

/// One byte, 1 or 0. Java's `Serdes.Boolean()`.
pub fn boolean() -> SerdeRef<bool> {
    Arc::new(BooleanSerde)
}

struct UuidSerde;

impl Serde<uuid::Uuid> for UuidSerde {
    fn serialize(
        &self,
        _: &str,
        data: &uuid::Uuid,
        out: &mut Vec<u8>,
    ) -> Result<Written, BoxError> {
        let mut text = uuid::Uuid::encode_buffer();
        out.extend_from_slice(data.hyphenated().encode_lower(&mut text).as_bytes());
        Ok(Written::Bytes)
    }

    fn deserialize(&self, _: &str, data: Option<&[u8]>) -> Result<uuid::Uuid, BoxError> {
        Ok(uuid::Uuid::try_parse_ascii(not_null(data)?)?)
    }
}

/// The hyphenated text of a UUID. Java's `Serdes.UUID()`.
pub fn uuid() -> SerdeRef<uuid::Uuid> {
    Arc::new(UuidSerde)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serde::option;

    fn bytes_of<T>(serde: &SerdeRef<T>, data: &T) -> Vec<u8> {
        let mut out = Vec::new();
        assert_eq!(serde.serialize("t", data, &mut out).unwrap(), Written::Bytes);
        out
    }

    #[test]
    fn numbers_are_big_endian() {
        assert_eq!(bytes_of(&integer(), &258), [0, 0, 1, 2]);
        assert_eq!(bytes_of(&long(), &-1), [0xff; 8]);
        assert_eq!(bytes_of(&double(), &1.0), [0x3f, 0xf0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes_of(&short(), &1), [0, 1]);
        assert_eq!(bytes_of(&float(), &1.0), [0x3f, 0x80, 0, 0]);
    }

    #[test]
    fn a_number_of_the_wrong_length_says_so() {
        let error = long().deserialize("t", Some(b"four")).unwrap_err();
        assert_eq!(error.to_string(), "expected 8 bytes of an i64, found 4");
    }

    #[test]
    fn null_is_an_error_unless_the_type_is_an_option() {
        let error = string().deserialize("t", None).unwrap_err();
        assert!(error.to_string().contains("Option<_>"));
        assert_eq!(option(string()).deserialize("t", None).unwrap(), None);
        let mut out = Vec::new();
        assert_eq!(option(string()).serialize("t", &None, &mut out).unwrap(), Written::Null);
        assert!(out.is_empty());
    }

    #[test]
    fn a_uuid_is_its_text() {
        let id = uuid::Uuid::from_u128(7);
        let text = b"00000000-0000-0000-0000-000000000007";
        assert_eq!(bytes_of(&super::uuid(), &id), text);
        assert_eq!(super::uuid().deserialize("t", Some(text)).unwrap(), id);
    }
}
