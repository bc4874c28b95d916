//! The processors behind the operators of the DSL, one file an operator.
//!
//! Each file has a supplier, named after the operator, that returns a closure which makes one
//! processor for each task; the user's code is behind an `Arc` that all of them share. User code is
//! fallible here without exception: the fluent side wraps a closure that can't fail in `Ok`. Edges
//! of tables carry [`Change`](crate::change::Change).
//!
//! What is not here: names, serdes, stores and the wiring of nodes. Invariant: a processor reads
//! all that it needs of its store, then writes, then forwards; one whose store is cached forwards
//! nothing until the commit's `flush`.

mod aggregation;
mod branch;
mod cached;
mod filter;
mod flat_map;
mod flat_map_values;
mod for_each;
mod global_ktable_source;
mod kstream_aggregate;
mod kstream_global_ktable_join;
mod kstream_ktable_join;
mod kstream_window_aggregate;
mod ktable_aggregate;
mod ktable_filter;
mod ktable_ktable_inner_join;
mod ktable_ktable_join_merge;
mod ktable_map_values;
mod ktable_reduce;
mod ktable_repartition_map;
mod ktable_source;
mod ktable_suppress;
mod ktable_to_stream;
mod map;
mod map_values;
mod null_key_filter;
mod nullable;
mod pass_through;
mod peek;
mod select_key;
mod table_getter;
mod table_key;

pub(crate) use self::{
    aggregation::{Aggregate, Aggregation, Count, Reduce},
    branch::{BranchPredicate, branch},
    filter::filter,
    flat_map::flat_map,
    flat_map_values::flat_map_values,
    for_each::for_each,
    global_ktable_source::global_ktable_source,
    kstream_aggregate::kstream_aggregate,
    kstream_global_ktable_join::kstream_global_ktable_join,
    kstream_ktable_join::kstream_ktable_join,
    kstream_window_aggregate::kstream_window_aggregate,
    ktable_aggregate::{TableAggregation, ktable_aggregate},
    ktable_filter::ktable_filter,
    ktable_ktable_inner_join::ktable_ktable_inner_join,
    ktable_ktable_join_merge::ktable_ktable_join_merge,
    ktable_map_values::ktable_map_values,
    ktable_reduce::{TableReduction, ktable_reduce},
    ktable_repartition_map::ktable_repartition_map,
    ktable_source::ktable_source,
    ktable_suppress::{Release, ktable_suppress},
    ktable_to_stream::ktable_to_stream,
    map::map,
    map_values::map_values,
    null_key_filter::null_key_filter,
    pass_through::pass_through,
    peek::peek,
    select_key::select_key,
    table_getter::TableGetter,
};
pub use self::{nullable::Nullable, table_key::TableKey};
