//! Aggregation in sessions.

use std::time::Duration;

use streams_core::serde::string;
use streams_dsl::{
    KStream, Materialized, Produced, SessionWindowedKStream, SessionWindows, StreamsBuilder,
    Windowed, session_windowed,
};

use super::{
    Dsl,
    aggregation::plus,
    processor::Text,
    window::{CLOSE, by_key, table_group},
};
use crate::conformance::functions::text;

pub(super) const TOPOLOGIES: Dsl = &[
    ("session-count", |b| to_out(&sessions(b).count().stored("s").to_stream())),
    ("session-aggregate", |b| {
        let add = |_: &String, v: &Text, a: String| plus(a, text(v.as_deref()));
        let merge = |_: &String, a: String, b: String| format!("({a},{b})");
        let folded = sessions(b).aggregate(|| "0".to_owned(), add, merge);
        to_out(&folded.stored("s").to_stream());
    }),
    ("session-reduce", |b| {
        let windows = SessionWindows::of_inactivity_gap_with_no_grace(GAP);
        let reduce = |a: String, v: &Text| plus(a, text(v.as_deref()));
        to_out(&by_key(b).windowed_by(windows).reduce(reduce).to_stream());
    }),
    ("session-final", |b| {
        to_out(&sessions(b).emit_strategy(CLOSE).count().stored("s").to_stream());
    }),
    ("session-final-retained", |b| {
        let an_hour = Materialized::named("s").with_retention(Duration::from_secs(3_600));
        to_out(&sessions(b).emit_strategy(CLOSE).count().stored(an_hour).to_stream());
    }),
    ("session-table-group", |b| table_group(&sessions(b).count())),
];

const GAP: Duration = Duration::from_secs(5);

/// Sessions with a gap and a grace period of 5 s.
pub(super) fn sessions(b: &StreamsBuilder) -> SessionWindowedKStream<String, Text, Text> {
    by_key(b).windowed_by(SessionWindows::of_inactivity_gap_and_grace(GAP, GAP))
}

pub(super) fn to_out<V: Send + 'static>(s: &KStream<Windowed<String>, V>) {
    s.to(Produced::topic("out").with_key_serde(session_windowed(string())));
}
