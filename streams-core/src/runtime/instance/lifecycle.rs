//! The state of an instance as its threads make it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::{Mutex, ReentrantMutex};
use tokio::sync::watch;

use super::{
    State, UncaughtExceptionResponse,
    listener::{StateListener, UncaughtExceptionHandler},
    metrics::ThreadMetadata,
    watchdog::Watchdog,
};
use crate::{Error, config::ValidConfig};

/// How long the start waits for an answer of the cluster before it says so.
const REACH_PATIENCE: Duration = Duration::from_secs(1);

/// How a stream thread is told to end.
#[derive(Debug, Default)]
pub(crate) struct StopSignal {
    /// Commit, give up all tasks, leave the group.
    pub(crate) close: AtomicBool,
    /// With that, the membership ends although it is static: nobody comes back for its tasks.
    pub(crate) leave: AtomicBool,
    /// End at once, as in a crash.
    pub(crate) abandon: AtomicBool,
}

impl StopSignal {
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

/// What an instance knows of one stream thread.
#[derive(Debug)]
pub(crate) struct ThreadSlot {
    pub(crate) stop: Arc<StopSignal>,
    pub(crate) metadata: ThreadMetadata,
    /// Whether it processes all that it was told to.
    pub(crate) running: bool,
    pub(crate) alive: bool,
    pub(crate) handle: Option<std::thread::JoinHandle<()>>,
    pub(crate) watchdog: Arc<Watchdog>,
}

/// Where the thread of the global stores is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum GlobalPhase {
    /// There is none, or it is not started.
    #[default]
    Absent,
    /// It reads what its topics had when it began.
    Filling,
    /// It keeps the stores up to date.
    Filled,
    /// It has ended.
    Ended,
}

/// What an instance knows of the thread of its global stores.
#[derive(Debug, Default)]
pub(crate) struct GlobalSlot {
    /// It is told to end when no stream thread is left that reads the stores.
    pub(crate) stop: Arc<StopSignal>,
    /// Whether the cluster has answered it.
    pub(crate) reached: AtomicBool,
    pub(crate) phase: watch::Sender<GlobalPhase>,
    pub(crate) handle: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl GlobalSlot {
    pub(crate) fn is_alive(&self) -> bool {
        matches!(*self.phase.borrow(), GlobalPhase::Filling | GlobalPhase::Filled)
    }
}

/// State, listeners and threads of an instance.
pub(crate) struct Lifecycle {
    state: watch::Sender<State>,
    /// Held from a change of state until the listener has been told, so that it is told of changes in their
    /// order. The listener may cause a change itself.
    changing: ReentrantMutex<()>,
    pub(crate) state_listener: Mutex<Option<StateListener>>,
    pub(crate) uncaught: Mutex<Option<UncaughtExceptionHandler>>,
    pub(crate) threads: Mutex<BTreeMap<usize, ThreadSlot>>,
    pub(crate) global: GlobalSlot,
    /// Counts the threads that ended, so that one can wait for the next.
    ends: watch::Sender<u64>,
    /// The error that ended the instance.
    pub(crate) error: Mutex<Option<Error>>,
}

impl std::fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lifecycle({})", self.state())
    }
}

impl Lifecycle {
    pub(crate) fn new() -> Self {
        Self {
            state: watch::Sender::new(State::Created),
            changing: ReentrantMutex::new(()),
            state_listener: Mutex::new(None),
            uncaught: Mutex::new(None),
            threads: Mutex::new(BTreeMap::new()),
            global: GlobalSlot::default(),
            ends: watch::Sender::new(0),
            error: Mutex::new(None),
        }
    }

    pub(crate) fn state(&self) -> State {
        *self.state.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Goes to `next` if that is allowed from the present state, and tells the listener.
    pub(crate) fn transition(&self, next: State) -> bool {
        let _changing = self.changing.lock();
        let mut old = next;
        let changed = self.state.send_if_modified(|state| {
            let allowed = state.may_become(next);
            if allowed {
                old = std::mem::replace(state, next);
            }
            allowed
        });
        if changed {
            tracing::info!("state {old} -> {next}");
            let listener = self.state_listener.lock().clone();
            if let Some(listener) = listener {
                listener(next, old);
            }
        }
        changed
    }

    /// What the uncaught-exception handler says.
    pub(crate) fn ask(&self, error: &Error) -> UncaughtExceptionResponse {
        let handler = self.uncaught.lock().clone();
        handler.map_or(UncaughtExceptionResponse::ShutdownClient, |handler| handler(error))
    }

    /// A thread reports; the instance runs when all its living threads do.
    pub(crate) fn report(&self, index: usize, running: bool, metadata: ThreadMetadata) {
        let all_running = {
            let mut threads = self.threads.lock();
            if let Some(slot) = threads.get_mut(&index) {
                slot.running = running;
                slot.metadata = metadata;
            }
            threads.values().filter(|slot| slot.alive).all(|slot| slot.running)
        };
        self.transition(if all_running { State::Running } else { State::Rebalancing });
    }

    /// User code holds a thread up: others get its tasks, until it comes back and reports.
    pub(crate) fn is_stuck(&self, index: usize) {
        if let Some(slot) = self.threads.lock().get_mut(&index) {
            slot.running = false;
        }
        self.transition(State::Rebalancing);
    }

    /// Where user code of the stream threads is, for messages.
    pub(crate) fn whereabouts(&self) -> String {
        let threads = self.threads.lock();
        let alive = threads.values().filter(|slot| slot.alive);
        let at = alive.filter_map(|slot| slot.watchdog.whereabouts());
        let said: Vec<String> = at.map(|at| format!(", user code runs: {at}")).collect();
        said.concat()
    }

    /// A stream thread ended. With an error and no thread left the instance is in error.
    pub(crate) fn ended(&self, index: usize, error: Option<Error>) {
        let (none_left, all_running) = {
            let mut threads = self.threads.lock();
            if let Some(slot) = threads.get_mut(&index) {
                slot.alive = false;
                slot.running = false;
                slot.metadata = ThreadMetadata {
                    thread_name: slot.metadata.thread_name.clone(),
                    ..ThreadMetadata::default()
                };
            }
            let mut left = threads.values().filter(|slot| slot.alive).peekable();
            (left.peek().is_none(), left.all(|slot| slot.running))
        };
        if let Some(error) = error {
            self.record(&error);
        }
        if none_left {
            self.end_if_alone();
        } else if all_running {
            self.transition(State::Running);
        }
        self.ends.send_modify(|ends| *ends += 1);
    }

    /// The thread of the global stores ended. With an error, all others have to.
    pub(crate) fn global_ended(&self, error: Option<Error>) {
        if let Some(error) = &error {
            // First of all, so that whoever waits for the stores finds it.
            self.record(error);
        }
        self.global.phase.send_replace(GlobalPhase::Ended);
        match error {
            Some(error) => self.close_with(&error),
            None => self.end_if_alone(),
        }
        self.ends.send_modify(|ends| *ends += 1);
    }

    /// If no stream thread is left, the instance ends with the thread of the global stores, unless it is to go on.
    fn end_if_alone(&self) {
        if self.threads.lock().values().any(|slot| slot.alive) {
            return;
        }
        let failed = self.error.lock().is_some();
        if failed {
            self.transition(State::PendingError);
        }
        if self.global.is_alive() {
            // The last stream thread of a running instance may be removed, and another one be added.
            if failed || self.state() == State::PendingShutdown {
                self.global.stop.close.store(true, Ordering::SeqCst);
            }
        } else if !failed || !self.transition(State::Error) {
            self.transition(State::NotRunning);
        }
    }

    /// Keeps an error as the one that ended the instance, if it is the first.
    pub(crate) fn record(&self, error: &Error) {
        self.error.lock().get_or_insert_with(|| error.clone());
    }

    /// Closes all threads because of an error; the instance is in error when they have ended.
    pub(crate) fn close_with(&self, error: &Error) {
        self.record(error);
        self.transition(State::PendingError);
        self.close_all();
    }

    /// Waits until no thread of those that `of` chooses is alive, at most for `timeout`. Returns whether that is so.
    pub(crate) async fn wait_ended(&self, of: impl Fn(usize) -> bool, timeout: Duration) -> bool {
        let ended = || {
            let threads = self.threads.lock();
            threads.iter().all(|(index, slot)| !of(*index) || !slot.alive)
        };
        self.wait_until(ended, timeout).await
    }

    /// Waits until no thread is alive, at most for `timeout`. Returns whether that is so.
    pub(crate) async fn wait_all_ended(&self, timeout: Duration) -> bool {
        let ended = || {
            let alone = self.threads.lock().values().all(|slot| !slot.alive);
            alone && !self.global.is_alive()
        };
        self.wait_until(ended, timeout).await
    }

    async fn wait_until(&self, ended: impl Fn() -> bool, timeout: Duration) -> bool {
        let mut ends = self.ends.subscribe();
        let waited = tokio::time::timeout(timeout, ends.wait_for(|_| ended()));
        waited.await.is_ok()
    }

    /// Tells all threads to close. That of the global stores hears of it when the others have ended, for they read them.
    pub(crate) fn close_all(&self) {
        for slot in self.threads.lock().values() {
            slot.stop.close.store(true, Ordering::SeqCst);
        }
        self.end_if_alone();
    }

    /// Waits until the global stores have what their topics had when the instance was started. Returns whether they do;
    /// if not, their thread has ended, or the instance is closed. Says so, long before it gives up, if it waits for the
    /// cluster.
    pub(crate) async fn wait_filled(&self, config: &ValidConfig) -> bool {
        if let Ok(filled) = tokio::time::timeout(REACH_PATIENCE, self.filled()).await {
            return filled;
        }
        if !self.global.reached.load(Ordering::Relaxed) {
            let (servers, timeout) = (config.bootstrap_servers(), config.task_timeout());
            tracing::warn!(
                "no broker of bootstrap.servers={servers} has answered yet; the start waits for task.timeout.ms ({timeout:?})"
            );
        }
        self.filled().await
    }

    async fn filled(&self) -> bool {
        let (mut phase, mut state) = (self.global.phase.subscribe(), self.watch());
        let known = |phase: &GlobalPhase| matches!(phase, GlobalPhase::Filled | GlobalPhase::Ended);
        tokio::select! {
            filled = phase.wait_for(known) => filled.is_ok_and(|phase| *phase == GlobalPhase::Filled),
            // Whoever closes the instance need not wait until the thread hears of it: it may wait for the cluster.
            _ = state.wait_for(|state| *state != State::Rebalancing) => false,
        }
    }

    /// Closes the instance unless it is told that the start has ended.
    pub(crate) fn starting(&self) -> Starting<'_> {
        Starting(Some(self))
    }
}

/// A start under way. One that is given up, by dropping its future, closes the instance.
#[derive(Debug)]
pub(crate) struct Starting<'a>(Option<&'a Lifecycle>);

impl Starting<'_> {
    pub(crate) fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        if let Some(lifecycle) = self.0 {
            lifecycle.transition(State::PendingShutdown);
            lifecycle.close_all();
        }
    }
}
