//! The state of an instance as determined by its threads.

use std::time::Duration;

use parking_lot::{Mutex, ReentrantMutex};
use tokio::sync::watch;

use super::{
    State, UncaughtExceptionResponse,
    global_slot::GlobalSlot,
    listener::{StateListener, UncaughtExceptionHandler},
    metrics::ThreadMetadata,
    threads::{Outlook, Threads},
};
use crate::{Error, config::ValidConfig};

/// Time for which the start waits for an answer of the cluster before it logs that.
const REACH_PATIENCE: Duration = Duration::from_secs(1);

/// State, listeners and threads of an instance.
pub(crate) struct Lifecycle {
    state: watch::Sender<State>,
    /// Held from a change of state until the listener has been told, so that it hears of changes in
    /// order. The listener itself may cause a change.
    changing: ReentrantMutex<()>,
    state_listener: Mutex<Option<StateListener>>,
    uncaught: Mutex<Option<UncaughtExceptionHandler>>,
    threads: Threads,
    global: GlobalSlot,
    /// Counts the threads that have ended, so that callers can wait for the next.
    ends: watch::Sender<u64>,
    /// The error that ended the instance.
    error: Mutex<Option<Error>>,
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
            threads: Threads::default(),
            global: GlobalSlot::default(),
            ends: watch::Sender::new(0),
            error: Mutex::new(None),
        }
    }

    /// The stream threads.
    pub(crate) fn threads(&self) -> &Threads {
        &self.threads
    }

    /// The thread of the global stores.
    pub(crate) fn global(&self) -> &GlobalSlot {
        &self.global
    }

    /// Calls `listener` after each change of state.
    pub(crate) fn listen(&self, listener: StateListener) {
        *self.state_listener.lock() = Some(listener);
    }

    /// Sets the handler that decides what follows when a thread fails.
    pub(crate) fn ask_of_failures(&self, handler: UncaughtExceptionHandler) {
        *self.uncaught.lock() = Some(handler);
    }

    /// The error that ended the instance.
    pub(crate) fn error(&self) -> Option<Error> {
        self.error.lock().clone()
    }

    pub(crate) fn state(&self) -> State {
        *self.state.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Goes to `next` if the current state allows it, and tells the listener.
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

    /// Answer of the uncaught-exception handler.
    pub(crate) fn ask(&self, error: &Error) -> UncaughtExceptionResponse {
        let handler = self.uncaught.lock().clone();
        handler.map_or(UncaughtExceptionResponse::ShutdownClient, |handler| handler(error))
    }

    /// Takes the report of a thread; the instance runs when all its living threads do.
    pub(crate) fn report(&self, index: usize, running: bool, metadata: ThreadMetadata) {
        let outlook = self.threads.report(index, running, metadata);
        let waits = outlook == Outlook::SomeWait;
        self.transition(if waits { State::Rebalancing } else { State::Running });
    }

    /// Notes that user code blocks a thread: others get its tasks, until it comes back and reports.
    pub(crate) fn is_stuck(&self, index: usize) {
        self.threads.is_stuck(index);
        self.transition(State::Rebalancing);
    }

    /// Notes that a stream thread ended. With an error and no thread left the instance is in error.
    pub(crate) fn ended(&self, index: usize, error: Option<Error>) {
        let outlook = self.threads.has_ended(index);
        if let Some(error) = error {
            self.record(&error);
        }
        match outlook {
            Outlook::NoneLeft => self.end_if_alone(),
            Outlook::AllRun => drop(self.transition(State::Running)),
            Outlook::SomeWait => {}
        }
        self.ends.send_modify(|ends| *ends += 1);
    }

    /// Notes that the thread of the global stores ended. After an error, all others must end.
    pub(crate) fn global_ended(&self, error: Option<Error>) {
        if let Some(error) = &error {
            // First of all, so that callers waiting for the stores find it.
            self.record(error);
        }
        self.global.has_ended();
        match error {
            Some(error) => self.close_with(&error),
            None => self.end_if_alone(),
        }
        self.ends.send_modify(|ends| *ends += 1);
    }

    /// If no stream thread is left, the instance ends with the thread of the global stores, unless
    /// it should go on.
    fn end_if_alone(&self) {
        if self.threads.any_alive() {
            return;
        }
        let failed = self.error.lock().is_some();
        if failed {
            self.transition(State::PendingError);
        }
        if self.global.is_alive() {
            // The last stream thread of a running instance may be removed, and another one added.
            if failed || self.state() == State::PendingShutdown {
                self.global.stop().close();
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

    /// Waits until no thread that `of` chooses is alive, for at most `timeout`. Returns whether
    /// none is.
    pub(crate) async fn wait_ended(&self, of: impl Fn(usize) -> bool, timeout: Duration) -> bool {
        self.wait_until(|| self.threads.are_ended(&of), timeout).await
    }

    /// Waits until no thread is alive, for at most `timeout`. Returns whether none is.
    pub(crate) async fn wait_all_ended(&self, timeout: Duration) -> bool {
        let ended = || !self.threads.any_alive() && !self.global.is_alive();
        self.wait_until(ended, timeout).await
    }

    async fn wait_until(&self, ended: impl Fn() -> bool, timeout: Duration) -> bool {
        let mut ends = self.ends.subscribe();
        let waited = tokio::time::timeout(timeout, ends.wait_for(|_| ended()));
        waited.await.is_ok()
    }

    /// Tells all threads to close. That of the global stores is told when the others, which read
    /// them, have ended.
    pub(crate) fn close_all(&self) {
        self.threads.close_all();
        self.end_if_alone();
    }

    /// Waits until the global stores have everything that their topics had when the instance was
    /// started. Returns whether they do; if not, their thread has ended, or the instance is closed.
    /// Logs that it waits for the cluster long before it gives up.
    pub(crate) async fn wait_filled(&self, config: &ValidConfig) -> bool {
        if let Ok(filled) = tokio::time::timeout(REACH_PATIENCE, self.filled()).await {
            return filled;
        }
        if !self.global.reached_cluster() {
            let (servers, timeout) = (config.bootstrap_servers(), config.task_timeout());
            tracing::warn!(
                "no broker of bootstrap.servers={servers} has answered yet; the start waits for task.timeout.ms ({timeout:?})"
            );
        }
        self.filled().await
    }

    async fn filled(&self) -> bool {
        let mut state = self.watch();
        tokio::select! {
            filled = self.global.filled() => filled,
            // A caller that closes the instance need not wait until the thread learns of it: the
            // thread may be waiting for the cluster.
            _ = state.wait_for(|state| *state != State::Rebalancing) => false,
        }
    }

    /// Closes the instance unless it is told that the start has ended.
    pub(crate) fn starting(&self) -> Starting<'_> {
        Starting(Some(self))
    }
}

/// A start in progress. One that is abandoned, by dropping its future, closes the instance.
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
