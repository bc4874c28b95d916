//! The bincode serde.
#![no_main]

use fuzz::{Order, decode};
use libfuzzer_sys::fuzz_target;
use streams_core::serde;

fuzz_target!(|data: &[u8]| {
    decode(&*serde::bincode::<Order>(), data);
    decode(&*serde::bincode::<Vec<Order>>(), data);
    decode(&*serde::bincode::<(i64, String, Option<Vec<u128>>)>(), data);
});
