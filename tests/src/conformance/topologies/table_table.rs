//! Joins of two tables.

use super::{Dsl, table::table, table_join::inner};

pub(super) const TOPOLOGIES: Dsl = &[
    ("table-table-inner", |b| {
        table(b, "left").join(&table(b, "right"), inner).stored("j").to_stream().to("out");
    }),
    ("table-table-inner-plain", |b| {
        table(b, "left").join(&table(b, "right"), inner).to_stream().to("out");
    }),
];
