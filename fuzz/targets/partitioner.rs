//! The partition of a key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streams_core::partition_for_key;

fuzz_target!(|input: (i32, &[u8])| {
    let (partitions, key) = input;
    if partitions > 0 {
        assert!((0..partitions).contains(&partition_for_key(key, partitions)));
    }
});
