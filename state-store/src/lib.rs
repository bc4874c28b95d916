//! State stores of a stream task: bytes in, bytes out.
//!
//! A task owns one [`Database`] with all its stores and the changelog offsets up to which they are
//! written. The writes since the last commit are not in the database but in an [`Overlay`] of each
//! store: what is on disk is always something that Kafka has committed, together with the offsets
//! that say so.
//!
//! This crate knows neither Kafka nor an asynchronous runtime, and no user types: keys and values
//! are bytes that a typed facade wrote. Only the module `rocksdb` names the crate of that name.
//! Nothing here reads a clock or starts a thread.
//!
//! ```
//! use state_store::{Database, MemoryBudget, MemoryDatabase, Overlay, StoreId, WriteBatch};
//!
//! # fn main() -> state_store::Result {
//! let (counts, database) = (StoreId(0), MemoryDatabase::new(1));
//! let budget = MemoryBudget::new(64 << 20, 16 << 20);
//! let mut overlay: Overlay<u64, i64> = Overlay::new(budget.overlay_account());
//! let timestamp = 1_700_000_000_000;
//! overlay.write(b"alice", Some(1), timestamp, 8, true);
//! overlay.write(b"alice", Some(2), timestamp + 5, 8, true);
//!
//! // The commit: forward what downstream has not seen, write what is dirty, with the offset.
//! let forwarded = overlay.next_pending().map(|entry| entry.value);
//! assert_eq!(forwarded, Some(Some(2)));
//! let mut batch = WriteBatch::new();
//! for (key, value, _timestamp) in overlay.dirty() {
//!     match value {
//!         Some(count) => batch.put(counts, key, &count.to_be_bytes()),
//!         None => batch.delete(counts, key),
//!     }
//! }
//! batch.set_offset("app-counts-changelog", 1);
//! database.write(batch)?;
//! overlay.committed();
//! assert_eq!(database.get(counts, b"alice")?, Some(2_u64.to_be_bytes().to_vec()));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod api;
mod budget;
mod directory;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod key_schema;
pub mod memory;
mod overlay;
mod restorer;
#[cfg(feature = "rocksdb")]
pub mod rocksdb;
mod staged;
mod store_format;
mod write_batch;

pub use api::{Database, Direction, Entries, Entry, SortedRows, StoreId, Visit};
pub use budget::{MemoryBudget, OverlayAccount};
pub use directory::StateDirectory;
pub use error::{Error, ErrorKind, Result};
pub use memory::MemoryDatabase;
pub use overlay::{DirtyRow, Overlay, PendingEntry, merge_range};
pub use restorer::Restorer;
#[cfg(feature = "rocksdb")]
pub use rocksdb::RocksDatabase;
pub use staged::StagedDatabase;
pub use store_format::{Segments, StoreFormat};
pub use write_batch::{Operation, WriteBatch};
