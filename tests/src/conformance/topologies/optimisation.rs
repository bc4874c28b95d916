//! Each topology with optimisation off and on.

use std::time::Duration;

use streams_dsl::{Produced, StreamsBuilder, TimeWindows};

use super::{
    Dsl, aggregation::plus, repartition::by_initial, stateless::stream, table::table,
    table_join::inner, window::windowed,
};
use crate::conformance::functions::{initial, upper};

pub(super) const TOPOLOGIES: Dsl = &[
    ("opt-table-none", opt_table),
    ("opt-table-all", opt_table),
    ("opt-merge-none", opt_merge),
    ("opt-merge-all", opt_merge),
    ("opt-merge-mapped-none", opt_merge_mapped),
    ("opt-merge-mapped-all", opt_merge_mapped),
    ("opt-merge-named-none", opt_merge_named),
    ("opt-merge-named-all", opt_merge_named),
    ("opt-join-chain-none", opt_join_chain),
    ("opt-join-chain-all", opt_join_chain),
];

fn opt_table(b: &StreamsBuilder) {
    b.table::<String, String>("in").stored("t").to_stream().to("out");
}

fn opt_merge(b: &StreamsBuilder) {
    let s = by_initial(b);
    s.group_by_key::<String>().count::<String>().stored("c").to_stream().to("out");
    let reduced = s.group_by_key::<String>().reduce::<String, _>(|a, v| plus(a, v)).stored("r");
    reduced.to_stream().to("out2");
}

fn opt_merge_mapped(b: &StreamsBuilder) {
    let s = by_initial(b);
    s.group_by_key::<String>().count::<String>().stored("c").to_stream().to("out");
    let upper = s.map_values(|v| upper(v.as_deref()));
    let reduced = upper.group_by_key::<String>().reduce::<String, _>(|a, v| plus(a, v)).stored("r");
    reduced.to_stream().to("out2");
}

fn opt_merge_named(b: &StreamsBuilder) {
    let s = stream(b, "in").select_key(|_, v| initial(v.as_deref())).named("key");
    let first = s.group_by_key::<String>().named("first");
    first.count::<String>().stored("c").to_stream().to("out");
    let second = s.group_by_key::<String>().named("second");
    let windows = TimeWindows::of_size_with_no_grace(Duration::from_secs(10));
    let counts = second.windowed_by(windows).count().stored("w");
    counts.to_stream().to(Produced::topic("out2").with_key_serde(windowed()));
    s.join(&table(b, "tab"), inner).named("third").to("out3");
}

fn opt_join_chain(b: &StreamsBuilder) {
    let joined = stream(b, "in").join(&table(b, "tab"), inner);
    let by_value = joined.select_key(|_, v| v.clone());
    by_value.group_by_key().count().stored("c").to_stream().to("out");
    b.table::<String, String>("tab2").stored("t2").to_stream().to("out2");
}
