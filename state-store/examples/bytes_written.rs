//! What puts to the databases of a few tasks write to the disk: `cargo run --release -p state-store
//! --example bytes_written -- PUTS DIRECTORY`.
//!
//! Four databases of one process take puts of 100 bytes at random keys, in commits of 2,500 rows by
//! turns. Time is that of 200,000 puts a second, whatever the machine does, so that what is due by
//! time is due after as many puts each time. The figure is the kernel's count of bytes that the
//! process sent to the disk, flushes and compactions alike.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it prints a measurement")]

use std::{env, error::Error, fs, path::PathBuf};

use state_store::{Database, MemoryBudget, RocksDatabase, StoreId, WriteBatch};

const DATABASES: u64 = 4;
const ROWS: u64 = 2_500;
const PUTS_PER_MS: u64 = 200;
const FLUSH_AGE_MS: i64 = 5_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let puts: u64 = arguments.next().map_or(Ok(10_000_000), |text| text.parse())?;
    let directory = PathBuf::from(arguments.next().ok_or("name an empty directory")?);
    // The defaults of `state.memory.max.bytes` and `statestore.cache.max.bytes`.
    let budget = MemoryBudget::new(256 << 20, 10 << 20);
    let open = |task| {
        let directory = directory.join(format!("0_{task}"));
        RocksDatabase::open(&directory, &["store".to_owned()], &budget)
    };
    let databases = (0..DATABASES).map(open).collect::<Result<Vec<_>, _>>()?;
    let before = written()?;
    let (mut done, mut random, mut value) = (0, 1_u64, [0; 100]);
    for database in databases.iter().cycle() {
        if done >= puts {
            break;
        }
        let mut batch = WriteBatch::new();
        for _ in 0..ROWS {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            value.fill(random.to_be_bytes()[0]);
            let key = (random >> 16) % puts;
            batch.put(StoreId(0), &key.to_be_bytes(), &value);
        }
        done += ROWS;
        batch.set_offset("changelog", i64::try_from(done)?);
        database.write(batch)?;
        database.flush_older(i64::try_from(done / PUTS_PER_MS)?, FLUSH_AGE_MS);
    }
    databases.iter().try_for_each(Database::flush)?;
    drop(databases);
    println!("{done} puts of 100 bytes: {} MB written", (written()? - before) / 1_000_000);
    Ok(())
}

/// The bytes that this process has sent to the disk.
fn written() -> Result<u64, Box<dyn Error>> {
    let counts = fs::read_to_string("/proc/self/io")?;
    let count = counts.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(count.ok_or("the kernel doesn't count bytes written")?.parse()?)
}
