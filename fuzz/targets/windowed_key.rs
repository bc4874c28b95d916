//! The serde of windowed keys.
#![no_main]

use std::time::Duration;

use fuzz::decode_exactly;
use libfuzzer_sys::fuzz_target;
use streams_core::serde;
use streams_dsl::time_windowed;

fuzz_target!(|input: (u64, &[u8])| {
    let (size_ms, data) = input;
    let size = Duration::from_millis(size_ms);
    if let Some(key) = decode_exactly(&*time_windowed(serde::bytes(), size), data) {
        assert!(0 <= key.window.start && key.window.start <= key.window.end);
    }
    decode_exactly(&*time_windowed(serde::string(), size), data);
    decode_exactly(&*time_windowed(serde::long(), size), data);
});
