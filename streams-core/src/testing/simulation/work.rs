//! Time that user code takes.
//!
//! Invariant: a simulation belongs to the thread that runs it, so tests on several threads don't see each other's.

use std::{cell::RefCell, sync::Weak};

use parking_lot::Mutex;

use super::world::{World, pause};

thread_local! {
    static WORLD: RefCell<Weak<Mutex<World>>> = const { RefCell::new(Weak::new()) };
}

/// Lets as much virtual time pass as the simulation that runs on this thread has user code take for a record: none, as a
/// rule. Outside of a simulation it does nothing.
///
/// User code that is to be slow in a simulation with [`FaultKind::SlowCode`](super::FaultKind::SlowCode) calls it.
pub fn work() {
    let Some(world) = WORLD.with_borrow(Weak::upgrade) else { return };
    let long_ms = {
        let mut world = world.lock();
        let rates = world.rates;
        if rates.record_ms_max == 0 || world.current.is_none() {
            return;
        }
        let ms = world.random.between(0, rates.record_ms_max);
        world.clock.advance(ms);
        let is_long = rates.long_record > 0 && world.random.per_mille(rates.long_record);
        if is_long { world.random.between(1, rates.long_record_ms_max) } else { 0 }
    };
    if long_ms > 0 {
        // The others go on meanwhile.
        pause(&world, long_ms);
    }
}

/// Keeps a world the one of this thread for as long as it lives.
#[derive(Debug)]
pub(super) struct Working(());

impl Working {
    pub(super) fn in_world(world: Weak<Mutex<World>>) -> Self {
        WORLD.set(world);
        Self(())
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        WORLD.set(Weak::new());
    }
}
