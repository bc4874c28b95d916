//! The runtime that drives the sockets and timers of user futures.
//!
//! Futures are polled on the thread of their task. A separate runtime, started by the first of
//! them, only waits for their events and runs the tasks that they spawn.

use std::task::Poll;
use std::{fmt, sync::OnceLock};

use tokio::runtime::{Builder, Runtime};

use crate::{Error, ErrorKind, Result};

/// The runtime in whose context user futures are polled.
#[derive(Default)]
pub(crate) struct Reactor {
    runtime: OnceLock<OwnRuntime>,
}

/// A runtime that may be dropped anywhere, also within another one.
struct OwnRuntime(Option<Runtime>);

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Reactor {
    /// Polls a future in the context of the runtime.
    ///
    /// # Errors
    /// `Fatal` if the system starts no thread.
    pub(crate) fn poll<T>(&self, poll: impl FnOnce() -> Poll<T>) -> Result<Poll<T>> {
        if self.runtime.get().is_none() {
            let runtime = Builder::new_multi_thread()
                .worker_threads(1)
                .thread_name("streams-async")
                .enable_all()
                .build()
                .map_err(|cause| {
                    let text = "the operating system starts no thread for async operators";
                    Error::with_source(ErrorKind::Fatal, text, cause)
                })?;
            // Another thread may have been faster: then this runtime ends at once.
            drop(self.runtime.set(OwnRuntime(Some(runtime))));
        }
        let _entered = self.runtime.get().and_then(|own| own.0.as_ref()).map(Runtime::enter);
        Ok(poll())
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reactor(started: {})", self.runtime.get().is_some())
    }
}
