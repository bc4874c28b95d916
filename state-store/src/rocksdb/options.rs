//! The engine's settings. All databases of a process share one block cache, to which memtables are
//! charged, and the threads that flush and compact.

use std::thread;

use ::rocksdb::{
    BlockBasedOptions, Cache, DBCompactionStyle, Env, FlushOptions, IngestExternalFileOptions,
    LogLevel, Options, ReadOptions, WriteBufferManager,
};

use super::files::OpenDatabases;
use crate::MemoryBudget;

/// A memtable is flushed at this size, or sooner if the shared limit or its age asks: so a busy
/// store writes few files, and an idle one takes nothing of it. Twice Java's size, for its limit is
/// each store's own.
const WRITE_BUFFER_BYTES: usize = 32 << 20;
/// The least that all memtables together may take, however small the budget is.
const LEAST_WRITE_BUFFERS_BYTES: usize = 16 << 20;
/// The memtables of a column family, the one that is written to and those that are being flushed.
const MAX_WRITE_BUFFERS: i32 = 3;
/// Memtables take memory in steps of this size, small because a process has many mostly empty ones.
const ARENA_BLOCK_BYTES: usize = 64 << 10;
/// The files that one database keeps open.
const MAX_OPEN_FILES: i32 = 256;
/// One false positive in a hundred.
const BLOOM_BITS_PER_KEY: f64 = 10.0;
/// Bounds the log of changes to the set of files.
const MANIFEST_BYTES: usize = 4 << 20;

/// The parts that all databases of a budget share: block cache, write buffer limit, and the list of
/// open databases.
pub(crate) struct SharedMemory {
    cache: Cache,
    write_buffers: WriteBufferManager,
    pub(super) databases: OpenDatabases,
}

impl SharedMemory {
    /// Half of the memory is for write buffers at most, and all that they don't use for cached
    /// blocks.
    pub(crate) fn new(bytes: usize) -> Self {
        let cache = Cache::new_lru_cache(bytes);
        // Memtables of idle tasks count too, and only a write to a task flushes its own: with too
        // low a limit each write would; and a limit of zero would mean none.
        let limit = (bytes / 2).max(LEAST_WRITE_BUFFERS_BYTES);
        let write_buffers =
            WriteBufferManager::new_write_buffer_manager_with_cache(limit, false, cache.clone());
        Self { cache, write_buffers, databases: OpenDatabases::default() }
    }
}

pub(super) fn database(budget: &MemoryBudget) -> Result<Options, ::rocksdb::Error> {
    // Only the text form knows this setting. Without it, closing would write what no offset stands
    // for after an abort.
    let mut options =
        Options::default().get_options_from_string("avoid_flush_during_shutdown=true")?;
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_atomic_flush(true);
    options.set_write_buffer_manager(&budget.engine().write_buffers);
    // The engine's default environment, of which a process has one: its threads work for all
    // databases, as many as there are processors, as Java has it.
    let threads = background_threads();
    let mut environment = Env::new()?;
    environment.set_background_threads(threads);
    options.set_env(&environment);
    options.set_max_background_jobs(threads);
    options.set_max_open_files(MAX_OPEN_FILES);
    options.set_max_manifest_file_size(MANIFEST_BYTES);
    options.set_keep_log_file_num(1);
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    options.set_skip_stats_update_on_db_open(true);
    Ok(options)
}

fn background_threads() -> i32 {
    let processors = thread::available_parallelism().map_or(2, usize::from);
    i32::try_from(processors).unwrap_or(i32::MAX).max(2)
}

pub(super) fn column_family(budget: &MemoryBudget) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&budget.engine().cache);
    blocks.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
    // Indexes and filters count against the budget like all blocks.
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    options.set_compression_type(::rocksdb::DBCompressionType::None);
    // Rows are rewritten a few times instead of once for each level, for up to twice the space; as
    // Java has it.
    options.set_compaction_style(DBCompactionStyle::Universal);
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_arena_block_size(ARENA_BLOCK_BYTES);
    // So that writes go on while a few flushes are under way.
    options.set_max_write_buffer_number(MAX_WRITE_BUFFERS);
    options
}

/// From how many files of a column family on they are compacted, and writes slow down and stop: the engine's defaults, or
/// far more while files are ingested one after the other, for each compaction writes anew what the last one wrote.
pub(super) fn compaction_triggers(put_off: bool) -> [(&'static str, &'static str); 3] {
    let [compaction, slow_down, stop] =
        if put_off { ["64", "256", "512"] } else { ["4", "20", "36"] };
    [
        ("level0_file_num_compaction_trigger", compaction),
        ("level0_slowdown_writes_trigger", slow_down),
        ("level0_stop_writes_trigger", stop),
    ]
}

pub(super) fn flush(wait: bool) -> FlushOptions {
    let mut options = FlushOptions::default();
    options.set_wait(wait);
    options
}

pub(super) fn ingestion() -> IngestExternalFileOptions {
    let mut options = IngestExternalFileOptions::default();
    options.set_move_files(true);
    options
}

pub(super) fn range(lower: Vec<u8>, upper: Option<Vec<u8>>) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_iterate_lower_bound(lower);
    if let Some(upper) = upper {
        options.set_iterate_upper_bound(upper);
    }
    options
}
