//! The changing part of an instance, shared by all its threads.
//!
//! Each part has its own lock, which is held briefly and never during a call of a client or of user
//! code.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;

use super::{
    super::{measure::SharedFigures, stored_state::StoredState},
    housekeeping::Housekeeping,
    listener::StateRestoreListener,
    metrics::Counters,
};
use crate::task::TaskDatabases;

/// The changing part of an instance.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) counters: Counters,
    pub(crate) stored_state: StoredState,
    /// The figures of each stream thread, by its name.
    figures: Mutex<BTreeMap<String, SharedFigures>>,
    pub(crate) housekeeping: Mutex<Housekeeping>,
    /// Databases of the global stores, held from opening until the last thread ends.
    global_databases: Mutex<Option<TaskDatabases>>,
    restore_listener: Mutex<Option<Arc<dyn StateRestoreListener>>>,
    /// True if nothing is processed, restored or punctuated until the instance is resumed.
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

    /// Adds the figures of a stream thread that begins.
    pub(crate) fn add_figures(&self, thread: &str, figures: &SharedFigures) {
        self.figures.lock().insert(thread.to_owned(), figures.clone());
    }

    /// Removes the figures of a stream thread that has ended; another one may have its name by now.
    pub(crate) fn remove_figures(&self, thread: &str, figures: &SharedFigures) {
        let mut all = self.figures.lock();
        if all.get(thread).is_some_and(|known| Arc::ptr_eq(known, figures)) {
            all.remove(thread);
        }
    }

    /// The figures of each stream thread.
    pub(crate) fn figures(&self) -> BTreeMap<String, SharedFigures> {
        self.figures.lock().clone()
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
