//! A value found by a scan.

use super::{ValueCodec, rows::failed};
use crate::{ErrorKind, Result};

/// A value found by a scan. It is borrowed, and decoded only on demand.
pub(super) struct Found<'s, V> {
    store: &'s str,
    codec: &'s dyn ValueCodec<V>,
    value: Lent<'s, V>,
}

enum Lent<'s, V> {
    Written(&'s V),
    Stored(&'s [u8]),
}

impl<'s, V: Clone> Found<'s, V> {
    /// A written value in the overlay.
    pub(super) fn written(store: &'s str, codec: &'s dyn ValueCodec<V>, value: &'s V) -> Self {
        Self { store, codec, value: Lent::Written(value) }
    }

    /// A value in the bytes of the database.
    pub(super) fn stored(store: &'s str, codec: &'s dyn ValueCodec<V>, bytes: &'s [u8]) -> Self {
        Self { store, codec, value: Lent::Stored(bytes) }
    }

    /// Returns whether the value is in the overlay, whatever the database has.
    pub(super) fn is_written(&self) -> bool {
        matches!(self.value, Lent::Written(_))
    }

    /// The value itself.
    pub(super) fn into_owned(self) -> Result<V> {
        match self.value {
            Lent::Written(value) => Ok(value.clone()),
            Lent::Stored(bytes) => decode(self.store, self.codec, bytes),
        }
    }

    /// Returns the result of `read` on the value.
    pub(super) fn read<R>(self, read: impl FnOnce(&V) -> R) -> Result<R> {
        match self.value {
            Lent::Written(value) => Ok(read(value)),
            Lent::Stored(bytes) => decode(self.store, self.codec, bytes).map(|value| read(&value)),
        }
    }
}

/// Reads a value from the bytes of the database.
pub(super) fn decode<V>(store: &str, codec: &dyn ValueCodec<V>, bytes: &[u8]) -> Result<V> {
    let value = codec.read(store, bytes);
    value.map_err(|cause| failed(store, ErrorKind::Deserialization, "value", cause))
}
