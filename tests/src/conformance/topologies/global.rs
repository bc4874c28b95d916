//! Joins with global tables, and global stores.

#![expect(clippy::ptr_arg, reason = "what a stream of `String` hands to its functions")]

use std::convert::Infallible;

use streams_core::{
    BoxError, Record,
    processor::Context,
    serde::string,
    store::{GlobalStoreRef, Stores},
};
use streams_dsl::{
    Consumed, FixedKeyContext, FixedKeyProcessor, FixedKeyRecord, GlobalKTable, StreamsBuilder,
};

use super::{
    Dsl,
    processor::{Kept, Text, keep, texts},
    stateless::stream,
    table_join::{inner, left},
};
use crate::conformance::functions::{initial, pair};

pub(super) const TOPOLOGIES: Dsl = &[
    ("stream-global-inner", |b| {
        let s = stream(b, "left");
        let g = b.global_table::<String, String>("right").stored("g");
        s.join_global(&g, own_key, inner).to("out");
    }),
    ("stream-global-left", |b| {
        let s = stream(b, "left");
        s.left_join_global(&global_table(b), own_key, left).to("out");
    }),
    ("stream-global-mapped-inner", |b| {
        let s = stream(b, "left");
        s.join_global(&global_table(b), initial_of_value, inner).to("out");
    }),
    ("stream-global-mapped-left", |b| {
        let s = stream(b, "left");
        s.left_join_global(&global_table(b), initial_of_value, left).to("out");
    }),
    ("global-store", global_store),
];

fn global_table(b: &StreamsBuilder) -> GlobalKTable<String, String> {
    b.global_table("right")
}

fn own_key(key: &Text, _: &String) -> Text {
    key.clone()
}

fn initial_of_value(_: &Text, value: &String) -> Text {
    initial(Some(value))
}

/// Forwards each record with what is kept for its key.
struct Reader(GlobalStoreRef<Kept>);

impl FixedKeyProcessor<Text, Text, Text> for Reader {
    fn process(
        &mut self,
        record: FixedKeyRecord<'_, Text, Text>,
        context: &mut FixedKeyContext<'_, '_, Text, Text>,
    ) -> Result<(), BoxError> {
        let found = match record.key() {
            Some(key) => context.global_store(self.0)?.get(key)?,
            None => None,
        };
        let value = Some(pair(record.value.as_deref(), found.as_deref()));
        Ok(context.forward(record.with_value(&value))?)
    }
}

fn global_store(b: &StreamsBuilder) {
    let kept = Stores::key_value("kept", string(), string()).in_memory();
    let tab = Consumed::topic("tab").with(texts(), texts());
    let keeper = |kept| {
        move |record: Record<'_, Text, Text>, context: &mut Context<'_, Infallible, Infallible>| {
            keep(record, context, kept)
        }
    };
    let kept = b.add_global_store(kept, tab, keeper);
    stream(b, "in").process_values_with(&kept, Reader).to("out");
}
