use streams_dsl::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    struct Price(i64);
    builder.table::<String, Price>("prices").map_values(|price| price.0).to_stream().to("amounts");
}
