//! What the fuzz targets share.
//!
//! A target feeds arbitrary bytes to one decoder. It fails if the decoder panics, if it asks for much more
//! memory than its input has, or if what was decoded is not the same after encoding and decoding again.
//!
//! A new target is a file in `targets`, a `[[bin]]` in `Cargo.toml` and, if the fuzzer needs help to find valid
//! input, a few files in `seeds`. A decoder that is not public gets a thin wrapper in the module `fuzzing` of
//! its crate.

use std::{alloc::System, fmt::Debug};

use cap::Cap;
use serde::{Deserialize, Serialize};
use streams_core::serde::{Serde, Written};

/// Far above what a decoder of a few KiB can need; an allocation beyond it ends the target as a crash.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, 256 << 20);

const TOPIC: &str = "topic";

/// The bytes of a value, `None` for a null.
///
/// # Panics
/// If the serde refuses the value.
pub fn encode<T>(serde: &dyn Serde<T>, value: &T) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let written = serde.serialize(TOPIC, value, &mut bytes);
    match written.expect("what was decoded can be encoded") {
        Written::Bytes => Some(bytes),
        Written::Null => None,
    }
}

/// Decodes arbitrary bytes, and nothing. A value that was decoded must have bytes that decode to the same
/// value; values are compared by their bytes, for a number may be none. Returns the value.
///
/// # Panics
/// If encoding and decoding lead elsewhere.
pub fn decode<T: Debug>(serde: &dyn Serde<T>, data: &[u8]) -> Option<T> {
    // A null is a value or an error, never a panic.
    drop(serde.deserialize(TOPIC, None));
    let value = serde.deserialize(TOPIC, Some(data)).ok()?;
    let bytes = encode(serde, &value);
    let again =
        serde.deserialize(TOPIC, bytes.as_deref()).expect("what was encoded can be decoded");
    assert_eq!(encode(serde, &again), bytes, "{value:?} became {again:?}");
    Some(value)
}

/// As [`decode`], for a serde that has one form for each value: the bytes must come back as they were.
///
/// # Panics
/// As `decode`, or if the bytes differ.
pub fn decode_exactly<T: Debug>(serde: &dyn Serde<T>, data: &[u8]) -> Option<T> {
    let value = decode(serde, data)?;
    assert_eq!(encode(serde, &value).as_deref(), Some(data), "{value:?} has other bytes");
    Some(value)
}

/// A record of an application, with all that serde can describe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    id: u64,
    customer: String,
    amount: f64,
    discount: Option<f32>,
    flags: (bool, i8, char),
    lines: Vec<Line>,
    labels: std::collections::BTreeMap<String, Option<i64>>,
    total: u128,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Line {
    Free,
    Item(String, i32),
    Bundle { lines: Vec<u16>, name: Box<str> },
}
