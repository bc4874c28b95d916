//! Stores of the program's own.
//!
//! The program says how its store looks and what of it has changed; the library keeps the rows, writes the changelog and
//! restores. Invariant: a store is made of committed rows alone, and one that has seen anything else ends with its
//! transaction.

mod committed_rows;
mod custom_state_store;
mod custom_store;
mod store_changes;

pub use self::{
    committed_rows::CommittedRows, custom_state_store::CustomStateStore, custom_store::CustomStore,
    store_changes::StoreChanges,
};
