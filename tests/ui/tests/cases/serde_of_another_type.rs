use streams_dsl::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let orders = builder.stream::<String, i64>("orders");
    orders.filter(|_, amount| *amount > 0).with_serdes(string(), string()).to("large");
}
