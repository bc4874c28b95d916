//! The topology of Apache Kafka's smoke test, as `tests/smoke/README.md` tells it.
//!
//! It is to be the same as Java's, to the generated names: nodes are made in the order of that
//! page. What the names of the parts mean is there too.

use std::time::Duration;

use streams_core::{
    BoxError, Record, Result, config::StreamsConfig, processor::Context, topology::Topology,
};
use streams_dsl::{
    BufferConfig, KGroupedStream, KStream, KTable, Materialized, StreamsBuilder, Suppressed,
    TimeWindows, Windowed,
};

/// The application's id, which the driver's script counts on when it removes what an earlier run
/// left.
pub const APPLICATION_ID: &str = "SmokeTest";

const DAY: Duration = Duration::from_secs(86_400);
const TWO_DAYS: Duration = Duration::from_secs(2 * 86_400);
/// Number of records of a topic between two progress lines.
const PRINT_RECORDS: u64 = 100;

type Grouped = KGroupedStream<String, i32>;

/// The topology of the smoke test's client, in stores of the configured kind.
///
/// # Errors
/// `Topology` if the DSL does not take it.
pub fn topology(config: &StreamsConfig) -> Result<Topology> {
    let builder = StreamsBuilder::new();
    let source = builder.stream::<String, i32>("data");
    source.filter_not(is_flush).to("echo");
    let data = source.filter(|_, value| *value != i32::MAX);
    print("data", &data);
    let grouped = data.group_by_key();

    minimum(&grouped);
    sums_of_small_windows(&grouped);
    let min = builder.table("min").stored("minStoreName");
    print("min", &min.to_stream());
    maximum(&grouped);
    let max = builder.table("max").stored("maxStoreName");
    print("max", &max.to_stream());
    sum(&grouped);
    let sum = builder.table::<String, i64>("sum");
    print("sum", &sum.to_stream());
    count(&grouped);
    let count = builder.table("cnt").stored("cntStoreName");
    print("cnt", &count.to_stream());

    difference(&max, &min);
    average(&sum, &count);
    keys_of_each_count(&count);
    builder.build_with(config)
}

/// Says on the standard error how far the records of `topic` are.
fn print<V: Send + 'static>(topic: &'static str, stream: &KStream<String, V>) {
    stream.process(move || {
        let mut processed = 0;
        move |_: Record<'_, String, V>, _: &mut Context<'_, (), ()>| -> Result<(), BoxError> {
            processed += 1;
            if processed % PRINT_RECORDS == 0 {
                eprintln!("processed {processed} records of {topic}");
            }
            Ok(())
        }
    });
}

fn minimum(grouped: &Grouped) {
    let windows = TimeWindows::of_size_and_grace(DAY, Duration::from_secs(60));
    let minimum = grouped
        .windowed_by(windows)
        .aggregate(|| i32::MAX, |_, value, aggregate| aggregate.min(*value));
    let kept = DAY + Duration::from_secs(3_600);
    let minimum = minimum.stored(Materialized::named("uwin-min").with_retention(kept));
    streamify(&minimum, "min-raw");
    let last = Suppressed::until_window_closes(BufferConfig::unbounded());
    streamify(&minimum.suppress(last), "min-suppressed");
    unwindowed(&minimum).to("min");
}

fn sums_of_small_windows(grouped: &Grouped) {
    let windows = TimeWindows::of_size_and_grace(Duration::from_secs(2), Duration::from_secs(30))
        .advance_by(Duration::from_secs(1));
    let sums = grouped.windowed_by(windows).reduce(|sum: i32, value| sum + value);
    streamify(&sums, "sws-raw");
    let last = Suppressed::until_window_closes(BufferConfig::unbounded());
    streamify(&sums.suppress(last), "sws-suppressed");
}

fn maximum(grouped: &Grouped) {
    let windows = TimeWindows::of_size_with_no_grace(TWO_DAYS);
    let maximum = grouped
        .windowed_by(windows)
        .aggregate(|| i32::MIN, |_, value, aggregate| aggregate.max(*value));
    unwindowed(&maximum.stored("uwin-max")).to("max");
}

fn sum(grouped: &Grouped) {
    let windows = TimeWindows::of_size_with_no_grace(TWO_DAYS);
    let sum = grouped
        .windowed_by(windows)
        .aggregate(|| 0, |_, value, aggregate| i64::from(*value) + aggregate);
    unwindowed(&sum.stored("win-sum")).to("sum");
}

fn count(grouped: &Grouped) {
    let windows = TimeWindows::of_size_with_no_grace(TWO_DAYS);
    unwindowed(&grouped.windowed_by(windows).count().stored("uwin-cnt")).to("cnt");
}

fn difference(max: &KTable<String, i32>, min: &KTable<String, i32>) {
    max.join(min, |max, min| max - min).to_stream().filter_not(is_flush).to("dif");
}

#[expect(clippy::cast_precision_loss, reason = "the driver computes with these doubles too")]
fn average(sum: &KTable<String, i64>, count: &KTable<String, i64>) {
    let average = sum.join(count, |sum, count| *sum as f64 / *count as f64);
    average.to_stream().filter_not(is_flush).to("avg");
}

/// Number of keys with each count.
fn keys_of_each_count(count: &KTable<String, i64>) {
    let keys = count.group_by(|_, count| (count.to_string(), 1_i64)).aggregate(
        || 0,
        |_, value, aggregate| aggregate + value,
        |_, value, aggregate| aggregate - value,
    );
    keys.stored(Materialized::named("cntByCnt").in_memory()).to_stream().to("tagg");
}

/// Writes the changes of a windowed table under the text of their windowed key.
fn streamify(table: &KTable<Windowed<String>, i32>, topic: &str) {
    table
        .to_stream()
        .filter_not(|windowed, value| is_flush(&windowed.key, value))
        .map(|windowed, value| (windowed.to_string(), *value))
        .to(topic);
}

/// The changes of a windowed table under their plain key.
fn unwindowed<V: Clone + Send + 'static>(
    table: &KTable<Windowed<String>, V>,
) -> KStream<String, Option<V>> {
    table.to_stream_with_key(|windowed, _| windowed.key.clone()).filter_not(is_flush)
}

/// The driver's last key, which is there only to move stream time.
fn is_flush<V>(key: &String, _: &V) -> bool {
    key == "flush"
}
