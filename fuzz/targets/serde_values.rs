//! The serdes of single values: text, bytes, numbers, booleans, UUIDs, nulls.
#![no_main]

use fuzz::{decode, decode_exactly, encode};
use libfuzzer_sys::fuzz_target;
use streams_core::serde;

fuzz_target!(|data: &[u8]| {
    assert_eq!(decode_exactly(&*serde::bytes(), data).as_deref(), Some(data));
    let text = decode_exactly(&*serde::string(), data);
    assert_eq!(text.as_deref(), std::str::from_utf8(data).ok());
    assert_eq!(decode_exactly(&*serde::option(serde::string()), data), text.map(Some));

    assert_eq!(decode_exactly(&*serde::short(), data).is_some(), data.len() == 2);
    assert_eq!(decode_exactly(&*serde::integer(), data).is_some(), data.len() == 4);
    assert_eq!(decode_exactly(&*serde::long(), data).is_some(), data.len() == 8);
    assert_eq!(decode_exactly(&*serde::float(), data).is_some(), data.len() == 4);
    assert_eq!(decode_exactly(&*serde::double(), data).is_some(), data.len() == 8);
    assert_eq!(decode_exactly(&*serde::boolean(), data).is_some(), matches!(data, [0 | 1]));
    assert_eq!(decode(&*serde::unit(), data), None);

    // Of the forms of a UUID that are read only the hyphenated one is written.
    if let Some(id) = decode(&*serde::uuid(), data) {
        assert_eq!(encode(&*serde::uuid(), &id), Some(id.hyphenated().to_string().into_bytes()));
    }
});
