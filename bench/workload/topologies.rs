//! The topology of each workload; `java/src/main/java/bench/Topologies.java` has the same ones in
//! Java.

use std::time::Duration;

use bench::kafka::Failure;
use streams_dsl::{
    JoinWindows, KStream, KTable, Materialized, StreamsBuilder, StreamsConfig, TimeWindows,
    Topology,
};

use crate::orders;

const HOUR: Duration = Duration::from_secs(3_600);
const TEN_SECONDS: Duration = Duration::from_secs(10);
/// Number of bytes at the beginning of a text by which `W1g` groups.
const GROUP_LENGTH: usize = 8;

/// The topology of the workload with this name.
pub(crate) fn of(workload: &str, config: &StreamsConfig) -> Result<Topology, Failure> {
    let builder = orders::with_serdes(StreamsBuilder::new());
    match workload {
        "N2" => {
            texts(&builder).filter(|_, value| value.is_empty()).to("out");
        }
        "N1" => marked(&texts(&builder)),
        "LAT" => marked(&stream(&builder, "ticks")),
        "W1k" => {
            let counts = texts(&builder).group_by_key().count();
            counts.stored(Materialized::named("counts")).to_stream().to("out");
        }
        "W1g" => {
            let counts = texts(&builder).group_by(|_, value| group(value)).count();
            counts.stored(Materialized::named("counts")).to_stream().to("out");
        }
        "W1j" => {
            let people = table(&builder, "people", "people");
            texts(&builder).join(&people, |value, person| format!("{person}{value}")).to("out");
        }
        "W1" => orders::draw(&builder),
        "WIN" => windowed_count(&builder, "texts", TimeWindows::of_size_with_no_grace(HOUR)),
        "HOP" => {
            let windows = TimeWindows::of_size_with_no_grace(TEN_SECONDS);
            windowed_count(&builder, "few-texts", windows.advance_by(Duration::from_secs(1)));
        }
        "SSJ" => {
            let windows = JoinWindows::of_time_difference_with_no_grace(Duration::from_millis(500));
            let (left, right) = (stream(&builder, "left"), stream(&builder, "right"));
            left.join_stream(&right, windows, |left, right| format!("{left}{right}")).to("out");
        }
        "LS" => {
            let rows = stream(&builder, "rows").group_by_key();
            rows.reduce(|_, value| value.clone()).stored(Materialized::named("rows"));
        }
        "RST" => {
            let rows = table(&builder, "rows-table", "rows");
            stream(&builder, "probe").join(&rows, |_, row| row.clone()).to("out");
        }
        _ => return Err(format!("no workload is called {workload}").into()),
    }
    Ok(builder.build_with(config)?)
}

fn stream(builder: &StreamsBuilder, topic: &str) -> KStream<String, String> {
    builder.stream(topic)
}

fn texts(builder: &StreamsBuilder) -> KStream<String, String> {
    stream(builder, "texts")
}

fn table(builder: &StreamsBuilder, topic: &str, store: &str) -> KTable<String, String> {
    builder.table(topic).stored(Materialized::named(store))
}

fn group(value: &str) -> String {
    value.get(..GROUP_LENGTH).unwrap_or(value).to_owned()
}

fn marked(texts: &KStream<String, String>) {
    texts.map_values(|value| format!("{value}!")).to("out");
}

fn windowed_count(builder: &StreamsBuilder, topic: &str, windows: TimeWindows) {
    let counts = stream(builder, topic).group_by_key().windowed_by(windows).count();
    counts.stored(Materialized::named("counts")).to_stream().to("out");
}
