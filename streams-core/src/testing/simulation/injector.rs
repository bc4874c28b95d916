//! Faults at the calls of clients.

use std::{sync::Weak, time::Duration};

use parking_lot::Mutex;

use super::world::World;
use crate::client::embedded::{Fault, FaultInjector, Operation};

/// How many of a thousand calls meet with what.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CallRates {
    pub(super) unavailable: u64,
    pub(super) lost_reply: u64,
    pub(super) pause: u64,
    /// The longest pause in milliseconds.
    pub(super) pause_ms_max: i64,
}

/// Decides the fate of calls as the world's random numbers say.
#[derive(Debug)]
pub(super) struct CallFaults(pub(super) Weak<Mutex<World>>);

impl FaultInjector for CallFaults {
    fn before(&mut self, operation: Operation<'_>) -> Fault {
        let Some(world) = self.0.upgrade() else { return Fault::None };
        let mut world = world.lock();
        let Some(who) = world.current else { return Fault::None };
        let rates = world.rates;
        let kind = operation.kind;
        if world.random.per_mille(rates.unavailable) {
            world.counters.failed_calls += 1;
            world.say(Some(who), &format!("{kind:?} fails"));
            return Fault::Unavailable;
        }
        if world.random.per_mille(rates.lost_reply) {
            world.counters.failed_calls += 1;
            world.say(Some(who), &format!("{kind:?} loses its reply"));
            return Fault::LostReply;
        }
        // One pause at a time: who goes on while another pauses does not pause.
        if !world.pausing && world.random.per_mille(rates.pause) {
            let ms = world.random.between(1, rates.pause_ms_max);
            world.counters.stand_stills += 1;
            world.say(Some(who), &format!("stands still for {ms} ms before {kind:?}"));
            return Fault::Delay(Duration::from_millis(ms.unsigned_abs()));
        }
        Fault::None
    }
}
