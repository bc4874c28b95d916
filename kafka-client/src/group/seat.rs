//! State shared by a member's handle and its background task.
//!
//! The handle states its wish; the task acts and leaves at most one event for the owner. Each
//! `start` and `stop` begins a new incarnation, and what the task does for an older one has no
//! effect any more: so the task may still be in the middle of a request when the owner leaves,
//! joins again or goes away.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::event::{Ended, Event};
use crate::Error;

/// The owner's wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// To stay out of the group, or none since the last membership ended.
    Idle,
    /// To be a member.
    Member,
    /// The handle was dropped.
    Gone,
}

/// The shared state: `A` is the type of an assignment, `S` the protocol's own state.
#[derive(Debug)]
pub(super) struct Seat<A, S> {
    state: Mutex<State<A, S>>,
    changes: watch::Sender<()>,
}

/// The part under the lock.
#[derive(Debug)]
pub(super) struct State<A, S> {
    wish: Wish,
    incarnation: u64,
    owner_alive_at: Instant,
    /// Time at which the group stops counting on the member if it hears nothing more from it.
    /// `None` before the member has joined.
    session_end: Option<Instant>,
    /// The event that the owner has not taken yet.
    pub(super) event: Option<Event<A>>,
    /// The latest error, until something succeeds.
    pub(super) last_error: Option<Error>,
    /// The protocol's part.
    pub(super) own: S,
}

impl<A, S> Seat<A, S> {
    pub(super) fn new(own: S) -> Self {
        let state = State {
            wish: Wish::Idle,
            incarnation: 0,
            owner_alive_at: Instant::now(),
            session_end: None,
            event: None,
            last_error: None,
            own,
        };
        Self { state: Mutex::new(state), changes: watch::Sender::new(()) }
    }

    /// Reads or writes data without waking the task.
    pub(super) fn with<T>(&self, access: impl FnOnce(&mut State<A, S>) -> T) -> T {
        access(&mut self.state.lock())
    }

    /// Writes and wakes the task.
    pub(super) fn change<T>(&self, write: impl FnOnce(&mut State<A, S>) -> T) -> T {
        let written = self.with(write);
        self.changes.send_replace(());
        written
    }

    /// Writes for the task, unless its incarnation is over.
    pub(super) fn as_of<T>(
        &self,
        incarnation: u64,
        write: impl FnOnce(&mut State<A, S>) -> T,
    ) -> Option<T> {
        self.with(|state| {
            let current = state.incarnation == incarnation && state.wish == Wish::Member;
            current.then(|| write(state))
        })
    }

    /// Asks the task to become a member; a member stays what it is. An event that was not taken is
    /// dropped: an owner that joins again has drawn the consequences.
    pub(super) fn start(&self, prepare: impl FnOnce(&mut S)) {
        self.change(|state| {
            if state.wish == Wish::Idle {
                state.wish = Wish::Member;
                state.incarnation += 1;
                state.owner_alive_at = Instant::now();
                state.session_end = None;
                state.event = None;
                prepare(&mut state.own);
            }
        });
    }

    /// Asks the task to stop, and reads the data needed for leaving the group.
    pub(super) fn stop<T>(&self, read: impl FnOnce(&mut S) -> T) -> T {
        self.change(|state| {
            state.wish = Wish::Idle;
            state.incarnation += 1;
            state.session_end = None;
            state.event = None;
            state.last_error = None;
            read(&mut state.own)
        })
    }

    /// Lets the task end.
    pub(super) fn close(&self) {
        self.change(|state| state.wish = Wish::Gone);
    }

    /// Notes that the owner is alive.
    pub(super) fn owner_alive(&self) {
        self.with(|state| state.owner_alive_at = Instant::now());
    }

    /// Sets the time until which the group counts on the member.
    pub(super) fn session_ends(&self, incarnation: u64, at: Option<Instant>) {
        self.as_of(incarnation, |state| state.session_end = at);
    }

    /// Time for which the group still counts on the member; zero if the membership has ended and
    /// the owner has not been told yet.
    pub(super) fn session_left(&self) -> Option<Duration> {
        self.with(|state| match state.event {
            Some(Event::Lost(_) | Event::Failed(_)) => Some(Duration::ZERO),
            _ => Some(state.session_end?.saturating_duration_since(Instant::now())),
        })
    }

    /// Ends a membership with its event.
    pub(super) fn end(&self, incarnation: u64, ended: Ended) {
        self.as_of(incarnation, |state| {
            state.wish = Wish::Idle;
            state.session_end = None;
            state.event = Some(ended.into());
        });
    }

    /// Waits until the owner wishes to be a member, and returns the incarnation; `None` if the
    /// handle is gone.
    pub(super) async fn called(&self) -> Option<u64> {
        self.wait_until(|state| match state.wish {
            Wish::Idle => None,
            Wish::Member => Some(Some(state.incarnation)),
            Wish::Gone => Some(None),
        })
        .await
    }

    /// Waits until the incarnation is over.
    pub(super) async fn superseded(&self, incarnation: u64) {
        self.wait_until(|state| {
            (state.incarnation != incarnation || state.wish != Wish::Member).then_some(())
        })
        .await;
    }

    /// Waits until the owner has been silent for `span`.
    pub(super) async fn owner_silent(&self, span: Duration) {
        loop {
            let deadline = self.with(|state| state.owner_alive_at) + span;
            if Instant::now() >= deadline {
                return;
            }
            sleep_until(deadline).await;
        }
    }

    /// Waits until `found` finds something in the state; it is called again after each change.
    pub(super) async fn wait_until<T>(
        &self,
        mut found: impl FnMut(&mut State<A, S>) -> Option<T>,
    ) -> T {
        let mut changes = self.changes.subscribe();
        loop {
            if let Some(found) = self.with(&mut found) {
                return found;
            }
            // The sender is a field of `self`: the channel can't be closed while this waits.
            let _ = changes.changed().await;
        }
    }
}
