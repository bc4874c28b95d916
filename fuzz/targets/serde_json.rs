//! The JSON serde.
#![no_main]

use fuzz::{Order, decode};
use libfuzzer_sys::fuzz_target;
use streams_core::serde;

fuzz_target!(|data: &[u8]| {
    decode(&*serde::json::<Order>(), data);
    decode(&*serde::json::<Vec<Order>>(), data);
    decode(&*serde::json::<f64>(), data);
    decode(&*serde::json::<Option<Option<String>>>(), data);
});
