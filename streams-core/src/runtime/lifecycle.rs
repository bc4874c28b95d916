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
};
use crate::Error;

/// How a stream thread is told to end.
#[derive(Debug, Default)]
pub(crate) struct StopSignal {
    /// Commit, give up all tasks, leave the group.
    pub(crate) close: AtomicBool,
    /// End at once, as in a crash.
    pub(crate) abandon: AtomicBool,
}

impl StopSignal {
    pub(crate) fn is_set(&self) -> bool {
        self.close.load(Ordering::SeqCst) || self.abandoned()
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
    pub(crate) handles: Vec<std::thread::JoinHandle<()>>,
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

    /// A thread ended. With an error and no thread left the instance is in error.
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
        let failed = {
            let mut first = self.error.lock();
            *first = first.take().or(error);
            first.is_some()
        };
        if none_left && failed && self.transition_to_pending_error() {
            self.transition(State::Error);
        } else if none_left {
            self.transition(State::NotRunning);
        } else if all_running {
            self.transition(State::Running);
        }
        self.ends.send_modify(|ends| *ends += 1);
    }

    fn transition_to_pending_error(&self) -> bool {
        self.state() == State::PendingError || self.transition(State::PendingError)
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
        let mut ends = self.ends.subscribe();
        let waited = tokio::time::timeout(timeout, ends.wait_for(|_| ended()));
        waited.await.is_ok()
    }

    /// Tells all threads to close.
    pub(crate) fn close_all(&self) {
        for slot in self.threads.lock().values() {
            slot.stop.close.store(true, Ordering::SeqCst);
        }
    }
}
