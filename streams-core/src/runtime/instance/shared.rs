//! What changes while an instance lives, and all its threads share.
//!
//! Each part has a lock of its own, which is held for a moment and never during a call of a client or of user code.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;

use super::{
    super::stored_state::StoredState, housekeeping::Housekeeping, listener::StateRestoreListener,
    metrics::Counters,
};
use crate::task::TaskDatabases;

/// The changing part of an instance.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) counters: Counters,
    pub(crate) stored_state: StoredState,
    pub(crate) housekeeping: Mutex<Housekeeping>,
    /// Of the global stores, from when they are opened until all threads have ended.
    global_databases: Mutex<Option<TaskDatabases>>,
    restore_listener: Mutex<Option<Arc<dyn StateRestoreListener>>>,
    /// Whether nothing is processed, restored or punctuated until the instance is resumed.
    paused: AtomicBool,
}

impl Shared {
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Pauses or resumes the instance. Returns whether that changed anything.
    pub(crate) fn pause(&self, paused: bool) -> bool {
        self.paused.swap(paused, Ordering::Relaxed) != paused
    }

    pub(crate) fn restore_listener(&self) -> Option<Arc<dyn StateRestoreListener>> {
        self.restore_listener.lock().clone()
    }

    pub(crate) fn set_restore_listener(&self, listener: Arc<dyn StateRestoreListener>) {
        *self.restore_listener.lock() = Some(listener);
    }

    pub(crate) fn global_databases(&self) -> Option<TaskDatabases> {
        self.global_databases.lock().clone()
    }

    pub(crate) fn set_global_databases(&self, databases: Option<TaskDatabases>) {
        *self.global_databases.lock() = databases;
    }
}
