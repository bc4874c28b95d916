//! The operators, one file each: its documentation and methods, what its processor does, and how
//! its rows are looked up where it makes a table.
//!
//! A method adds a step to the plan. What several operators have in common is in `stateless`
//! (streams, a record at a time), `async_calls` (records in flight), `row_by_row` (tables, a row at
//! a time), `aggregation` (what is folded) and `aggregate_*` (how). User code is fallible within:
//! `fallible!` wraps a closure that can't fail in `Ok`.
//!
//! Invariant: a processor reads all that it needs of its store, then writes, then forwards; one
//! whose store is cached forwards nothing until the commit's `flush`.

mod fallible;

mod aggregate;
mod aggregate_sessions;
mod aggregate_sliding;
mod aggregate_stream;
mod aggregate_table;
mod aggregate_windows;
mod aggregation;
mod async_calls;
mod cogroup;
mod count;
mod deduplicate;
mod emit_strategy;
mod filter;
mod filter_map;
mod filter_map_values;
mod fixed_key;
mod flat_map;
mod flat_map_values;
mod for_each;
mod for_each_async;
mod global_table;
mod group_by;
mod join_global;
mod join_grace;
mod join_on;
mod join_sides;
mod join_stream;
mod join_stream_nodes;
mod join_table;
mod map;
mod map_async;
mod map_values;
mod map_values_async;
mod merge;
mod nullable;
mod peek;
mod print;
mod process;
mod process_values;
mod reduce;
mod repartition;
mod row_by_row;
mod row_store;
mod row_topic;
mod select_key;
mod self_join;
mod source;
mod split;
mod stateless;
mod suppress;
mod table_filter;
mod table_filter_map_values;
mod table_group_by;
mod table_join;
mod table_map_values;
mod table_rows;
mod table_source;
mod to;
mod to_stream;
mod to_table;
mod transform_values;
mod user_stores;
mod window_table;
mod windowed_by;

pub(crate) use self::{
    cogroup::Member,
    global_table::GlobalTopic,
    source::SourceTopics,
    table_source::TableTopic,
    user_stores::{GlobalStoreTopic, UserStore},
};
pub use self::{
    fixed_key::{FixedKeyContext, FixedKeyProcessor, FixedKeyRecord},
    join_table::TableKey,
    nullable::Nullable,
    split::BranchedKStream,
};
