//! Batches of records in one buffer, and views of them.
#![no_main]

use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use streams_core::{Headers, client::Records};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    timestamp: i64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: Vec<(&'a str, Option<&'a [u8]>)>,
}

fuzz_target!(|input: (Vec<Input<'_>>, u32)| {
    let (input, base_offset) = input;
    let mut records = Records::new();
    for record in &input {
        let headers = record.headers.iter().copied();
        records.push(record.timestamp, record.key, record.value, headers);
    }
    assert_eq!(records.len(), input.len());
    assert!(records.get(input.len(), 0).is_none());
    let mut headers = Headers::new();
    for ((index, record), offset) in input.iter().enumerate().zip(i64::from(base_offset)..) {
        let view = records.get(index, base_offset.into()).expect("the record was pushed");
        assert_eq!((view.offset, view.timestamp), (offset, record.timestamp));
        assert_eq!((view.key, view.value), (record.key, record.value));
        view.read_headers(&mut headers);
        assert!(headers.iter().eq(record.headers.iter().copied()));
    }
});
