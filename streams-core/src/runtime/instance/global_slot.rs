//! What an instance knows of the thread of its global stores.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread::JoinHandle,
};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::stop_signal::StopSignal;

/// Where the thread of the global stores is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// There is none, or it is not started.
    #[default]
    Absent,
    /// It reads what its topics had when it began.
    Filling,
    /// It keeps the stores up to date.
    Filled,
    /// It has ended.
    Ended,
}

/// The thread of the global stores, as others see it.
#[derive(Debug, Default)]
pub(crate) struct GlobalSlot {
    stop: StopSignal,
    /// Whether the cluster has answered it.
    reached: AtomicBool,
    phase: watch::Sender<Phase>,
    handle: Mutex<Option<JoinHandle<()>>>,
}

impl GlobalSlot {
    /// It is told to end when no stream thread is left that reads the stores.
    pub(crate) fn stop(&self) -> &StopSignal {
        &self.stop
    }

    /// The thread is about to be started.
    pub(crate) fn begins(&self) {
        self.phase.send_replace(Phase::Filling);
    }

    /// The thread runs.
    pub(crate) fn has_begun(&self, handle: JoinHandle<()>) {
        *self.handle.lock() = Some(handle);
    }

    /// The cluster has answered it.
    pub(crate) fn has_reached_cluster(&self) {
        self.reached.store(true, Ordering::Relaxed);
    }

    /// The stores have what their topics had when it began.
    pub(crate) fn is_filled(&self) {
        self.phase
            .send_if_modified(|phase| std::mem::replace(phase, Phase::Filled) != Phase::Filled);
    }

    /// The thread has ended, or could not be started.
    pub(crate) fn has_ended(&self) {
        self.phase.send_replace(Phase::Ended);
    }

    pub(crate) fn is_alive(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Filling | Phase::Filled)
    }

    pub(crate) fn reached_cluster(&self) -> bool {
        self.reached.load(Ordering::Relaxed)
    }

    /// Waits until the stores are filled; `false` if the thread ends before.
    pub(crate) async fn filled(&self) -> bool {
        let mut phase = self.phase.subscribe();
        let known = phase.wait_for(|phase| matches!(phase, Phase::Filled | Phase::Ended)).await;
        known.is_ok_and(|phase| *phase == Phase::Filled)
    }

    /// The thread, to be waited for.
    pub(crate) fn take_handle(&self) -> Option<JoinHandle<()>> {
        self.handle.lock().take()
    }
}
