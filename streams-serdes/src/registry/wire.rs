//! The bytes in front of a value: Confluent's wire format.
//!
//! A zero, the schema's id in four bytes, big-endian; for Protobuf also the path of the message in
//! its file: how many numbers, then each, as zigzag varints, or a single zero for the first
//! message.

use std::fmt;

const MAGIC: u8 = 0;
pub(crate) const HEADER_LENGTH: usize = 5;

/// Appends magic byte and id.
pub(crate) fn put_header(id: u32, out: &mut Vec<u8>) {
    out.push(MAGIC);
    out.extend_from_slice(&id.to_be_bytes());
}

/// The id, and what is behind it.
pub(crate) fn split_header(data: &[u8]) -> Result<(u32, &[u8]), NotFramed> {
    let Some((header, body)) = data.split_first_chunk::<HEADER_LENGTH>() else {
        return Err(NotFramed::Short(data.len()));
    };
    match *header {
        [MAGIC, a, b, c, d] => Ok((u32::from_be_bytes([a, b, c, d]), body)),
        [other, ..] => Err(NotFramed::Magic(other)),
    }
}

/// Appends the path of a message.
#[cfg(feature = "protobuf")]
pub(crate) fn put_indexes(indexes: &[i32], out: &mut Vec<u8>) {
    if indexes == [0] {
        out.push(0);
        return;
    }
    put_varint(i32::try_from(indexes.len()).unwrap_or(i32::MAX), out);
    for index in indexes {
        put_varint(*index, out);
    }
}

#[cfg(feature = "protobuf")]
fn put_varint(number: i32, out: &mut Vec<u8>) {
    let mut left = ((number << 1) ^ (number >> 31)).cast_unsigned();
    while left >= 0x80 {
        out.push(u8::try_from(left & 0x7f).unwrap_or_default() | 0x80);
        left >>= 7;
    }
    out.push(u8::try_from(left).unwrap_or_default());
}

/// Bytes that no serde with a registry wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotFramed {
    Short(usize),
    Magic(u8),
}

impl fmt::Display for NotFramed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(length) => write!(
                f,
                "expected a zero and a schema id of four bytes in front of the value, found {length} bytes in all"
            )?,
            Self::Magic(byte) => {
                write!(f, "expected a zero in front of the schema id, found the byte {byte:#04x}")?;
            }
        }
        f.write_str(
            "; the record was written without a schema registry: read it by the plain serde",
        )
    }
}

impl std::error::Error for NotFramed {}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of Confluent's documentation of its wire format.
    #[test]
    fn the_header_is_a_zero_and_the_id_big_endian() {
        let mut out = Vec::new();
        put_header(0x0102_0304, &mut out);
        assert_eq!(out, [0, 1, 2, 3, 4]);
        out.extend_from_slice(b"body");
        assert_eq!(split_header(&out), Ok((0x0102_0304, &b"body"[..])));
    }

    #[test]
    fn what_has_no_header_is_an_error_that_says_what_is_there() {
        assert_eq!(split_header(b"\0\0\0\0"), Err(NotFramed::Short(4)));
        let error = split_header(b"{\"id\": 1}").unwrap_err();
        assert!(error.to_string().contains("found the byte 0x7b"), "{error}");
    }

    /// The examples of Confluent's documentation: `1,0` is a list of two, and `0` alone is
    /// shortened.
    #[cfg(feature = "protobuf")]
    #[test]
    fn a_path_is_written_in_zigzag_varints_and_the_first_message_as_a_zero() {
        for (indexes, bytes) in [
            (&[0][..], &[0][..]),
            (&[1], &[2, 2]),
            (&[1, 0], &[4, 2, 0]),
            (&[64], &[2, 0x80, 1]),
            (&[], &[0]),
        ] {
            let mut out = Vec::new();
            put_indexes(indexes, &mut out);
            assert_eq!(out, bytes, "{indexes:?}");
        }
    }
}
