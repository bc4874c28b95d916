//! The time that user code takes, and its waits.
//!
//! Invariant: a simulation belongs to the thread that runs it, so tests on several threads don't
//! see each other's.

use std::{
    cell::RefCell,
    pin::Pin,
    sync::Weak,
    task::{Context, Poll},
    time::Duration,
};

use parking_lot::Mutex;

use super::world::{World, pause};
use crate::time::duration_ms;

thread_local! {
    static WORLD: RefCell<Weak<Mutex<World>>> = const { RefCell::new(Weak::new()) };
}

/// Lets virtual time pass, as long as the simulation on this thread has chosen for a record of user
/// code: none, as a rule. Outside a simulation it does nothing.
///
/// Called by user code that should be slow in a simulation with
/// [`FaultKind::SlowCode`](super::FaultKind::SlowCode).
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
        // The others continue meanwhile.
        pause(&world, long_ms);
    }
}

/// Calls something outside the simulation, for futures of async operators: it ends after some
/// virtual time, at most `longest`. It returns a number below 1 000, by which the caller may let it
/// fail; outside a simulation 999, at once.
pub fn call(longest: Duration) -> Call {
    let world = WORLD.with_borrow(Weak::clone);
    let until_ms = world.upgrade().map_or(0, |world| {
        let mut world = world.lock();
        let takes_ms = world.random.between(0, duration_ms(longest));
        world.now_ms().saturating_add(takes_ms)
    });
    Call { world, until_ms }
}

/// A call in progress. Made by [`call`].
#[derive(Debug)]
pub struct Call {
    world: Weak<Mutex<World>>,
    until_ms: i64,
}

impl Future for Call {
    type Output = u64;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u64> {
        let Some(world) = self.world.upgrade() else { return Poll::Ready(999) };
        let mut world = world.lock();
        if world.now_ms() >= self.until_ms {
            return Poll::Ready(world.random.below(1_000));
        }
        // It must be polled in the next turn: virtual time wakes nobody.
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Sets a world as that of this thread for as long as it lives.
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
