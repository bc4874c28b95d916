//! Stateful operators: the cost of a record from its queue to the commit, and of the commit itself.
//!
//! An iteration is a round of a thousand records, so a microsecond in criterion's report is a
//! nanosecond per record. `docs/BENCHMARKS.md` describes what each figure includes.
#![forbid(unsafe_code)]

use std::time::Duration;

use bench::{Operator, ROUND, Rounds};
use criterion::{
    BenchmarkGroup, Criterion, Throughput,
    measurement::{Measurement, WallTime},
};
use streams_dsl::Result;

/// Number of rounds before the measurement: windows close, and stores reach the size that they
/// keep.
const WARM: usize = 30;

fn main() -> Result<()> {
    let mut criterion = Criterion::default()
        .sample_size(100)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut group = criterion.benchmark_group("operators");
    group.throughput(Throughput::Elements(ROUND.unsigned_abs()));
    for operator in Operator::all()? {
        measured(&mut group, &operator, "process")?;
        measured(&mut group, &operator, "commit")?;
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}

/// Measures one half of the rounds of an operator, while the other half runs too.
fn measured(
    group: &mut BenchmarkGroup<'_, WallTime>,
    operator: &Operator,
    half: &str,
) -> Result<()> {
    let mut rounds = operator.start()?;
    for _ in 0..WARM {
        round(&mut rounds)?;
    }
    let mut failed = Ok(());
    group.bench_function(format!("{}/{half}", operator.name()), |bencher| {
        bencher.iter_custom(|iterations| {
            let (mut process, mut commit) = (Duration::ZERO, Duration::ZERO);
            for _ in 0..iterations {
                match round(&mut rounds) {
                    Ok((processed, committed)) => {
                        process += processed;
                        commit += committed;
                    }
                    Err(error) => failed = Err(error),
                }
            }
            if half == "process" { process } else { commit }
        });
    });
    failed
}

/// Runs a round. Returns how long its processing and its commit took.
fn round(rounds: &mut Rounds<'_>) -> Result<(Duration, Duration)> {
    rounds.enqueue()?;
    let start = WallTime.start();
    rounds.process()?;
    let process = WallTime.end(start);
    let start = WallTime.start();
    rounds.commit()?;
    Ok((process, WallTime.end(start)))
}
