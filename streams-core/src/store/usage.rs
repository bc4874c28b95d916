//! Counters of one store.

/// Counters of a store since it was opened, and its current size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreUsage {
    /// Reads of single rows.
    pub gets: u64,
    /// Reads of single rows that had to ask the database.
    pub misses: u64,
    /// Writes and deletions of single rows.
    pub puts: u64,
    /// Reads of ranges.
    pub ranges: u64,
    /// Commits that the store was part of.
    pub flushes: u64,
    /// Approximate number of rows in the database.
    pub entries: u64,
    /// Bytes of rows in memory: the uncommitted ones, and those kept for the next read.
    pub cache_bytes: u64,
}
