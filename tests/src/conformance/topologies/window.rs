//! Aggregation in windows of time.

use std::time::Duration;

use streams_core::serde::{SerdeRef, string};
use streams_dsl::{
    EmitStrategy, KGroupedStream, KStream, KTable, Materialized, Produced, SlidingWindows,
    StreamsBuilder, TimeWindowedKStream, TimeWindows, UnlimitedWindows, Windowed, time_windowed,
};

use super::{Dsl, aggregation::plus, processor::Text, stateless::stream};
use crate::conformance::functions::{initial, text};

pub(super) const TOPOLOGIES: Dsl = &[
    ("tumbling-count", |b| to_out(&grouped(b, tumbling()).count().stored("w").to_stream())),
    ("tumbling-no-grace", |b| {
        let windows = TimeWindows::of_size_with_no_grace(SIZE);
        to_out(&grouped(b, windows).count().to_stream());
    }),
    ("tumbling-reduce", |b| {
        let reduce = |a: String, v: &Text| plus(a, text(v.as_deref()));
        to_out(&grouped(b, tumbling()).reduce(reduce).stored("w").to_stream());
    }),
    ("tumbling-aggregate-delete", |b| {
        let add = |_: &String, v: &Text, a: String| {
            v.as_deref().filter(|v| *v != "x").map(|v| plus(a, v))
        };
        to_out(&grouped(b, tumbling()).aggregate(|| "0".to_owned(), add).stored("w").to_stream());
    }),
    ("tumbling-rekeyed", |b| {
        let s = stream(b, "in");
        let grouped = s.group_by::<String, _>(|_, v| initial(v.as_deref())).named("by-initial");
        let counts = grouped.windowed_by(tumbling()).count().named("cnt").stored("w");
        to_out(&counts.to_stream());
    }),
    ("hopping-count", |b| to_out(&grouped(b, hopping()).count().stored("w").to_stream())),
    ("hopping-aggregate", |b| {
        let add = |_: &String, v: &Text, a: String| plus(a, text(v.as_deref()));
        to_out(&grouped(b, hopping()).aggregate(|| "0".to_owned(), add).to_stream());
    }),
    ("tumbling-final", |b| {
        to_out(&grouped(b, tumbling()).emit_strategy(CLOSE).count().stored("w").to_stream());
    }),
    ("tumbling-final-interval", |b| {
        let counts = grouped(b, tumbling()).emit_strategy(CLOSE).count();
        to_out(&counts.stored(an_hour()).to_stream());
    }),
    ("tumbling-final-retained", |b| {
        let reduce = |a: String, v: &Text| plus(a, text(v.as_deref()));
        let joined = grouped(b, tumbling()).emit_strategy(CLOSE).reduce(reduce);
        to_out(&joined.stored(an_hour()).to_stream());
    }),
    ("hopping-final", |b| {
        to_out(&grouped(b, hopping()).emit_strategy(CLOSE).count().stored("w").to_stream());
    }),
    ("hopping-final-retained", |b| {
        let counts = grouped(b, hopping()).emit_strategy(CLOSE).count();
        to_out(&counts.stored(an_hour()).to_stream());
    }),
    ("sliding-final", |b| {
        let closed = by_key(b).windowed_by(sliding()).emit_strategy(CLOSE);
        to_out(&closed.count::<String>().stored("w").to_stream());
    }),
    ("sliding-final-retained", |b| {
        let closed = by_key(b).windowed_by(sliding()).emit_strategy(CLOSE);
        to_out(&closed.count::<String>().stored(an_hour()).to_stream());
    }),
    ("unlimited", |b| {
        let windows = UnlimitedWindows::of().start_on(SIZE);
        let joined = by_key(b)
            .windowed_by(windows)
            .reduce(|a: String, v: &Text| plus(a, text(v.as_deref())));
        let by_key = joined.to_stream_with_key(|w, _| format!("{}@{}", w.key, w.window.start));
        by_key.to("out");
    }),
    ("sliding-count", |b| {
        to_out(&by_key(b).windowed_by(sliding()).count::<String>().stored("w").to_stream());
    }),
    ("sliding-reduce", |b| {
        let reduce = |a: String, v: &String| plus(a, v);
        to_out(&by_key(b).windowed_by(sliding()).reduce(reduce).stored("w").to_stream());
    }),
    ("sliding-aggregate", |b| {
        let grace = Duration::from_secs(50);
        let windows = SlidingWindows::of_time_difference_and_grace(SIZE, grace);
        let add = |_: &String, v: &String, a: String| plus(a, v);
        let grouped = by_key(b).windowed_by(windows);
        to_out(&grouped.aggregate(|| "0".to_owned(), add).stored("w").to_stream());
    }),
    ("tumbling-table-group", |b| table_group(&grouped(b, tumbling()).count())),
    ("sliding-table-group", |b| table_group(&by_key(b).windowed_by(sliding()).count::<String>())),
    ("tumbling-of-windows", tumbling_of_windows),
];

const SIZE: Duration = Duration::from_secs(10);

pub(super) const CLOSE: EmitStrategy = EmitStrategy::on_window_close();

/// A store that keeps windows for an hour.
fn an_hour<V>() -> Materialized<Windowed<String>, V> {
    Materialized::named("w").with_retention(Duration::from_secs(3_600))
}

pub(super) fn tumbling() -> TimeWindows {
    TimeWindows::of_size_and_grace(SIZE, Duration::from_secs(5))
}

pub(super) fn hopping() -> TimeWindows {
    tumbling().advance_by(Duration::from_secs(3))
}

pub(super) fn sliding() -> SlidingWindows {
    SlidingWindows::of_time_difference_and_grace(SIZE, Duration::from_secs(5))
}

pub(super) fn by_key(b: &StreamsBuilder) -> KGroupedStream<String, Text, Text> {
    stream(b, "in").group_by_key::<String>()
}

pub(super) fn grouped(
    b: &StreamsBuilder,
    windows: TimeWindows,
) -> TimeWindowedKStream<String, Text, Text> {
    by_key(b).windowed_by(windows)
}

/// The serde of keys in windows of 10 s.
pub(super) fn windowed() -> SerdeRef<Windowed<String>> {
    time_windowed(string(), SIZE)
}

pub(super) fn to_out<V: Send + 'static>(s: &KStream<Windowed<String>, V>) {
    s.to(Produced::topic("out").with_key_serde(windowed()));
}

/// Shows the old values that a count sends.
pub(super) fn table_group(counts: &KTable<Windowed<String>, i64>) {
    let by_key = counts.group_by(|w, n| (w.key.clone(), *n)).named("g");
    by_key.reduce(|a, n| a + n, |a, n| a - n).stored("sum").to_stream().to("out");
}

fn tumbling_of_windows(b: &StreamsBuilder) {
    let counts = grouped(b, tumbling()).count().filter(|_, n| *n > 1);
    let by_key = counts.to_stream_with_key(|w, _| w.key.clone());
    let sum = by_key.group_by_key::<String>().reduce::<i64, _>(|a, n| a + n).stored("sum");
    sum.to_stream().to("out");
}
