//! Runs golden scenarios of Java Kafka Streams against this library and says where they differ.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use tests::conformance::{Verdict, run_directory};

/// Runs every scenario of a directory: one line each, the totals last.
#[derive(Debug, Parser)]
struct Arguments {
    /// Directory of scenario files; byte goldens are in its directory `bytes`.
    directory: PathBuf,
    /// Fail if a scenario's topology is not implemented.
    #[arg(long)]
    require_all: bool,
}

fn main() -> io::Result<ExitCode> {
    let arguments = Arguments::parse();
    let outcomes = run_directory(&arguments.directory)?;
    let mut out = io::stdout().lock();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for outcome in &outcomes {
        match &outcome.verdict {
            Verdict::Pass => passed += 1,
            Verdict::Fail(_) => failed += 1,
            Verdict::Skip(_) => skipped += 1,
        }
        writeln!(out, "{outcome}")?;
    }
    writeln!(out, "total: {passed} passed, {failed} failed, {skipped} skipped")?;
    let complete = skipped == 0 || !arguments.require_all;
    Ok(if failed == 0 && complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
