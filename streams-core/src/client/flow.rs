//! Counts of records and bytes.

/// A number of records, and their bytes in keys, values and headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

impl Flow {
    /// Counts one record of `bytes` bytes.
    #[inline]
    pub(crate) fn count(&mut self, bytes: usize) {
        self.records += 1;
        // Lengths fit: no target of this library has wider addresses.
        self.bytes += bytes as u64;
    }

    /// Adds another count.
    pub(crate) fn add(&mut self, other: Self) {
        self.records += other.records;
        self.bytes += other.bytes;
    }
}
