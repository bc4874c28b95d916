//! The operating-system threads of stream threads, restorers and global stores. Only this folder
//! starts threads.

#[cfg(feature = "metrics")]
mod endpoint;
mod global;
mod restorer;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::Builder,
    time::Duration,
};

#[cfg(feature = "metrics")]
pub(crate) use self::endpoint::Endpoint;
pub(crate) use self::global::spawn_global;
use self::restorer::{Beside, end_restorer, spawn_restorer};
use super::{
    super::{
        restore_worker::RestoreWorker,
        thread::{StreamThread, is_transient},
    },
    State, UncaughtExceptionResponse,
    app::App,
    lifecycle::Lifecycle,
    metrics::count,
    stop_signal::StopSignal,
    watchdog::Watchdog,
};
use crate::{Error, ErrorKind, Result, time::duration_ms};

/// Pause of a stream thread after a call that the cluster could not serve.
const FAILURE_PAUSE: Duration = Duration::from_millis(50);

/// Pause between two checks whether the group knows that all members must close.
const ANNOUNCE_PAUSE: Duration = Duration::from_millis(10);

/// Starts a stream thread and its restorer.
pub(crate) fn spawn(
    app: &Arc<App>,
    lifecycle: &Arc<Lifecycle>,
    (mut thread, restorer): (StreamThread, RestoreWorker),
) -> Result {
    let (index, name) = (thread.index(), thread.name().to_owned());
    let stop = Arc::new(StopSignal::default());
    let watchdog = Arc::new(Watchdog::new(app.config.max_poll_interval()));
    lifecycle.threads().add(index, &name, &stop, &watchdog);
    let spawned = Builder::new().name(name.clone()).spawn({
        let (app, lifecycle) = (app.clone(), lifecycle.clone());
        move || {
            let beside = Beside { app: app.clone(), lifecycle: lifecycle.clone(), index, stop };
            let stop = beside.stop.clone();
            let error = match spawn_restorer(thread.name(), beside, restorer, &watchdog) {
                Ok(handle) => {
                    let error = drive(&app, &lifecycle, &mut thread, &stop, &watchdog);
                    end_restorer(handle, &mut thread, &stop, error.is_some());
                    error
                }
                Err(error) => Some(error),
            };
            drop(thread);
            lifecycle.ended(index, error);
        }
    });
    let (handle, started) = match spawned {
        Ok(handle) => (Some(handle), Ok(())),
        Err(cause) => (None, Err(no_thread(&name, cause))),
    };
    lifecycle.threads().has_begun(index, handle);
    started
}

fn no_thread(name: &str, cause: std::io::Error) -> Error {
    let text = format!("the operating system starts no thread {name}");
    Error::with_source(ErrorKind::Fatal, text, cause)
}

/// Loops until the thread is told to stop or fails for good; in the latter case returns the error.
fn drive(
    app: &Arc<App>,
    lifecycle: &Arc<Lifecycle>,
    thread: &mut StreamThread,
    stop: &StopSignal,
    watchdog: &Watchdog,
) -> Option<Error> {
    let mut reported = None;
    loop {
        if stop.abandoned() {
            return None;
        }
        if stop.is_set() {
            let closed = guarded(|| thread.close(app.clock.now_ms(), stop.leaves()));
            return closed.map_err(|error| give_up(thread, error).0).err();
        }
        let now_ms = app.clock.now_ms();
        watchdog.begins(now_ms);
        let turn = guarded(|| thread.run_once(now_ms, app.config.poll_interval()));
        if watchdog.ends() {
            reported = None;
        }
        if thread.is_failing() && turn.as_ref().is_ok_and(|turn| !turn.worked) {
            app.clock.sleep(FAILURE_PAUSE);
        }
        if thread.is_asked_to_close() && !stop.is_set() {
            let text = "an instance of the application asked all of them to close";
            lifecycle.close_with(&Error::new(ErrorKind::Fatal, text));
        }
        if lifecycle.state() == State::Running {
            app.keep_house(app.clock.now_ms());
        }
        let report = (thread.is_running(), thread.metadata());
        if reported.as_ref() != Some(&report) {
            lifecycle.report(thread.index(), report.0, report.1.clone());
            watchdog.watch(thread.watches());
            reported = Some(report);
        }
        if let Err(error) = turn {
            let (error, given_up) = give_up(thread, error);
            tracing::error!(thread = %thread.name(), "stream thread failed: {error}");
            count(&app.shared.counters.failed_threads, 1);
            // A handler that panics gives no answer.
            let answer = guarded(|| Ok(lifecycle.ask(&error)));
            let answer = answer.unwrap_or(UncaughtExceptionResponse::ShutdownClient);
            if answer == UncaughtExceptionResponse::ShutdownApplication {
                lifecycle.record(&error);
                announce_shutdown(app, thread, stop);
            }
            if !given_up || answer != UncaughtExceptionResponse::ReplaceThread {
                lifecycle.close_all();
                return Some(error);
            }
            tracing::warn!(thread = %thread.name(), "stream thread is replaced");
            reported = None;
        }
    }
}

/// Tells all instances to close, as the last action of the thread. It takes no longer than a
/// session: members that have not heard by then will not.
fn announce_shutdown(app: &App, thread: &mut StreamThread, stop: &StopSignal) {
    let started_ms = app.clock.now_ms();
    while !stop.abandoned()
        && app.clock.now_ms() - started_ms < duration_ms(app.config.session_timeout())
    {
        match guarded(|| thread.shut_application_down()) {
            Ok(true) => break,
            Ok(false) => {}
            Err(error) if is_transient(&error) || error.kind() == ErrorKind::Fenced => {}
            Err(error) => {
                tracing::warn!(thread = %thread.name(), "the other instances are not told to close: {error}");
                break;
            }
        }
        app.clock.sleep(ANNOUNCE_PAUSE);
    }
    let _ = guarded(|| thread.leave_group()); // The session timeout does it otherwise.
}

/// Gives up all tasks after an unrecoverable error. Returns the error, with the node and record if
/// it was a panic, and whether the tasks could be given up: dropping them runs user code, which may
/// panic again.
pub(crate) fn give_up(thread: &mut StreamThread, error: Error) -> (Error, bool) {
    let error = match thread.after_panic() {
        Some(whereabouts) if error.kind() == ErrorKind::Panic => error.in_context(whereabouts),
        _ => error,
    };
    // Whatever the error was, no uncommitted work may stay.
    let dropped = guarded(|| {
        thread.drop_work();
        Ok(())
    });
    let _ = guarded(|| thread.leave_group()); // The session timeout does it otherwise.
    (error, dropped.is_ok())
}

/// Runs `body` and turns a panic of user code into an error.
pub(crate) fn guarded<R>(body: impl FnOnce() -> Result<R>) -> Result<R> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a value that is no text".to_owned());
        Err(Error::new(ErrorKind::Panic, format!("user code panicked: {text}")))
    })
}
