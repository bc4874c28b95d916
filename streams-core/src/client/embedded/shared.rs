//! State shared by all clients of a cluster.
//!
//! Invariant: the fault injector and the clock are asked before the lock is taken, and only
//! consumers wait under it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{ClusterSettings, Fault, FaultInjector, Operation, OperationKind, state::ClusterState};
use crate::{
    Error, ErrorKind, Result,
    client::{
        Answer,
        answer::{Alarms, Delay},
    },
    time::Clock,
};

pub(super) struct Shared {
    state: Mutex<ClusterState>,
    /// Notified when records become visible.
    appended: Condvar,
    clock: Arc<dyn Clock>,
    pub(super) settings: ClusterSettings,
    down: AtomicBool,
    injects: AtomicBool,
    injector: Mutex<Option<Box<dyn FaultInjector>>>,
    members_made: AtomicU64,
    /// Rung as time passes.
    alarms: Arc<Alarms>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(clock: Arc<dyn Clock>, settings: ClusterSettings) -> Self {
        Self {
            state: Mutex::new(ClusterState::new(settings.transaction_timeout)),
            appended: Condvar::new(),
            clock,
            settings,
            down: AtomicBool::new(false),
            injects: AtomicBool::new(false),
            injector: Mutex::new(None),
            members_made: AtomicU64::new(0),
            alarms: Arc::default(),
        }
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// The state, up to date with the clock.
    pub(super) fn lock(&self) -> MutexGuard<'_, ClusterState> {
        let now_ms = self.now_ms();
        self.alarms.ring(now_ms);
        let mut state = self.state.lock();
        state.tick(now_ms);
        state
    }

    /// Wakes consumers that wait for records.
    pub(super) fn wake(&self) {
        self.appended.notify_all();
    }

    /// Waits for records, in real time; returns false if the time is over.
    pub(super) fn wait(&self, state: &mut MutexGuard<'_, ClusterState>, most: Duration) -> bool {
        !self.appended.wait_for(state, most).timed_out()
    }

    pub(super) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    pub(super) fn set_injector(&self, injector: Option<Box<dyn FaultInjector>>) {
        self.injects.store(injector.is_some(), Ordering::SeqCst);
        *self.injector.lock() = injector;
    }

    /// Returns a member id that no other member of this cluster has.
    pub(super) fn new_member_id(&self, client_id: &str) -> String {
        let number = self.members_made.fetch_add(1, Ordering::SeqCst) + 1;
        let client = if client_id.is_empty() { "member" } else { client_id };
        format!("{client}-{number}")
    }

    /// Makes a call that changes the state, with its fault.
    pub(super) fn call<T>(
        &self,
        client_id: &str,
        kind: OperationKind,
        effect: impl FnOnce(&mut ClusterState) -> Result<T>,
    ) -> Result<T> {
        let reply = self.before(client_id, kind)?;
        self.complete(reply, client_id, kind, effect)
    }

    /// The second half of a call: its effect and its result.
    pub(super) fn complete<T>(
        &self,
        reply: Reply,
        client_id: &str,
        kind: OperationKind,
        effect: impl FnOnce(&mut ClusterState) -> Result<T>,
    ) -> Result<T> {
        let result = effect(&mut self.lock());
        if reply == Reply::Given { result } else { Err(no_reply(client_id, kind)) }
    }

    /// Makes a call that only reads: a lost reply is the same as none.
    pub(super) fn read<T>(
        &self,
        client_id: &str,
        kind: OperationKind,
        read: impl FnOnce(&ClusterState) -> Result<T>,
    ) -> Result<T> {
        self.before_read(client_id, kind)?;
        read(&self.lock())
    }

    /// Like [`call`](Self::call), but the caller does not wait: a delay makes the answer late.
    pub(super) fn begin<T>(
        self: &Arc<Self>,
        client_id: &str,
        kind: OperationKind,
        effect: impl FnOnce(&mut ClusterState) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        match self.fate(client_id, kind) {
            Fault::None => Answer::ready(effect(&mut self.lock())),
            Fault::Unavailable => Answer::ready(Err(unavailable(client_id, kind))),
            Fault::LostReply | Fault::Late(_) | Fault::Torn(_) => {
                // Nobody learns its outcome.
                drop(effect(&mut self.lock()));
                Answer::ready(Err(no_reply(client_id, kind)))
            }
            Fault::Delay(delay) | Fault::Slow(delay) => {
                let delay = Delay::new(Arc::clone(&self.clock), delay, Arc::clone(&self.alarms));
                let shared = Arc::clone(self);
                Answer::delayed(delay, move || effect(&mut shared.lock()))
            }
        }
    }

    /// Like [`begin`](Self::begin), for a call that only reads.
    pub(super) fn begin_read<T>(
        self: &Arc<Self>,
        client_id: &str,
        kind: OperationKind,
        read: impl FnOnce(&ClusterState) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        match self.fate(client_id, kind) {
            Fault::None => Answer::ready(read(&self.lock())),
            Fault::Unavailable | Fault::LostReply | Fault::Late(_) | Fault::Torn(_) => {
                Answer::ready(Err(unavailable(client_id, kind)))
            }
            Fault::Delay(delay) | Fault::Slow(delay) => {
                let delay = Delay::new(Arc::clone(&self.clock), delay, Arc::clone(&self.alarms));
                let shared = Arc::clone(self);
                Answer::delayed(delay, move || read(&shared.lock()))
            }
        }
    }

    /// Like [`read`](Self::read), for a call that takes the lock itself.
    pub(super) fn before_read(&self, client_id: &str, kind: OperationKind) -> Result {
        if self.before(client_id, kind)? == Reply::Given {
            Ok(())
        } else {
            Err(unavailable(client_id, kind))
        }
    }

    /// The first half of a call whose caller waits: applies its fault.
    pub(super) fn before(&self, client_id: &str, kind: OperationKind) -> Result<Reply> {
        let (reply, wait) = self.before_late(client_id, kind)?;
        if !wait.is_zero() {
            self.clock.sleep(wait);
        }
        Ok(reply)
    }

    /// The same, but the caller does not wait: the answer is late by the returned time.
    pub(super) fn before_late(
        &self,
        client_id: &str,
        kind: OperationKind,
    ) -> Result<(Reply, Duration)> {
        let reply = match self.fate(client_id, kind) {
            Fault::None => Reply::Given,
            Fault::Unavailable => return Err(unavailable(client_id, kind)),
            Fault::LostReply => Reply::Lost,
            Fault::Delay(wait) => {
                self.clock.sleep(wait);
                Reply::Given
            }
            Fault::Slow(wait) => return Ok((Reply::Given, wait)),
            Fault::Late(wait) => Reply::Late(wait),
            Fault::Torn(written) => Reply::Torn(written),
        };
        Ok((reply, Duration::ZERO))
    }

    /// The answer of a call that has happened but is answered late.
    pub(super) fn late<T: Send + 'static>(&self, said: Result<T>, wait: Duration) -> Answer<T> {
        if wait.is_zero() {
            return Answer::ready(said);
        }
        let delay = Delay::new(Arc::clone(&self.clock), wait, Arc::clone(&self.alarms));
        Answer::delayed(delay, move || said)
    }

    /// Returns whether a producer should have no room for a record.
    pub(super) fn is_full(&self, client_id: &str) -> bool {
        self.injects.load(Ordering::Relaxed)
            && self.injector.lock().as_mut().is_some_and(|faults| faults.is_full(client_id))
    }

    /// The fault of a call.
    fn fate(&self, client_id: &str, kind: OperationKind) -> Fault {
        if self.down.load(Ordering::Relaxed) {
            return Fault::Unavailable;
        }
        if !self.injects.load(Ordering::Relaxed) {
            return Fault::None;
        }
        let operation = Operation { client_id, kind };
        self.injector.lock().as_mut().map_or(Fault::None, |faults| faults.before(operation))
    }
}

/// The reply to a call that reached the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Given,
    Lost,
    /// None, and the call takes effect only then.
    Late(Duration),
    /// None, and only some of its writes take effect.
    Torn(u64),
}

impl Reply {
    /// Number of records sent to one partition that are written, the first ones. `index` is the
    /// partition's among the target partitions.
    pub(super) fn written(self, index: usize, records: usize) -> usize {
        let Self::Torn(bits) = self else { return records };
        let bits = bits.rotate_right(u32::try_from(index).unwrap_or(0));
        match (bits & 1 == 1, bits >> 32 & 1 == 1) {
            (false, _) => 0,
            (true, false) => records,
            (true, true) => usize::try_from(bits >> 33).unwrap_or(0) % records.max(1),
        }
    }
}

pub(super) fn no_reply(client_id: &str, kind: OperationKind) -> Error {
    let text = format!("no reply to {kind:?} of `{client_id}`: it may have happened");
    Error::new(ErrorKind::Timeout, text)
}

fn unavailable(client_id: &str, kind: OperationKind) -> Error {
    let text = format!("the cluster did not serve {kind:?} of `{client_id}`");
    Error::new(ErrorKind::Unavailable, text)
}
