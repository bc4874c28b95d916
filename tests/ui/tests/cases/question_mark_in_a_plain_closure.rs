use streams_dsl::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let lines = builder.stream::<String, String>("lines");
    lines.map_values(|line| line.parse::<i64>()? + 1).to("numbers");
}
