//! The thread that fills the global stores.

use std::{sync::Arc, thread::Builder};

use super::{
    super::{super::global_thread::GlobalThread, State, app::App, lifecycle::Lifecycle},
    FAILURE_PAUSE, guarded, no_thread,
};
use crate::{Error, ErrorKind, Result};

/// Starts the thread that fills the global stores.
pub(crate) fn spawn_global(
    app: &Arc<App>,
    lifecycle: &Arc<Lifecycle>,
    mut thread: GlobalThread,
) -> Result {
    let name = thread.name().to_owned();
    lifecycle.global().begins();
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
            lifecycle.global().has_begun(handle);
            Ok(())
        }
        Err(cause) => {
            lifecycle.global().has_ended();
            Err(no_thread(&name, cause))
        }
    }
}

/// Loops until the thread is told to stop or fails for good; in the latter case returns the error.
fn drive_global(app: &App, lifecycle: &Lifecycle, thread: &mut GlobalThread) -> Option<Error> {
    let global = lifecycle.global();
    loop {
        if global.stop().abandoned() {
            return None;
        }
        if global.stop().is_set() {
            return guarded(|| thread.close()).err();
        }
        let turn = guarded(|| thread.run_once(app.clock.now_ms(), app.config.poll_interval()));
        if let Err(error) = turn {
            let error = match thread.after_panic() {
                Some(whereabouts) if error.kind() == ErrorKind::Panic => {
                    error.in_context(whereabouts)
                }
                _ => error,
            };
            tracing::error!(thread = %thread.name(), "the thread of the global stores failed: {error}");
            // The answer does not matter: without global stores the instance can't go on. Nor does
            // a panic of the handler.
            let _ = guarded(|| Ok(lifecycle.ask(&error)));
            return Some(error);
        }
        if thread.is_failing() {
            app.clock.sleep(FAILURE_PAUSE);
        } else {
            global.has_reached_cluster();
        }
        if thread.is_filled() {
            global.is_filled();
        }
        if lifecycle.state() == State::Running {
            app.keep_house(app.clock.now_ms());
        }
    }
}
