use streams_dsl::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let orders = builder.stream::<String, i64>("orders");
    orders.group_by_key().reduce(|sum: i64, amount| format!("{sum} {amount}")).to_stream().to("sums");
}
