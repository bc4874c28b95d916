use streams_dsl::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let clicks = builder.stream::<Option<String>, i64>("clicks");
    clicks.group_by_key().count().to_stream().to("counts");
}
