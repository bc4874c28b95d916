//! How a thread is told to end.

use std::sync::atomic::{AtomicBool, Ordering};

/// Tells one thread to end, in one of three ways. What was said once is never taken back.
#[derive(Debug, Default)]
pub(crate) struct StopSignal {
    close: AtomicBool,
    leave: AtomicBool,
    abandon: AtomicBool,
}

impl StopSignal {
    /// Commit, give up all tasks, leave the group.
    pub(crate) fn close(&self) {
        self.close.store(true, Ordering::SeqCst);
    }

    /// The same, and the membership ends although it is static: nobody comes back for its tasks.
    pub(crate) fn close_for_good(&self) {
        // First, so that whoever sees that it is to close knows how.
        self.leave.store(true, Ordering::SeqCst);
        self.close();
    }

    /// End at once, as in a crash.
    pub(crate) fn abandon(&self) {
        self.abandon.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.close.load(Ordering::SeqCst) || self.abandoned()
    }

    pub(crate) fn leaves(&self) -> bool {
        self.leave.load(Ordering::SeqCst)
    }

    pub(crate) fn abandoned(&self) -> bool {
        self.abandon.load(Ordering::SeqCst)
    }
}
