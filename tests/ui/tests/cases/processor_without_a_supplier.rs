use streams_dsl::prelude::*;

struct Shout;

impl Processor<String, String, String, String> for Shout {
    fn process(
        &mut self,
        record: Record<'_, String, String>,
        context: &mut Context<'_, String, String>,
    ) -> Result<(), BoxError> {
        Ok(context.forward(record)?)
    }
}

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("lines").process(Shout).to("shouts");
}
