//! Floors: the cost of single parts of a workload.

use bench::kafka::{EventKind, Failure, Reading, Writing, ends};
use kafka_client::{Client, ClientConfig};

use crate::{Args, print};

/// A value with the length of the inputs' values.
const VALUE: &str = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";

/// Topic that is read and written.
const READ: &str = "texts";
const WRITTEN: &str = "out";
const PARTITIONS: i32 = 4;

fn client(args: &Args) -> Result<Client, Failure> {
    let servers = setting(args, "bootstrap.servers")?;
    Ok(Client::new(ClientConfig::new(servers.split(','))))
}

fn setting<'a>(args: &'a Args, wanted: &str) -> Result<&'a str, Failure> {
    let found = args.settings.iter().find(|(key, _)| key == wanted);
    Ok(found.map(|(_, value)| value.as_str()).ok_or_else(|| format!("{wanted} is missing"))?)
}

fn records(args: &Args) -> Result<u64, Failure> {
    Ok(args.records.ok_or("--records is missing")?)
}

/// Reads the records of the input through our own client, and looks at their keys and values.
pub(crate) async fn consume(args: &Args) -> Result<(), Failure> {
    let (client, wanted) = (client(args)?, records(args)?);
    let reading = Reading::new(&client);
    let mut readers: Vec<_> =
        ends(&client, READ).await?.keys().map(|partition| reading.read(partition, 0)).collect();
    let mut progress = Progress::new(args);
    let mut bytes = 0;
    while progress.processed < wanted {
        let count = reading.next(&mut readers, |row| {
            bytes += row.key.map_or(0, <[u8]>::len) + row.value.map_or(0, <[u8]>::len);
            Ok(())
        });
        progress.add(count.await?)?;
    }
    std::hint::black_box(bytes);
    print(EventKind::End, progress.processed)
}

/// Writes records as long as those of the input through our own client.
pub(crate) async fn produce(args: &Args) -> Result<(), Failure> {
    let (client, wanted) = (client(args)?, records(args)?);
    let mut writing = Writing::new(&client, WRITTEN, PARTITIONS);
    let mut progress = Progress::new(args);
    let mut key = String::new();
    while progress.processed < wanted {
        key.clear();
        std::fmt::write(&mut key, format_args!("k{:07}", progress.processed % 10_000_000))?;
        writing.append(1_760_000_000_000, &key, VALUE).await?;
        progress.add(1)?;
    }
    writing.flush().await?;
    print(EventKind::End, progress.processed)
}

/// Puts rows as long as those of the input at new keys of a store on disk, in commits of a few
/// thousand rows.
#[cfg(feature = "rocksdb")]
pub(crate) fn store(args: &Args) -> Result<(), Failure> {
    use state_store::{Database, MemoryBudget, RocksDatabase, StoreId, WriteBatch};
    const ROWS: u64 = 10_000;
    /// The defaults of `state.memory.max.bytes` and `statestore.cache.max.bytes`.
    const BUDGET: (usize, usize) = (256 << 20, 10 << 20);

    let directory = std::path::PathBuf::from(setting(args, "state.dir")?);
    std::fs::create_dir_all(&directory)?;
    let budget = MemoryBudget::new(BUDGET.0, BUDGET.1);
    let database = RocksDatabase::open(&directory, &["store".to_owned()], &budget)?;
    let (wanted, mut progress) = (records(args)?, Progress::new(args));
    while progress.processed < wanted {
        let mut batch = WriteBatch::new();
        let last = wanted.min(progress.processed + ROWS);
        for number in progress.processed..last {
            let key = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            batch.put(StoreId(0), &key.to_be_bytes(), VALUE.as_bytes());
        }
        database.write(batch)?;
        progress.add(usize::try_from(last - progress.processed)?)?;
    }
    database.flush()?;
    drop(database);
    print(EventKind::End, progress.processed)
}

/// Fails: there is no store on disk to measure.
#[cfg(not(feature = "rocksdb"))]
pub(crate) fn store(_args: &Args) -> Result<(), Failure> {
    Err("this program was built without RocksDB".into())
}

/// Prints marks on the way.
struct Progress<'a> {
    processed: u64,
    marks: std::iter::Peekable<std::slice::Iter<'a, u64>>,
}

impl<'a> Progress<'a> {
    fn new(args: &'a Args) -> Self {
        Self { processed: 0, marks: args.mark.iter().peekable() }
    }

    fn add(&mut self, count: usize) -> Result<(), Failure> {
        self.processed += u64::try_from(count)?;
        while self.marks.next_if(|mark| **mark <= self.processed).is_some() {
            print(EventKind::Mark, self.processed)?;
        }
        Ok(())
    }
}
