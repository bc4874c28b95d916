//! Faults in calls of clients.

use std::{sync::Weak, time::Duration};

use parking_lot::Mutex;

use super::{FaultKind, Faults, Random, world::World};
use crate::client::embedded::{Fault, FaultInjector, Operation, OperationKind};

/// Rates of faults, in calls per thousand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CallRates {
    pub(super) unavailable: u64,
    pub(super) lost_reply: u64,
    pub(super) pause: u64,
    /// The longest pause in milliseconds.
    pub(super) pause_ms_max: i64,
    pub(super) torn: u64,
    pub(super) late: u64,
    /// The longest delay of late records in milliseconds.
    pub(super) late_ms_max: i64,
    /// The longest call in milliseconds.
    pub(super) call_ms_max: i64,
    /// The longest time of user code per record, in milliseconds; a number of records per thousand
    /// take up to `long_record_ms_max`.
    pub(super) record_ms_max: i64,
    pub(super) long_record: u64,
    pub(super) long_record_ms_max: i64,
    /// Number of records per thousand that find no room.
    pub(super) full: u64,
    /// The longest time without room, in milliseconds.
    pub(super) full_ms_max: i64,
}

impl CallRates {
    /// The rates of a seed: of the older kinds from one sequence, of the newer ones from others.
    pub(super) fn chosen(
        faults: &Faults,
        (older, newer, newest): (&mut Random, &mut Random, &mut Random),
        session_ms: i64,
    ) -> Self {
        let pick = |random: &mut Random, kind, rates: &[u64]| {
            if faults.has(kind) { random.pick(rates).copied().unwrap_or(0) } else { 0 }
        };
        let slow = faults.has(FaultKind::SlowCode);
        Self {
            unavailable: pick(older, FaultKind::Unavailable, &[2, 10, 40]),
            lost_reply: pick(older, FaultKind::LostReply, &[2, 10, 40]),
            pause: pick(older, FaultKind::Pause, &[1, 2, 4]),
            pause_ms_max: session_ms * 2,
            torn: pick(newer, FaultKind::TornWrites, &[5, 20, 80]),
            late: pick(newer, FaultKind::LateWrites, &[5, 20, 80]),
            late_ms_max: session_ms * 2,
            call_ms_max: i64::from(slow),
            record_ms_max: if slow { newer.pick(&[1, 5, 20]).copied().unwrap_or(1) } else { 0 },
            long_record: pick(newer, FaultKind::SlowCode, &[0, 5, 20]),
            long_record_ms_max: session_ms / 3,
            full: pick(newest, FaultKind::FullBuffers, &[5, 20, 100]),
            full_ms_max: session_ms * 2,
        }
    }

    /// The rates when no more faults happen: user code stays as slow as it is.
    pub(super) fn healed(self) -> Self {
        let Self { call_ms_max, record_ms_max, .. } = self;
        Self { call_ms_max, record_ms_max, ..Self::default() }
    }
}

/// Decides the fate of calls by the world's random numbers.
#[derive(Debug)]
pub(super) struct CallFaults(pub(super) Weak<Mutex<World>>);

/// Number of full producers per thousand that have room again within some milliseconds.
const SOON_ROOM: u64 = 900;

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
        // One pause at a time: an instance that continues while another pauses does not pause.
        if !world.pausing && world.random.per_mille(rates.pause) {
            let ms = world.random.between(1, rates.pause_ms_max);
            world.counters.stand_stills += 1;
            world.say(Some(who), &format!("stands still for {ms} ms before {kind:?}"));
            let pause = Duration::from_millis(ms.unsigned_abs());
            let commits = matches!(
                kind,
                OperationKind::Produce
                    | OperationKind::SendOffsets
                    | OperationKind::CommitTransaction
                    | OperationKind::InitTransactions
                    | OperationKind::AbortTransaction
            );
            // The cluster is slow, too, and the thread continues.
            return if commits && ms % 4 == 0 { Fault::Slow(pause) } else { Fault::Delay(pause) };
        }
        Fault::None
    }

    fn is_full(&mut self, client_id: &str) -> bool {
        let Some(world) = self.0.upgrade() else { return false };
        let mut world = world.lock();
        let (rates, now_ms) = (world.rates, world.now_ms());
        let Some(who) = world.current.filter(|_| rates.full > 0) else { return false };
        if world.full_until_ms.get(client_id).is_some_and(|until_ms| now_ms < *until_ms) {
            return true;
        }
        if !world.random.per_mille(rates.full) {
            return false;
        }
        let soon = world.random.per_mille(SOON_ROOM);
        let ms = world.random.between(0, if soon { 5 } else { rates.full_ms_max });
        world.full_until_ms.insert(client_id.to_owned(), now_ms.saturating_add(ms));
        world.counters.full_producers += 1;
        world.say(Some(who), &format!("`{client_id}` has no room for {ms} ms"));
        true
    }
}
