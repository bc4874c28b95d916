//! Waiting until there is something to take.

use std::time::Duration;

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

    /// Forgets earlier signals. Look at what the signal is about afterwards, not before.
    pub(super) fn reset(&self) {
        *self.woken.lock() = false;
    }

    /// Waits for a signal since the last reset, at most for `most`.
    pub(super) fn wait(&self, most: Duration) {
        let mut woken = self.woken.lock();
        if !*woken {
            self.changed.wait_for(&mut woken, most);
        }
    }
}
