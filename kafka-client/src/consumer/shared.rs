//! State shared by the callers' side and the task of a consumer.

use std::{sync::Arc, task::Waker};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Partition;
use crate::Error;

/// Shared by a consumer, its readers and its task.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Wakes the task: partitions came or went, or one has room again.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Partitions that the task has not seen yet.
    added: Vec<Arc<Partition>>,
    waker: Option<Waker>,
    trouble: Option<Error>,
    is_closed: bool,
}

impl Shared {
    pub(super) fn add(&self, partition: &Arc<Partition>) {
        self.state.lock().added.push(Arc::clone(partition));
        self.changed.notify_one();
    }

    pub(super) fn take_added(&self) -> Vec<Arc<Partition>> {
        std::mem::take(&mut self.state.lock().added)
    }

    pub(super) fn set_waker(&self, waker: &Waker) {
        self.state.lock().waker = Some(waker.clone());
    }

    /// Wakes the caller.
    pub(super) fn wake(&self) {
        let waker = self.state.lock().waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn set_trouble(&self, error: Error) {
        self.state.lock().trouble = Some(error);
        self.wake();
    }

    pub(super) fn take_trouble(&self) -> Option<Error> {
        self.state.lock().trouble.take()
    }

    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    /// Wakes the task.
    pub(super) fn notify(&self) {
        self.changed.notify_one();
    }

    /// Waits until something has changed since the last call.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}
