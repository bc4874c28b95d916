//! One memory budget for all state of a process.
//!
//! Java sizes block cache and write buffers per store and partition, so that memory grows with the
//! assignment. Here a process has one sum: overlays share one part of it, and the storage engine's
//! block cache, to which write buffers are charged, is the rest.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The memory that state may use in this process. Cloning it gives another handle of the same
/// budget.
#[derive(Clone)]
pub struct MemoryBudget {
    shared: Arc<Shared>,
}

struct Shared {
    total_bytes: usize,
    overlay_bytes: usize,
    overlay_used: AtomicUsize,
    #[cfg(feature = "rocksdb")]
    engine: std::sync::OnceLock<crate::rocksdb::SharedMemory>,
}

impl MemoryBudget {
    /// A budget of `total_bytes`, of which the overlays may use `overlay_bytes`; the engine's cache
    /// gets the rest.
    #[must_use]
    pub fn new(total_bytes: usize, overlay_bytes: usize) -> Self {
        let shared = Shared {
            total_bytes,
            overlay_bytes: overlay_bytes.min(total_bytes),
            overlay_used: AtomicUsize::new(0),
            #[cfg(feature = "rocksdb")]
            engine: std::sync::OnceLock::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The whole budget in bytes.
    #[must_use]
    pub fn total_bytes(&self) -> usize {
        self.shared.total_bytes
    }

    /// The bytes for the storage engine: block cache with write buffers charged to it.
    #[must_use]
    pub fn engine_bytes(&self) -> usize {
        self.shared.total_bytes - self.shared.overlay_bytes
    }

    /// The bytes that all overlays use now, approximately.
    #[must_use]
    pub fn overlay_used(&self) -> usize {
        self.shared.overlay_used.load(Ordering::Relaxed)
    }

    /// The bytes that all overlays together may use.
    #[must_use]
    pub fn overlay_limit(&self) -> usize {
        self.shared.overlay_bytes
    }

    /// Returns whether the overlays exceed their share, on which a stream thread commits early.
    #[must_use]
    pub fn overlay_exceeded(&self) -> bool {
        self.overlay_used() > self.overlay_limit()
    }

    /// Opens the account of one overlay.
    #[must_use]
    pub fn overlay_account(&self) -> OverlayAccount {
        OverlayAccount { budget: self.clone(), used: 0 }
    }

    /// Block cache and write buffer limit, shared by all databases that are opened with this
    /// budget.
    #[cfg(feature = "rocksdb")]
    pub(crate) fn engine(&self) -> &crate::rocksdb::SharedMemory {
        self.shared.engine.get_or_init(|| crate::rocksdb::SharedMemory::new(self.engine_bytes()))
    }
}

impl fmt::Debug for MemoryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBudget")
            .field("total_bytes", &self.total_bytes())
            .field("overlay_limit", &self.overlay_limit())
            .field("overlay_used", &self.overlay_used())
            .finish()
    }
}

/// Share of the budget that one overlay uses, returned when it is dropped.
#[derive(Debug)]
pub struct OverlayAccount {
    budget: MemoryBudget,
    used: usize,
}

impl OverlayAccount {
    /// Charges bytes to the account.
    pub fn add(&mut self, bytes: usize) {
        self.used += bytes;
        self.budget.shared.overlay_used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives bytes back, at most what the account holds.
    pub fn sub(&mut self, bytes: usize) {
        let bytes = bytes.min(self.used);
        self.used -= bytes;
        self.budget.shared.overlay_used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The bytes that this overlay uses.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used
    }

    /// The budget that the account belongs to.
    #[must_use]
    pub fn budget(&self) -> &MemoryBudget {
        &self.budget
    }
}

impl Drop for OverlayAccount {
    fn drop(&mut self) {
        self.sub(self.used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_share_the_overlay_part_and_give_it_back() {
        let budget = MemoryBudget::new(1_000, 100);
        assert_eq!((budget.overlay_limit(), budget.engine_bytes()), (100, 900));
        let mut first = budget.overlay_account();
        let mut second = budget.overlay_account();
        first.add(60);
        second.add(60);
        assert!(budget.overlay_exceeded());
        second.sub(1_000);
        assert_eq!((second.used(), budget.overlay_used()), (0, 60));
        drop(first);
        assert_eq!(budget.overlay_used(), 0);
        assert!(!budget.overlay_exceeded());
    }

    #[test]
    fn overlays_get_at_most_the_whole() {
        assert_eq!(MemoryBudget::new(10, 20).engine_bytes(), 0);
    }
}
