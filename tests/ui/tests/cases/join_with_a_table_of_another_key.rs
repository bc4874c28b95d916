use streams_dsl::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let orders = builder.stream::<String, i64>("orders");
    let customers = builder.table::<i64, String>("customers");
    orders.join(&customers, |amount, name| format!("{name}: {amount}")).to("enriched");
}
