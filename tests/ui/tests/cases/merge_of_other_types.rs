use streams_dsl::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let orders = builder.stream::<String, i64>("orders");
    orders.merge(&builder.stream::<String, String>("names")).to("all");
}
