//! The thread paired with a stream thread: it restores, and watches the stream thread meanwhile.

use std::{
    sync::Arc,
    thread::{Builder, JoinHandle},
    time::Duration,
};

use super::{
    super::{
        super::{restore_worker::RestoreWorker, thread::StreamThread},
        app::App,
        lifecycle::Lifecycle,
        stop_signal::StopSignal,
        watchdog::Watchdog,
    },
    guarded, no_thread,
};
use crate::Result;

/// Time for which a restorer waits when nothing has come for its tasks.
const RESTORER_IDLE: Duration = Duration::from_millis(5);

/// Time for which a restorer without tasks waits for an order before it checks whether it should
/// end.
const RESTORER_WAIT: Duration = Duration::from_millis(100);

/// The stream thread as seen by the thread paired with it.
pub(super) struct Beside {
    pub(super) app: Arc<App>,
    pub(super) lifecycle: Arc<Lifecycle>,
    pub(super) index: usize,
    pub(super) stop: Arc<StopSignal>,
}

pub(super) fn spawn_restorer(
    thread: &str,
    beside: Beside,
    mut restorer: RestoreWorker,
    watchdog: &Arc<Watchdog>,
) -> Result<JoinHandle<()>> {
    let name = format!("{thread}-restore");
    let watchdog = watchdog.clone();
    let drive = move || drive_restorer(&beside, &mut restorer, &watchdog);
    Builder::new().name(name.clone()).spawn(drive).map_err(|cause| no_thread(&name, cause))
}

/// Waits until the restorer has released its tasks: it must not outlive its thread.
pub(super) fn end_restorer(
    handle: JoinHandle<()>,
    thread: &mut StreamThread,
    stop: &StopSignal,
    failed: bool,
) {
    if failed {
        thread.release_restorer();
    }
    if handle.join().is_err() {
        // Its own panic was reported to the thread; this one occurred on its way out.
        stop.abandon();
    }
    thread.close_returned();
}

/// Restores, and watches the stream thread meanwhile.
fn drive_restorer(beside: &Beside, restorer: &mut RestoreWorker, watchdog: &Watchdog) {
    let Beside { app, lifecycle, index, stop } = beside;
    while !stop.abandoned() && !restorer.has_ended() {
        let now_ms = app.clock.now_ms();
        if let Some(text) = watchdog.look(now_ms) {
            tracing::error!(thread = *index, "{text}");
            lifecycle.is_stuck(*index);
        }
        let worked = guarded(|| Ok(restorer.run_once(now_ms)));
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
