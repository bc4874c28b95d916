//! The bytes of a table's changes on the repartition topic of `KTable::group_by`.
//!
//! The last byte says what is before it: 0 the old value, 1 the new value, 2 the length of the new
//! value as a zigzag varint, the new value and the old value. Java's reserved forms 3, 4 and 5 have
//! one more byte, "is latest", before the last; they are read, and that byte is not used.

use std::sync::Arc;

use streams_core::{
    BoxError,
    serde::{Serde, SerdeRef, UnexpectedNull, Written},
};

use super::Change;

const OLD: u8 = 0;
const NEW: u8 = 1;
const BOTH: u8 = 2;
const RESERVED: u8 = 3;

/// Writes and reads [`Change`]s as Java's `ChangedSerializer` and `ChangedDeserializer` do.
pub struct ChangedSerde<V> {
    inner: SerdeRef<V>,
    split: bool,
}

/// The serde of the changes of values that `inner` writes. With `split`, for applications that are
/// being upgraded from a version up to 3.4 (`upgrade.from`), a change with both values is refused,
/// because those can't read it: the node before the topic must send two.
pub(crate) fn changed<V: 'static>(inner: SerdeRef<V>, split: bool) -> SerdeRef<Change<V>> {
    Arc::new(ChangedSerde { inner, split })
}

impl<V> ChangedSerde<V> {
    fn write(&self, topic: &str, value: Option<&V>, out: &mut Vec<u8>) -> Result<bool, BoxError> {
        let Some(value) = value else { return Ok(false) };
        Ok(self.inner.serialize(topic, value, out)? == Written::Bytes)
    }
}

impl<V> Serde<Change<V>> for ChangedSerde<V> {
    fn serialize(
        &self,
        topic: &str,
        change: &Change<V>,
        out: &mut Vec<u8>,
    ) -> Result<Written, BoxError> {
        let start = out.len();
        let has_new = self.write(topic, change.new.as_ref(), out)?;
        let length = out.len() - start;
        let has_old = self.write(topic, change.old.as_ref(), out)?;
        let form = match (has_new, has_old) {
            (true, true) if self.split => {
                return Err(
                    "an old and a new value can't go in one record while upgrading from 3.4 \
                            or older"
                        .into(),
                );
            }
            (true, true) => {
                let (bytes, count) = zigzag_varint(i32::try_from(length)?);
                out.splice(start..start, bytes.into_iter().take(count));
                BOTH
            }
            (true, false) => NEW,
            (false, true) => OLD,
            (false, false) => return Err("a change has neither an old nor a new value".into()),
        };
        out.push(form);
        Ok(Written::Bytes)
    }

    fn deserialize(&self, topic: &str, data: Option<&[u8]>) -> Result<Change<V>, BoxError> {
        let data = data.ok_or(UnexpectedNull)?;
        let Some((&(mut form), mut body)) = data.split_last() else {
            return Err("a change has no bytes".into());
        };
        if form >= RESERVED {
            let Some((0 | 1, rest)) = body.split_last() else {
                return Err(
                    format!("a change of form {form} does not say if it is the latest").into()
                );
            };
            (form, body) = (form - RESERVED, rest);
        }
        let read = |bytes: &[u8]| self.inner.deserialize(topic, Some(bytes)).map(Some);
        match form {
            OLD => Ok(Change::new(None, read(body)?)),
            NEW => Ok(Change::new(read(body)?, None)),
            BOTH => {
                let (length, values) = read_zigzag_varint(body)?;
                let (new, old) = values.split_at_checked(length).ok_or_else(|| {
                    format!("a new value of {length} bytes does not fit in {} bytes", values.len())
                })?;
                Ok(Change::new(read(new)?, read(old)?))
            }
            _ => Err(format!("unknown form {form} of a change").into()),
        }
    }
}

impl<V> std::fmt::Debug for ChangedSerde<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChangedSerde(split: {})", self.split)
    }
}

/// Kafka's signed varint: the sign goes to the lowest bit, then seven bits a byte, lowest first.
fn zigzag_varint(value: i32) -> ([u8; 5], usize) {
    let mut rest = ((value << 1) ^ (value >> 31)).cast_unsigned();
    let mut bytes = [0; 5];
    let mut count = 0;
    for byte in &mut bytes {
        let [.., low] = rest.to_be_bytes();
        rest >>= 7;
        count += 1;
        *byte = if rest == 0 { low & 0x7f } else { low | 0x80 };
        if rest == 0 {
            break;
        }
    }
    (bytes, count)
}

/// The length that `bytes` begin with, and what follows it.
fn read_zigzag_varint(bytes: &[u8]) -> Result<(usize, &[u8]), BoxError> {
    let mut value = 0_u32;
    for (index, byte) in (0_u32..5).zip(bytes) {
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let signed = (value >> 1).cast_signed() ^ -(value & 1).cast_signed();
            let length = usize::try_from(signed)
                .map_err(|_| format!("a new value can't have {signed} bytes"))?;
            let read = usize::try_from(index)? + 1;
            return Ok((length, bytes.get(read..).unwrap_or_default()));
        }
    }
    Err("the length of a new value does not end".into())
}

#[cfg(test)]
mod tests {
    use streams_core::serde::string;

    use super::*;

    fn change(new: Option<&str>, old: Option<&str>) -> Change<String> {
        Change::new(new.map(str::to_owned), old.map(str::to_owned))
    }

    fn bytes_of(change: &Change<String>) -> Vec<u8> {
        let mut out = Vec::new();
        assert_eq!(
            changed(string(), false).serialize("t", change, &mut out).unwrap(),
            Written::Bytes
        );
        out
    }

    /// Bytes that Java wrote to the repartition topics of grouped tables.
    #[test]
    fn the_bytes_are_those_of_java() {
        let golden: &[(Option<&str>, Option<&str>, &[u8])] = &[
            (Some("A"), None, &[0x41, 0x01]),
            (None, Some("B"), &[0x42, 0x00]),
            (Some("b"), Some("a"), &[0x02, 0x62, 0x61, 0x02]),
            (Some("C"), Some("C"), &[0x02, 0x43, 0x43, 0x02]),
            (Some(""), None, &[0x01]),
            (Some("a"), Some(""), &[0x02, 0x61, 0x02]),
            (Some("a b"), Some("a"), &[0x06, 0x61, 0x20, 0x62, 0x61, 0x02]),
        ];
        for (new, old, bytes) in golden {
            let change = change(*new, *old);
            assert_eq!(bytes_of(&change), *bytes, "{change:?}");
            assert_eq!(changed(string(), false).deserialize("t", Some(bytes)).unwrap(), change);
        }
    }

    #[test]
    fn bytes_are_appended_behind_those_that_are_there() {
        let mut out = vec![9];
        changed(string(), false).serialize("t", &change(Some("b"), Some("a")), &mut out).unwrap();
        assert_eq!(out, [0x09, 0x02, 0x62, 0x61, 0x02]);
    }

    #[test]
    fn a_long_new_value_has_a_length_of_several_bytes() {
        for length in [63, 64, 8_191, 8_192, 1_048_576] {
            let change = change(Some(&"x".repeat(length)), Some("old"));
            let bytes = bytes_of(&change);
            assert_eq!(changed(string(), false).deserialize("t", Some(&bytes)).unwrap(), change);
        }
        assert_eq!(zigzag_varint(64), ([0x80, 0x01, 0, 0, 0], 2));
        assert_eq!(zigzag_varint(i32::MAX), ([0xfe, 0xff, 0xff, 0xff, 0x0f], 5));
    }

    #[test]
    fn the_reserved_forms_are_read() {
        let serde = changed(string(), false);
        let read = |bytes: &[u8]| serde.deserialize("t", Some(bytes)).unwrap();
        assert_eq!(read(b"o\x01\x03"), change(None, Some("o")));
        assert_eq!(read(b"n\x00\x04"), change(Some("n"), None));
        assert_eq!(read(b"\x02no\x01\x05"), change(Some("n"), Some("o")));
    }

    #[test]
    fn while_upgrading_a_change_with_both_values_is_refused() {
        let serde = changed(string(), true);
        let error = serde.serialize("t", &change(Some("n"), Some("o")), &mut Vec::new());
        assert!(error.unwrap_err().to_string().contains("upgrading"));
        assert!(serde.serialize("t", &change(Some("n"), None), &mut Vec::new()).is_ok());
    }

    #[test]
    fn a_change_without_values_and_malformed_bytes_are_errors() {
        let serde = changed(string(), false);
        assert!(serde.serialize("t", &change(None, None), &mut Vec::new()).is_err());
        assert!(serde.deserialize("t", None).is_err());
        let malformed: [&[u8]; 8] = [
            &[],
            &[9],
            &[2],
            &[3],
            &[b'o', 2, 3],
            &[0x06, b'n', 2],
            &[0x01, b'n', 2],
            &[0x80, 0x80, 0x80, 0x80, 0x80, 2],
        ];
        for bytes in malformed {
            assert!(serde.deserialize("t", Some(bytes)).is_err(), "{bytes:?}");
        }
    }
}
