//! The Protobuf serde, and what a registry's writers put in front of a message.
#![no_main]

use std::{collections::BTreeMap, sync::LazyLock};

use fuzz::decode;
use libfuzzer_sys::fuzz_target;
use prost::Message;
use streams_serdes::{fuzzing, protobuf};

const SHOP: &str = r#"
    syntax = "proto3";
    package shop;
    message Other {}
    message Sale { string id = 1; repeated sint32 items = 2; optional Sale part = 3; map<string, double> labels = 4; }
"#;

#[derive(Clone, PartialEq, Message)]
struct Sale {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(sint32, repeated, tag = "2")]
    items: Vec<i32>,
    #[prost(message, optional, boxed, tag = "3")]
    part: Option<Box<Sale>>,
    #[prost(btree_map = "string, double", tag = "4")]
    labels: BTreeMap<String, f64>,
}

type Reader = Box<dyn Fn(&[u8]) -> Option<Sale> + Send + Sync>;

static READER: LazyLock<Reader> = LazyLock::new(|| {
    Box::new(fuzzing::protobuf_reader(SHOP, "shop.Sale").expect("the file has the message"))
});

fuzz_target!(|data: &[u8]| {
    decode(&*protobuf::<Sale>(), data);
    if let Some((_, body)) = fuzzing::split_framed(data) {
        READER(body);
    }
});
