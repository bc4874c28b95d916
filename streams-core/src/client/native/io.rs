//! The I/O threads.
//!
//! Connections, fetches and sends are tasks of a runtime with one thread. Clients share these
//! threads, of which there are no more than stream threads. Invariant: a thread lives as long as a
//! client that uses it.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::oneshot,
};

use crate::{Error, ErrorKind, Result, client::Answer};

/// Distributes threads over clients.
#[derive(Debug)]
pub(super) struct IoThreads {
    most: usize,
    threads: Mutex<Vec<Weak<IoThread>>>,
}

impl IoThreads {
    /// At most `most` threads, each started when it is first used.
    pub(super) const fn new(most: usize) -> Self {
        Self { most, threads: Mutex::new(Vec::new()) }
    }

    /// A thread for one more client: a new one if there may be more, otherwise the one with the
    /// fewest clients.
    ///
    /// # Errors
    /// `Fatal` if the system can't start a thread.
    pub(super) fn take(&self) -> Result<Arc<IoThread>> {
        let mut threads = self.threads.lock();
        threads.retain(|thread| thread.strong_count() > 0);
        if threads.len() >= self.most {
            let least = threads.iter().min_by_key(|thread| thread.strong_count());
            if let Some(thread) = least.and_then(Weak::upgrade) {
                return Ok(thread);
            }
        }
        let thread = Arc::new(IoThread::start()?);
        threads.push(Arc::downgrade(&thread));
        Ok(thread)
    }
}

/// A runtime with one thread, which may be dropped anywhere, including within another runtime.
pub(super) struct IoThread {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl IoThread {
    fn start() -> Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("kafka-io").enable_all();
        let runtime = builder.build().map_err(|cause| {
            let text = "the operating system starts no thread for a client's connections";
            Error::with_source(ErrorKind::Fatal, text, cause)
        })?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// The runtime of clients' tasks.
    pub(super) const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Begins a call, which continues whether its answer is taken or not, and ends with the thread.
    pub(super) fn begin<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Answer<T> {
        let (sender, receiver) = oneshot::channel();
        self.handle.spawn(async move {
            // The caller may have stopped waiting.
            let _ = sender.send(call.await);
        });
        Answer::later(async move {
            receiver.await.unwrap_or_else(|_| {
                Err(Error::new(ErrorKind::Timeout, "the client was dropped before its answer came"))
            })
        })
    }
}

impl Drop for IoThread {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for IoThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IoThread")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_threads_than_stream_threads_and_clients_are_spread_over_them() {
        let threads = IoThreads::new(2);
        let clients: Vec<_> = (0..5).map(|_| threads.take().unwrap()).collect();
        let of_first = clients.iter().filter(|thread| Arc::ptr_eq(thread, &clients[0])).count();
        assert_eq!(of_first, 3);
        assert_eq!(clients[0].begin(async { Ok(7) }).wait().unwrap(), 7);
        drop(clients);
        threads.take().unwrap();
        assert_eq!(threads.threads.lock().len(), 1, "those without clients have ended");
    }
}
