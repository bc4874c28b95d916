//! The signal that ends a thread.

use std::sync::atomic::{AtomicBool, Ordering};

/// Tells one thread to end, in one of three ways. A signal is never taken back.
#[derive(Debug, Default)]
pub(crate) struct StopSignal {
    close: AtomicBool,
    leave: AtomicBool,
    abandon: AtomicBool,
}

impl StopSignal {
    /// Tells it to commit, give up all tasks, and leave the group.
    pub(crate) fn close(&self) {
        self.close.store(true, Ordering::SeqCst);
    }

    /// The same, and the membership ends even if it is static: nobody comes back for its tasks.
    pub(crate) fn close_for_good(&self) {
        // Set first, so that a thread that sees the close also sees this.
        self.leave.store(true, Ordering::SeqCst);
        self.close();
    }

    /// Tells it to end at once, as in a crash.
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
