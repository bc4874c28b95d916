//! Nullable data.

use std::sync::Arc;

use super::{Serde, SerdeRef, Written};
use crate::BoxError;

/// Writes `None` as a null, and `Some` as the inner serde does.
pub struct OptionSerde<T>(SerdeRef<T>);

impl<T> std::fmt::Debug for OptionSerde<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OptionSerde")
    }
}

impl<T> Serde<Option<T>> for OptionSerde<T> {
    fn serialize(
        &self,
        topic: &str,
        data: &Option<T>,
        out: &mut Vec<u8>,
    ) -> Result<Written, BoxError> {
        match data {
            Some(data) => self.0.serialize(topic, data, out),
            None => Ok(Written::Null),
        }
    }

    fn deserialize(&self, topic: &str, data: Option<&[u8]>) -> Result<Option<T>, BoxError> {
        data.map(|data| self.0.deserialize(topic, Some(data))).transpose()
    }
}

/// Creates the serde of `Option<T>` from that of `T`.
pub fn option<T: 'static>(serde: SerdeRef<T>) -> SerdeRef<Option<T>> {
    Arc::new(OptionSerde(serde))
}
