//! The thread of an instance's global stores, as seen by the instance.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread::JoinHandle,
};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::stop_signal::StopSignal;

/// Phase of the thread of the global stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// There is none, or it is not started.
    #[default]
    Absent,
    /// It reads the records that its topics had when it began.
    Filling,
    /// It keeps the stores up to date.
    Filled,
    /// It has ended.
    Ended,
}

/// The thread of the global stores, as seen by others.
#[derive(Debug, Default)]
pub(crate) struct GlobalSlot {
    stop: StopSignal,
    /// True if the cluster has answered it.
    reached: AtomicBool,
    phase: watch::Sender<Phase>,
    handle: Mutex<Option<JoinHandle<()>>>,
}

impl GlobalSlot {
    /// Told to end when no stream thread is left that reads the stores.
    pub(crate) fn stop(&self) -> &StopSignal {
        &self.stop
    }

    /// Notes that the thread is about to be started.
    pub(crate) fn begins(&self) {
        self.phase.send_replace(Phase::Filling);
    }

    /// Notes that the thread is running.
    pub(crate) fn has_begun(&self, handle: JoinHandle<()>) {
        *self.handle.lock() = Some(handle);
    }

    /// Notes that the cluster has answered it.
    pub(crate) fn has_reached_cluster(&self) {
        self.reached.store(true, Ordering::Relaxed);
    }

    /// Notes that the stores have everything that their topics had when it began.
    pub(crate) fn is_filled(&self) {
        self.phase
            .send_if_modified(|phase| std::mem::replace(phase, Phase::Filled) != Phase::Filled);
    }

    /// Notes that the thread has ended, or could not be started.
    pub(crate) fn has_ended(&self) {
        self.phase.send_replace(Phase::Ended);
    }

    pub(crate) fn is_alive(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Filling | Phase::Filled)
    }

    pub(crate) fn reached_cluster(&self) -> bool {
        self.reached.load(Ordering::Relaxed)
    }

    /// Waits until the stores are filled; returns `false` if the thread ends before.
    pub(crate) async fn filled(&self) -> bool {
        let mut phase = self.phase.subscribe();
        let known = phase.wait_for(|phase| matches!(phase, Phase::Filled | Phase::Ended)).await;
        known.is_ok_and(|phase| *phase == Phase::Filled)
    }

    /// Handle of the thread, for waiting.
    pub(crate) fn take_handle(&self) -> Option<JoinHandle<()>> {
        self.handle.lock().take()
    }
}
