//! What the caller's side and the task of a producer share.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    task::Waker,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::BatchReport;
use crate::{Error, Result};

/// Shared by a producer and its task.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Bytes of batches that were closed and are not reported.
    bytes: AtomicUsize,
    state: Mutex<State>,
    /// Told when no batch is on its way any more, or the task has ended.
    idle: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Batches that were closed and are not reported.
    pending: usize,
    reports: Vec<BatchReport>,
    waker: Option<Waker>,
    trouble: Option<Error>,
    /// Why this producer does nothing more.
    fatal: Option<Error>,
}

impl Shared {
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Counts a batch that was closed.
    pub(super) fn closed(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.state.lock().pending += 1;
    }

    /// Counts a batch whose fate is known; without a report if nobody is to hear of it.
    pub(super) fn done(&self, bytes: usize, report: Option<BatchReport>) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        let (is_idle, waker) = {
            let mut state = self.state.lock();
            state.pending = state.pending.saturating_sub(1);
            state.reports.extend(report);
            (state.pending == 0, state.waker.clone())
        };
        if is_idle {
            self.idle.notify_waiters();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits until all batches that were closed are reported.
    pub(super) async fn all_done(&self) {
        loop {
            let idle = self.idle.notified();
            if self.state.lock().pending == 0 {
                return;
            }
            idle.await;
        }
    }

    pub(super) fn take_reports(&self) -> Vec<BatchReport> {
        std::mem::take(&mut self.state.lock().reports)
    }

    pub(super) fn set_waker(&self, waker: &Waker) {
        self.state.lock().waker = Some(waker.clone());
    }

    pub(super) fn set_trouble(&self, error: Error) {
        self.state.lock().trouble = Some(error);
    }

    pub(super) fn take_trouble(&self) -> Option<Error> {
        self.state.lock().trouble.take()
    }

    pub(super) fn set_fatal(&self, error: &Error) {
        self.state.lock().fatal.get_or_insert_with(|| error.clone());
    }

    /// # Errors
    /// Why this producer does nothing more.
    pub(super) fn check(&self) -> Result {
        self.state.lock().fatal.clone().map_or(Ok(()), Err)
    }
}
