//! A signal for a thread that waits.

use std::{sync::Arc, time::Duration};

use parking_lot::{Condvar, Mutex};

/// A signal that stays until somebody has waited for it.
#[derive(Debug, Default)]
pub(super) struct Wake {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Wake {
    pub(super) fn wake(&self) {
        *self.woken.lock() = true;
        self.changed.notify_one();
    }

    /// Forgets earlier signals. Check the signalled condition afterwards, not before.
    pub(super) fn reset(&self) {
        *self.woken.lock() = false;
    }

    /// Waits for a signal since the last reset, for at most `most`.
    pub(super) fn wait(&self, most: Duration) {
        let mut woken = self.woken.lock();
        if !*woken {
            self.changed.wait_for(&mut woken, most);
        }
    }
}

impl std::task::Wake for Wake {
    fn wake(self: Arc<Self>) {
        Self::wake(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        Self::wake(self);
    }
}
