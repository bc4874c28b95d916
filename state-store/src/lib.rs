//! State stores of a stream task: bytes in, bytes out.
//!
//! A task owns one [`Database`] with all its stores and the changelog offsets up to which they are written. The
//! writes since the last commit are not in the database but in an [`Overlay`] of each store: what is on disk is
//! always something that Kafka has committed, together with the offsets that say so.
//!
//! This crate knows neither Kafka nor an asynchronous runtime, and no user types: keys and values are bytes that
//! a typed facade wrote. Only the module `rocksdb` names the crate of that name. Nothing here reads a clock or
//! starts a thread.

mod api;
mod budget;
mod directory;
mod error;
pub mod key_schema;
pub mod memory;
mod overlay;
mod restorer;
#[cfg(feature = "rocksdb")]
pub mod rocksdb;
mod store_format;
mod write_batch;

pub use api::{Database, Direction, Entries, Entry, StoreId};
pub use budget::{MemoryBudget, OverlayAccount};
pub use directory::StateDirectory;
pub use error::{Error, ErrorKind, Result};
pub use memory::MemoryDatabase;
pub use overlay::{DirtyRow, Overlay, PendingEntry, merge_range};
pub use restorer::Restorer;
#[cfg(feature = "rocksdb")]
pub use rocksdb::RocksDatabase;
pub use store_format::StoreFormat;
pub use write_batch::{Operation, WriteBatch};
