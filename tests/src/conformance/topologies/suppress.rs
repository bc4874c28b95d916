//! Changes of tables that are held back.

use std::time::Duration;

use streams_dsl::{BufferConfig, KTable, StreamsBuilder, Suppressed, Windowed};

use super::{
    Dsl,
    aggregation::{minus, plus},
    session,
    stateless::stream,
    table::table,
    window::{by_key, grouped, hopping, sliding, to_out, tumbling},
};

pub(super) const TOPOLOGIES: Dsl = &[
    ("suppress-tumbling", |b| {
        to_out(&closed(&grouped(b, tumbling()).count().stored("w")).to_stream());
    }),
    ("suppress-hopping", |b| {
        let until = Suppressed::until_window_closes(BufferConfig::unbounded());
        to_out(&grouped(b, hopping()).count().suppress(until).named("sup").to_stream());
    }),
    ("suppress-sliding", |b| {
        to_out(&closed(&by_key(b).windowed_by(sliding()).count::<String>()).to_stream());
    }),
    ("suppress-session", |b| {
        session::to_out(&closed(&session::sessions(b).count().stored("s")).to_stream());
    }),
    ("suppress-filtered", |b| {
        let counts = grouped(b, tumbling()).count().filter(|_, n| *n > 1);
        to_out(&closed(&counts).to_stream());
    }),
    ("suppress-windows-by-time", |b| {
        let until = Suppressed::until_time_limit(Duration::from_secs(2), BufferConfig::unbounded());
        to_out(&grouped(b, tumbling()).count().suppress(until).to_stream());
    }),
    ("suppress-time", |b| {
        let rows = b.table::<String, String>("in").stored("t");
        rows.suppress(ten_seconds()).to_stream().to("out");
    }),
    ("suppress-time-zero", |b| {
        let at_once = Suppressed::until_time_limit(Duration::ZERO, BufferConfig::unbounded());
        table(b, "in").suppress(at_once).to_stream().to("out");
    }),
    ("suppress-full-emit", |b| {
        let until = Suppressed::until_time_limit(HOUR, BufferConfig::max_records(2));
        table(b, "in").suppress(until).to_stream().to("out");
    }),
    ("suppress-full-fail", |b| {
        let two = BufferConfig::max_records(2).shut_down_when_full();
        table(b, "in").suppress(Suppressed::until_time_limit(HOUR, two)).to_stream().to("out");
    }),
    ("suppress-bytes-emit", |b| {
        let until = Suppressed::until_time_limit(HOUR, BufferConfig::max_bytes(120));
        table(b, "in").suppress(until).to_stream().to("out");
    }),
    ("suppress-then-group", then_group),
    ("suppress-count", |b| {
        let counts = stream(b, "in").group_by_key::<String>().count::<String>();
        counts.suppress(ten_seconds()).to_stream().to("out");
    }),
];

const HOUR: Duration = Duration::from_secs(3_600);

fn ten_seconds<K>() -> Suppressed<K> {
    Suppressed::until_time_limit(Duration::from_secs(10), BufferConfig::unbounded())
}

fn closed(counts: &KTable<Windowed<String>, i64>) -> KTable<Windowed<String>, i64> {
    counts.suppress(Suppressed::until_window_closes(BufferConfig::unbounded()))
}

fn then_group(b: &StreamsBuilder) {
    let calm = table(b, "in").suppress(ten_seconds());
    let grouped = calm.group_by::<String, String, _, _>(|k, v| (v.clone(), k.clone()));
    let adder = |_: &String, v: &String, a: String| plus(a, v);
    let subtractor = |_: &String, v: &String, a: String| minus(a, v);
    grouped.aggregate(|| "0".to_owned(), adder, subtractor).stored("a").to_stream().to("out");
}
