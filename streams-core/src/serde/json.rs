//! JSON serdes by serde.

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

#[cfg(test)]
mod tests {
    use super::*;

    /// Without the feature `float_roundtrip` of `serde_json` this number came back with another
    /// last digit, and a sum in a store drifted whenever it was restored.
    #[test]
    fn a_number_is_read_back_to_the_last_digit() {
        for number in [9.533_333_333_333_333_f64, 9.966_666_666_666_667, 12.133_333_333_333_335] {
            let mut out = Vec::new();
            json().serialize("t", &number, &mut out).unwrap();
            let read: f64 = json().deserialize("t", Some(&out)).unwrap();
            assert_eq!(read.to_bits(), number.to_bits());
        }
    }
}
