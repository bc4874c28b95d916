//! The text that is committed with an offset.
#![no_main]

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use streams_core::{fuzzing::parse_commit_metadata, testing::commit_metadata};

#[derive(Debug, Arbitrary)]
enum Input<'a> {
    Text(&'a str),
    /// What stands behind base64.
    Bytes(&'a [u8]),
    Times(i64, BTreeMap<String, i64>),
}

fn read_write_read(text: &str) {
    let (time, emitted) = parse_commit_metadata(text);
    assert_eq!(parse_commit_metadata(&commit_metadata(time, &emitted)), (time, emitted));
}

fuzz_target!(|input: Input<'_>| match input {
    Input::Text(text) => read_write_read(text),
    Input::Bytes(bytes) => read_write_read(&STANDARD.encode(bytes)),
    Input::Times(time, emitted) => {
        assert_eq!(parse_commit_metadata(&commit_metadata(time, &emitted)), (time, emitted));
    }
});
