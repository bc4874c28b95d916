use streams_dsl::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let least = String::from("5");
    let lines = builder.stream::<String, String>("lines");
    lines.filter(|_, line| *line > least).to("more");
}
