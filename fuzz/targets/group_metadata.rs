//! What group members tell each other in the classic protocol.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streams_core::fuzzing::feed_group_decoders;

fuzz_target!(|data: &[u8]| feed_group_decoders(data));
