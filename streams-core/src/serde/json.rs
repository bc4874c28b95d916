//! JSON text by serde.

use std::{any::type_name, fmt, marker::PhantomData, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};

use super::{Serde, SerdeRef, Written, not_null};
use crate::BoxError;

/// Writes a type as JSON text.
pub struct JsonSerde<T>(PhantomData<fn(T)>);

impl<T> fmt::Debug for JsonSerde<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonSerde<{}>", type_name::<T>())
    }
}

impl<T: Serialize + DeserializeOwned> Serde<T> for JsonSerde<T> {
    fn serialize(&self, _: &str, data: &T, out: &mut Vec<u8>) -> Result<Written, BoxError> {
        serde_json::to_writer(out, data)?;
        Ok(Written::Bytes)
    }

    fn deserialize(&self, _: &str, data: Option<&[u8]>) -> Result<T, BoxError> {
        Ok(serde_json::from_slice(not_null(data)?)?)
    }
}

/// JSON text of any type that serde can write and read.
pub fn json<T: Serialize + DeserializeOwned + 'static>() -> SerdeRef<T> {
    Arc::new(JsonSerde(PhantomData))
}
