//! The rows of a buffer of held-back changes, in the database and the changelog.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streams_core::fuzzing::is_buffered_change;

fuzz_target!(|data: &[u8]| {
    is_buffered_change(data);
});
