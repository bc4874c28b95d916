use streams_dsl::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let lines = builder.stream::<String, String>("lines");
    let numbers: KStream<String, i64> = lines.map_values(|line| line.parse::<i64>());
    numbers.to("numbers");
}
