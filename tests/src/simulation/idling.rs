//! Windows that close while no record comes: of each there is one result, of the first records of
//! it.
//!
//! The words of a key are in one partition, so that a task sees them in order. Which of them come
//! too late depends on when its windows close; but no word may be missing before one that counted,
//! whatever crashed in between.

use std::{collections::BTreeMap, time::Duration};

use streams_core::{
    client::IsolationLevel,
    config::ProcessingGuarantee::ExactlyOnceV2,
    testing::simulation::{Outcome, Random, SimulationBuilder, SimulationRecord, work},
    topology::Topology,
};
use streams_dsl::{
    BufferConfig, EmitStrategy, KStream, KTable, StreamsBuilder, Suppressed, TimeWindows, Windowed,
};

use super::varied;

/// Length of a window in milliseconds.
const SIZE_MS: i64 = 500;

/// The last values of windows, each under its key and window.
fn to(windowed: &KTable<Windowed<String>, String>, topic: &str) {
    let values = windowed.to_stream().map_values(|all| all.clone().unwrap_or_default());
    let values: KStream<String, String> =
        values.select_key(|windowed, _| format!("{}@{}", windowed.key, windowed.window.start));
    values.to(topic);
}

/// The words of each window, emitted when it closes, and suppressed until then.
fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    let idle = Duration::from_millis(300);
    let windows = TimeWindows::of_size_with_no_grace(Duration::from_millis(SIZE_MS.unsigned_abs()));
    let words = builder.stream::<String, String>("in").peek(|_, _| work()).group_by_key();
    let append = |all: String, word: &String| format!("{all} {word}");
    let windowed = words.windowed_by(windows);
    let emit = EmitStrategy::on_window_close().with_idle_time(idle);
    to(&windowed.emit_strategy(emit).reduce(append).stored("emitted"), "emitted");
    let closed = Suppressed::until_window_closes(BufferConfig::unbounded()).with_idle_time(idle);
    to(&windowed.reduce(append).stored("updated").suppress(closed).named("held"), "suppressed");
    builder.build().unwrap()
}

fn words(random: &mut Random) -> Vec<SimulationRecord> {
    let word = |n: i64| {
        let key = format!("k{}", random.below(5));
        SimulationRecord::new("in", key, format!("w{n}"), (n + 1) * 120)
    };
    (0..120).map(word).collect()
}

/// The words of each key and window, in order.
fn expected(outcome: &Outcome) -> BTreeMap<String, Vec<String>> {
    let mut windows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in &outcome.input {
        let text = |bytes: &Option<Vec<u8>>| String::from_utf8(bytes.clone().unwrap()).unwrap();
        let start = record.timestamp / SIZE_MS * SIZE_MS;
        let window = format!("{}@{start}", text(&record.key));
        windows.entry(window).or_default().push(text(&record.value));
    }
    windows
}

fn is_final(outcome: &Outcome, topic: &str) -> Result<(), String> {
    let expected = expected(outcome);
    let mut seen = BTreeMap::new();
    for record in outcome.cluster.read_all(topic, IsolationLevel::ReadCommitted).unwrap() {
        let window = String::from_utf8(record.key.unwrap()).unwrap();
        let words = String::from_utf8(record.value.unwrap()).unwrap();
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        if !expected.get(&window).is_some_and(|all| all.starts_with(&words)) {
            return Err(format!(
                "{topic}: {window} has {words:?}, which are not the first of {:?}",
                expected.get(&window)
            ));
        }
        if let Some(before) = seen.insert(window.clone(), words.clone()) {
            return Err(format!("{topic}: {window} came as {before:?} and as {words:?}"));
        }
    }
    if seen.is_empty() { Err(format!("nothing came to {topic}")) } else { Ok(()) }
}

/// Final results of windows that close by time alone, exactly once.
pub fn idling(seed: u64) -> SimulationBuilder {
    varied(seed, ExactlyOnceV2, |_| topology())
        .topic("in", 4)
        .topic("emitted", 2)
        .topic("suppressed", 2)
        .input(words)
        .check(|outcome| is_final(outcome, "emitted"))
        .check(|outcome| is_final(outcome, "suppressed"))
}
