//! The operating-system threads that drive stream threads, restorers and the filling of global stores. Only this file
//! starts threads.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{Builder, JoinHandle},
    time::Duration,
};

use super::{
    super::{
        global_thread::GlobalThread,
        restore_worker::RestoreWorker,
        thread::{StreamThread, is_transient},
    },
    State, UncaughtExceptionResponse,
    app::App,
    lifecycle::{GlobalPhase, Lifecycle, StopSignal, ThreadSlot},
    metrics::ThreadMetadata,
};
use crate::{Error, ErrorKind, Result, time::duration_ms};

/// How long a restorer waits when nothing has come for its tasks.
const RESTORER_IDLE: Duration = Duration::from_millis(5);

/// How long it waits for an order when it has no tasks, until it looks whether it is to end.
const RESTORER_WAIT: Duration = Duration::from_millis(100);

/// Pause of a stream thread that the cluster could not serve.
const FAILURE_PAUSE: Duration = Duration::from_millis(50);

/// Pause between two looks whether the group has heard that all are to close.
const ANNOUNCE_PAUSE: Duration = Duration::from_millis(10);

/// Starts a stream thread and its restorer.
pub(crate) fn spawn(
    app: &Arc<App>,
    lifecycle: &Arc<Lifecycle>,
    (mut thread, restorer): (StreamThread, RestoreWorker),
) -> Result {
    let (index, name) = (thread.index(), thread.name().to_owned());
    let stop = Arc::new(StopSignal::default());
    let metadata = ThreadMetadata { thread_name: name.clone(), ..ThreadMetadata::default() };
    let slot =
        ThreadSlot { stop: stop.clone(), metadata, running: false, alive: true, handle: None };
    lifecycle.threads.lock().insert(index, slot);
    let spawned = Builder::new().name(name.clone()).spawn({
        let (app, lifecycle, stop) = (app.clone(), lifecycle.clone(), stop.clone());
        move || {
            let error = match spawn_restorer(&app, thread.name(), restorer, &stop) {
                Ok(handle) => {
                    let error = drive(&app, &lifecycle, &mut thread, &stop);
                    end_restorer(handle, &mut thread, &stop, error.is_some());
                    error
                }
                Err(error) => Some(error),
            };
            drop(thread);
            lifecycle.ended(index, error);
        }
    });
    let mut threads = lifecycle.threads.lock();
    let slot = threads.get_mut(&index);
    match spawned {
        Ok(handle) => {
            if let Some(slot) = slot {
                slot.handle = Some(handle);
            }
            Ok(())
        }
        Err(cause) => {
            if let Some(slot) = slot {
                slot.alive = false;
            }
            Err(no_thread(&name, cause))
        }
    }
}

fn no_thread(name: &str, cause: std::io::Error) -> Error {
    let text = format!("the operating system starts no thread {name}");
    Error::with_source(ErrorKind::Fatal, text, cause)
}

fn spawn_restorer(
    app: &Arc<App>,
    thread: &str,
    mut restorer: RestoreWorker,
    stop: &Arc<StopSignal>,
) -> Result<JoinHandle<()>> {
    let name = format!("{thread}-restore");
    let (app, stop) = (app.clone(), stop.clone());
    let drive = move || drive_restorer(&app, &mut restorer, &stop);
    Builder::new().name(name.clone()).spawn(drive).map_err(|cause| no_thread(&name, cause))
}

/// Waits until the restorer has let go of its tasks: it must not outlive its thread.
fn end_restorer(
    handle: JoinHandle<()>,
    thread: &mut StreamThread,
    stop: &StopSignal,
    failed: bool,
) {
    if failed {
        thread.release_restorer();
    }
    if handle.join().is_err() {
        // A panic of its own was told to the thread; this one came on its way out.
        stop.abandon.store(true, std::sync::atomic::Ordering::SeqCst);
    }
    thread.close_returned();
}

/// Starts the thread that fills the global stores.
pub(crate) fn spawn_global(
    app: &Arc<App>,
    lifecycle: &Arc<Lifecycle>,
    mut thread: GlobalThread,
) -> Result {
    let name = thread.name().to_owned();
    lifecycle.global.phase.send_replace(GlobalPhase::Filling);
    let handle = Builder::new().name(name.clone()).spawn({
        let (app, lifecycle) = (app.clone(), lifecycle.clone());
        move || {
            let error = drive_global(&app, &lifecycle, &mut thread);
            drop(thread);
            lifecycle.global_ended(error);
        }
    });
    match handle {
        Ok(handle) => {
            *lifecycle.global.handle.lock() = Some(handle);
            Ok(())
        }
        Err(cause) => {
            lifecycle.global.phase.send_replace(GlobalPhase::Ended);
            let text = format!("the operating system starts no thread {name}");
            Err(Error::with_source(ErrorKind::Fatal, text, cause))
        }
    }
}

/// Loops until the thread is told to stop or fails for good; then returns the error.
fn drive_global(app: &App, lifecycle: &Lifecycle, thread: &mut GlobalThread) -> Option<Error> {
    let stop = &lifecycle.global.stop;
    loop {
        if stop.abandoned() {
            return None;
        }
        if stop.is_set() {
            return guarded(|| thread.close()).err();
        }
        let turn = guarded(|| thread.run_once(app.clock.now_ms(), app.config.poll_interval()));
        if let Err(error) = turn {
            let error = match thread.after_panic() {
                Some(place) if error.kind() == ErrorKind::Panic => error.in_context(place),
                _ => error,
            };
            tracing::error!(thread = %thread.name(), "the thread of the global stores failed: {error}");
            // Whatever the answer is: without global stores the instance can't go on. Nor does a handler that panics
            // change that.
            let _ = guarded(|| Ok(lifecycle.ask(&error)));
            return Some(error);
        }
        if thread.is_failing() {
            app.clock.sleep(FAILURE_PAUSE);
        }
        if thread.is_filled() {
            lifecycle.global.phase.send_if_modified(|phase| {
                std::mem::replace(phase, GlobalPhase::Filled) != GlobalPhase::Filled
            });
        }
        if lifecycle.state() == State::Running {
            app.keep_house(app.clock.now_ms());
        }
    }
}

/// Loops until the thread is told to stop or fails for good; then returns the error.
fn drive(
    app: &Arc<App>,
    lifecycle: &Arc<Lifecycle>,
    thread: &mut StreamThread,
    stop: &StopSignal,
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
        let turn = guarded(|| thread.run_once(app.clock.now_ms(), app.config.poll_interval()));
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
            reported = Some(report);
        }
        if let Err(error) = turn {
            let (error, given_up) = give_up(thread, error);
            tracing::error!(thread = %thread.name(), "stream thread failed: {error}");
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

/// Tells all instances to close, as the thread's last deed. It takes no longer than a session: whoever has not
/// heard by then will not.
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

/// Gives up all tasks after an error that the thread can't go on from. Returns the error, with the place if it
/// was a panic, and whether the tasks could be given up: dropping them runs user code, which may panic again.
pub(crate) fn give_up(thread: &mut StreamThread, error: Error) -> (Error, bool) {
    let error = match thread.after_panic() {
        Some(place) if error.kind() == ErrorKind::Panic => error.in_context(place),
        _ => error,
    };
    // Whatever the error was, nothing of what is uncommitted may stay.
    let dropped = guarded(|| {
        thread.drop_work();
        Ok(())
    });
    let _ = guarded(|| thread.leave_group()); // The session timeout does it otherwise.
    (error, dropped.is_ok())
}

fn drive_restorer(app: &App, restorer: &mut RestoreWorker, stop: &StopSignal) {
    while !stop.abandoned() && !restorer.has_ended() {
        let worked = guarded(|| Ok(restorer.run_once(app.clock.now_ms())));
        match worked {
            Ok(true) => std::thread::yield_now(),
            Ok(false) => {
                let idle = if restorer.has_tasks() { RESTORER_IDLE } else { RESTORER_WAIT };
                restorer.wait(idle);
            }
            Err(failed) => restorer.fail(failed),
        }
    }
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
