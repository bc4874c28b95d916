//! Stores of the program's own.
//!
//! The program defines the structure of its store and reports its changes; the library keeps the
//! rows, writes the changelog and restores. Invariant: a store is built from committed rows alone;
//! one that has seen uncommitted ones ends with their transaction.

mod committed_rows;
mod custom_state_store;
mod custom_store;
mod store_changes;

pub use self::{
    committed_rows::CommittedRows, custom_state_store::CustomStateStore, custom_store::CustomStore,
    store_changes::StoreChanges,
};
