//! Compact binary serdes by serde and bincode.

use std::{any::type_name, fmt, marker::PhantomData, sync::Arc};

use bincode::error::DecodeError;
use serde::{Serialize, de::DeserializeOwned};

use super::{Serde, SerdeRef, Written, not_null};
use crate::BoxError;

/// Writes a type in bincode's standard format: variable-length integers, no field names.
pub struct BincodeSerde<T>(PhantomData<fn(T)>);

impl<T> fmt::Debug for BincodeSerde<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BincodeSerde<{}>", type_name::<T>())
    }
}

impl<T: Serialize + DeserializeOwned> Serde<T> for BincodeSerde<T> {
    fn serialize(&self, _: &str, data: &T, out: &mut Vec<u8>) -> Result<Written, BoxError> {
        bincode::serde::encode_into_std_write(data, out, bincode::config::standard())?;
        Ok(Written::Bytes)
    }

    fn deserialize(&self, _: &str, data: Option<&[u8]>) -> Result<T, BoxError> {
        let data = not_null(data)?;
        let (value, read) = decode(data)?;
        if read < data.len() {
            return Err(format!("{} bytes are left behind the value", data.len() - read).into());
        }
        Ok(value)
    }
}

/// Reads a value and returns it with the number of bytes read.
///
/// bincode reserves as many bytes as a length claims before it checks that they exist: a damaged
/// record could claim all memory. The size of the record therefore limits the claim of a value. A
/// byte claims at most sixteen, as a small `u128`; a limit must be a constant, hence the steps.
fn decode<T: DeserializeOwned>(data: &[u8]) -> Result<(T, usize), DecodeError> {
    match data.len() {
        ..0x400 => decode_limited::<T, 0x4000>(data),
        0x400..0x1_0000 => decode_limited::<T, 0x10_0000>(data),
        0x1_0000..0x40_0000 => decode_limited::<T, 0x400_0000>(data),
        _ => decode_limited::<T, 0x4000_0000>(data),
    }
}

fn decode_limited<T: DeserializeOwned, const LIMIT: usize>(
    data: &[u8],
) -> Result<(T, usize), DecodeError> {
    bincode::serde::decode_from_slice(data, bincode::config::standard().with_limit::<LIMIT>())
}

/// Compact binary of any type that serde can write and read. A changed type can't read old bytes:
/// for internal topics and stores of one version.
pub fn bincode<T: Serialize + DeserializeOwned + 'static>() -> SerdeRef<T> {
    Arc::new(BincodeSerde(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A damaged record claimed a text of 2^63 bytes, and the attempt to reserve them ended the
    /// thread.
    #[test]
    fn a_length_beyond_the_record_is_an_error_and_takes_no_memory() {
        let eight_byte_length = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0x80];
        assert!(bincode::<String>().deserialize("t", Some(&eight_byte_length)).is_err());
        let four_byte_length = [0, 0xfc, 0xff, 0xff, 0xff, 0xff];
        assert!(bincode::<(i64, String)>().deserialize("t", Some(&four_byte_length)).is_err());
    }

    #[test]
    fn values_of_any_size_are_read_back() {
        for length in [0, 1_023, 1_024, 65_536, 4_194_304] {
            let value = (vec![7_u128; length / 16], "x".repeat(length));
            let mut out = Vec::new();
            bincode().serialize("t", &value, &mut out).unwrap();
            assert_eq!(
                bincode::<(Vec<u128>, String)>().deserialize("t", Some(&out)).unwrap(),
                value
            );
        }
        let numbers = vec![1_u128; 1_000];
        let mut out = Vec::new();
        bincode().serialize("t", &numbers, &mut out).unwrap();
        assert!(out.len() < 0x400);
        assert_eq!(bincode::<Vec<u128>>().deserialize("t", Some(&out)).unwrap(), numbers);
    }
}
