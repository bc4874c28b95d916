//! Grouped streams and tables: what `count`, `reduce` and `aggregate` are called on.

mod kgrouped_stream;
mod kgrouped_table;
mod time_windowed;

pub(crate) use self::{kgrouped_stream::Grouping, kgrouped_table::TableGrouping};
pub use self::{
    kgrouped_stream::KGroupedStream, kgrouped_table::KGroupedTable,
    time_windowed::TimeWindowedKStream,
};
