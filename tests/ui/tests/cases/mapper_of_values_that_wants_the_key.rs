use streams_dsl::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let orders = builder.stream::<String, i64>("orders");
    orders.map_values(|key, amount| format!("{key}: {amount}")).to("texts");
}
