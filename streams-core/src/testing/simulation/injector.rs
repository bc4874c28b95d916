//! Faults at the calls of clients.

use std::{sync::Weak, time::Duration};

use parking_lot::Mutex;

use super::world::World;
use crate::client::embedded::{Fault, FaultInjector, Operation, OperationKind};

/// How many of a thousand calls meet with what.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CallRates {
    pub(super) unavailable: u64,
    pub(super) lost_reply: u64,
    pub(super) pause: u64,
    /// The longest pause in milliseconds.
    pub(super) pause_ms_max: i64,
    pub(super) torn: u64,
    pub(super) late: u64,
    /// The latest arrival of what is late, in milliseconds.
    pub(super) late_ms_max: i64,
    /// The longest call in milliseconds.
    pub(super) call_ms_max: i64,
    /// How long user code takes at most for a record, in milliseconds; so many of a thousand take up to `long_record_ms_max`.
    pub(super) record_ms_max: i64,
    pub(super) long_record: u64,
    pub(super) long_record_ms_max: i64,
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
        if rates.call_ms_max > 0 {
            let ms = world.random.between(0, rates.call_ms_max);
            world.clock.advance(ms);
        }
        let commits = matches!(kind, OperationKind::CommitOffsets | OperationKind::SendOffsets);
        if commits && world.now_ms() < world.refuses_commits_until_ms {
            world.counters.failed_calls += 1;
            world.say(Some(who), &format!("{kind:?} is refused"));
            return Fault::Unavailable;
        }
        if kind == OperationKind::Produce && rates.torn > 0 && world.random.per_mille(rates.torn) {
            world.counters.failed_calls += 1;
            world.say(Some(who), &format!("{kind:?} is torn"));
            return Fault::Torn(world.random.next_u64());
        }
        if kind == OperationKind::Produce && rates.late > 0 && world.random.per_mille(rates.late) {
            let ms = world.random.between(1, rates.late_ms_max);
            world.counters.failed_calls += 1;
            world.say(Some(who), &format!("{kind:?} arrives {ms} ms later"));
            return Fault::Late(Duration::from_millis(ms.unsigned_abs()));
        }
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
