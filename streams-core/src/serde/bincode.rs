//! Compact binary by serde and bincode.

use std::{any::type_name, fmt, marker::PhantomData, sync::Arc};

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
        let (value, read) = bincode::serde::decode_from_slice(data, bincode::config::standard())?;
        if read < data.len() {
            return Err(format!("{} bytes are left behind the value", data.len() - read).into());
        }
        Ok(value)
    }
}

/// Compact binary of any type that serde can write and read. A changed type can't read old bytes:
/// for internal topics and stores of one version.
pub fn bincode<T: Serialize + DeserializeOwned + 'static>() -> SerdeRef<T> {
    Arc::new(BincodeSerde(PhantomData))
}
