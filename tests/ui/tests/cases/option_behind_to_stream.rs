use streams_dsl::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let counts = builder.stream::<String, String>("lines").group_by_key().count();
    counts.to_stream().map_values(|count| count + 1).to("more");
    counts.to_stream().with_value_serde(long()).to("counts");
}
