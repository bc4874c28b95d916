use streams_dsl::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let orders = builder.stream::<String, i64>("orders");
    let customers = builder.table::<String, String>("customers");
    orders.left_join(&customers, |_: &i64, name: &String| name.clone()).to("names");
}
