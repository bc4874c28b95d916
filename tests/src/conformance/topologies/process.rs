//! Processors in streams.

use std::time::Duration;

use streams_core::{
    BoxError, Headers, Record,
    processor::{Processor, Punctuation, PunctuationType, PunctuatorId},
};
use streams_dsl::{
    Consumed, FixedKeyContext, FixedKeyProcessor, FixedKeyRecord, KStream, StreamsBuilder,
};

use super::{
    Dsl,
    processor::{Counter, Text, TextContext, counts},
    stateless::stream,
};

pub(super) const TOPOLOGIES: Dsl = &[
    ("process-stream-time", |b| {
        counted(b, PunctuationType::StreamTime, Some("counter")).to("out");
    }),
    ("process-wall-clock", |b| {
        counted(b, PunctuationType::WallClockTime, Some("counter")).to("out");
    }),
    ("process-then-count", |b| {
        let counted = counted(b, PunctuationType::StreamTime, None);
        counted.group_by_key::<String>().count::<String>().stored("c").to_stream().to("out");
    }),
    ("process-describe", |b| {
        let both = b.stream::<Text, Text>(Consumed::topics(["in", "in2"]));
        both.process(Describer::default).to("out");
    }),
    ("process-values", process_values),
];

fn counted(b: &StreamsBuilder, kind: PunctuationType, name: Option<&str>) -> KStream<Text, Text> {
    let store = b.add_state_store(counts());
    let s = stream(b, "in");
    let counted = s.process_with(&store, move |store| Counter { store, kind });
    match name {
        Some(name) => counted.named(name),
        None => counted,
    }
}

/// Forwards what the context says of the record, of both clocks and of the punctuations.
#[derive(Default)]
struct Describer {
    punctuation: Option<PunctuatorId>,
    calls: i64,
}

impl Describer {
    fn describe(number: i64, context: &TextContext<'_>) -> String {
        let place = context.record_metadata();
        let topic = place.topic().unwrap_or("null");
        let (stream, system) = (context.current_stream_time_ms(), context.current_system_time_ms());
        let (partition, offset) = (place.partition(), place.offset);
        format!("{number} {topic}/{partition}/{offset} stream={stream} system={system}")
    }
}

impl Processor<Text, Text, Text, Text> for Describer {
    fn init(&mut self, context: &mut TextContext<'_>) -> Result<(), BoxError> {
        let every = Duration::from_secs(10);
        self.punctuation = Some(context.schedule(every, PunctuationType::StreamTime));
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<'_, Text, Text>,
        context: &mut TextContext<'_>,
    ) -> Result<(), BoxError> {
        let value = Some(Self::describe(-1, context));
        Ok(context.forward(record.with_value(&value))?)
    }

    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        context: &mut TextContext<'_>,
    ) -> Result<(), BoxError> {
        self.calls += 1;
        let (key, value) = (Some("tick".to_owned()), Some(Self::describe(self.calls, context)));
        let headers = Headers::new();
        context.forward(Record::new(&key, &value, punctuation.timestamp, &headers))?;
        if self.calls == 3
            && let Some(id) = self.punctuation.take()
        {
            context.cancel(id);
        }
        Ok(())
    }
}

/// Adds a header with the record's place, and puts the value's length before it.
struct Stamp;

impl FixedKeyProcessor<Text, Text, Text> for Stamp {
    fn process(
        &mut self,
        record: FixedKeyRecord<'_, Text, Text>,
        context: &mut FixedKeyContext<'_, '_, Text, Text>,
    ) -> Result<(), BoxError> {
        let place = context.record_metadata();
        let from = format!("{}@{}", place.topic().unwrap_or("null"), place.offset);
        let mut headers = record.headers.clone();
        headers.add("from", Some(from.as_bytes()));
        let length = |value: &String| format!("{}:{value}", value.encode_utf16().count());
        let value = record.value.as_ref().map(length);
        Ok(context.forward(record.with_value(&value).with_headers(&headers))?)
    }
}

fn process_values(b: &StreamsBuilder) {
    let s = stream(b, "in").process_values(|| Stamp);
    s.group_by_key::<String>().count::<String>().stored("c").to_stream().to("out");
    s.to("stamped");
}
