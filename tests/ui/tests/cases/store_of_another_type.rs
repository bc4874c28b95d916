use streams_dsl::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let orders = builder.stream::<String, i64>("orders");
    let store = Materialized::<String, String>::named("counts");
    orders.group_by_key().count().stored(store);
}
