//! Conversion of data to bytes and back.
//!
//! A [`Serde`] is chosen for each end of a topic or store: given explicitly, inherited from
//! upstream, or registered for the type in [`Serdes`]. Null is part of a type: an `Option` whose
//! `None` is written as a null. Invariant: the bytes of the built-in serdes are Java's.

#[cfg(feature = "bincode")]
mod bincode;
#[cfg(feature = "json")]
mod json;
mod option;
mod primitives;
mod registry;
mod versioned;

use std::sync::Arc;

use crate::BoxError;

#[cfg(feature = "bincode")]
pub use self::bincode::{BincodeSerde, bincode};
#[cfg(feature = "json")]
pub use self::json::{JsonSerde, json};
pub use self::{
    option::{OptionSerde, option},
    primitives::{boolean, bytes, double, float, integer, long, short, string, unit, uuid},
    registry::Serdes,
    versioned::{Versioned, unversioned, versioned},
};

/// A serde that tasks share.
pub type SerdeRef<T> = Arc<dyn Serde<T>>;

/// Result of [`Serde::serialize`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It appended the bytes of the datum, possibly none.
    Bytes,
    /// The datum is null: nothing was appended.
    Null,
}

/// Writes and reads data of one type. Java's `Serde`, `Serializer` and `Deserializer` in one.
///
/// ```
/// use streams_core::serde::{self, Serde, Written};
///
/// let mut out = Vec::new();
/// let written = serde::long().serialize("topic", &7, &mut out)?;
/// assert_eq!((written, &out[..]), (Written::Bytes, &[0, 0, 0, 0, 0, 0, 0, 7][..]));
/// assert_eq!(serde::long().deserialize("topic", Some(&out))?, 7);
/// # Ok::<(), streams_core::BoxError>(())
/// ```
pub trait Serde<T>: Send + Sync {
    /// Appends the bytes of `data` to `out`, or appends nothing and returns that it is null.
    ///
    /// # Errors
    /// Any error that says why `data` can't be written; the caller adds the topic and node.
    fn serialize(&self, topic: &str, data: &T, out: &mut Vec<u8>) -> Result<Written, BoxError>;

    /// Reads the output of `serialize`; `None` is a null.
    ///
    /// # Errors
    /// Any error that says why `data` can't be read; a null is one if the type has none.
    fn deserialize(&self, topic: &str, data: Option<&[u8]>) -> Result<T, BoxError>;
}

/// A null for a type that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unexpected null; declare the type as Option<_> to accept nulls")]
pub struct UnexpectedNull;

fn not_null(data: Option<&[u8]>) -> Result<&[u8], BoxError> {
    data.ok_or_else(|| UnexpectedNull.into())
}
