//! Virtual time, in which other instances continue while one waits.

use std::{
    sync::{
        OnceLock, Weak,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;

use super::world::{World, pause};
use crate::time::{Clock, duration_ms};

/// The clock of a simulation. While one instance sleeps on it, all others take turns.
#[derive(Debug, Default)]
pub(super) struct VirtualClock {
    now_ms: AtomicI64,
    world: OnceLock<Weak<Mutex<World>>>,
}

impl VirtualClock {
    /// Sets the world whose instances continue during a sleep.
    pub(super) fn drives(&self, world: Weak<Mutex<World>>) {
        // A clock belongs to one world; a second call has no effect.
        let _ = self.world.set(world);
    }

    pub(super) fn advance(&self, by_ms: i64) {
        self.now_ms.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for VirtualClock {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn sleep(&self, duration: Duration) {
        if let Some(world) = self.world.get().and_then(Weak::upgrade) {
            pause(&world, duration_ms(duration));
        }
    }
}
