//! What it costs to restore rows into a store on disk: `cargo run --release -p state-store --example restore_rows --
//! ROWS DIRECTORY [BUFFER_MB]`.
//!
//! Rows of 100 bytes at distinct keys in no order are pushed to a restorer, which applies them a buffer at a time, as the
//! restore of a changelog does. The figures are those of the whole process, compactions included, until the database is
//! closed: CPU time and bytes sent to the disk, as the kernel counts them.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it prints a measurement")]
#![expect(clippy::disallowed_methods, reason = "it measures the time that it takes")]

use std::{env, error::Error, fs, path::PathBuf, time::Instant};

use state_store::{Database, MemoryBudget, Restorer, RocksDatabase, StoreFormat, StoreId};

/// An odd number, so that its multiples are distinct.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let rows: u64 = arguments.next().map_or(Ok(5_000_000), |text| text.parse())?;
    let directory = PathBuf::from(arguments.next().ok_or("name an empty directory")?);
    let buffer_mb: usize = arguments.next().map_or(Ok(16), |text| text.parse())?;
    let budget = MemoryBudget::new(256 << 20, 64 << 20);
    let database = RocksDatabase::open(&directory, &["store".to_owned()], &budget)?;
    let (begun, written) = (Instant::now(), number("/proc/self/io", "write_bytes: ")?);
    let mut restorer = Restorer::new(StoreFormat::TimestampedKeyValue);
    for row in 0..rows {
        let key = row.wrapping_mul(STEP).to_be_bytes();
        restorer.push(&key, Some(&[0; 92]), 1)?;
        if restorer.bytes() > buffer_mb << 20 {
            restorer.apply(&database, StoreId(0), "changelog", i64::try_from(row + 1)?)?;
        }
    }
    restorer.apply(&database, StoreId(0), "changelog", i64::try_from(rows)?)?;
    let restored = begun.elapsed();
    database.end_ingestion(StoreId(0));
    database.flush()?;
    drop(database);
    let written = number("/proc/self/io", "write_bytes: ")? - written;
    let cpu_ms = cpu_ms()?;
    println!(
        "{rows} rows: {} ms, {cpu_ms} ms of CPU ({:.2} µs a row), {} MB written",
        restored.as_millis(),
        1e3 * f64::from(u32::try_from(cpu_ms)?) / f64::from(u32::try_from(rows)?),
        written / 1_000_000
    );
    Ok(())
}

/// The number behind a name in a file of the kernel.
fn number(file: &str, name: &str) -> Result<u64, Box<dyn Error>> {
    let counts = fs::read_to_string(file)?;
    let count = counts.lines().find_map(|line| line.strip_prefix(name));
    Ok(count.ok_or("the kernel doesn't count that")?.trim().parse()?)
}

/// CPU time of the process, in milliseconds: the kernel counts hundredths of a second.
fn cpu_ms() -> Result<u64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let [user, system] = [11, 12].map(|field| fields.get(field).copied().unwrap_or("0"));
    Ok(10 * (user.parse::<u64>()? + system.parse::<u64>()?))
}
