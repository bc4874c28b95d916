//! The requests of a connection that wait for their answers.
//!
//! Invariant: each registered request gets exactly one outcome, by an answer, by its own time-out
//! or by the end of the connection, and the outcome tells whether the request may have reached the
//! broker.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{sync::oneshot, task::AbortHandle, time::Instant};

use super::frame::{LENGTH_BYTES, correlation_id};
use crate::{Error, ErrorKind, Meter};

/// Outcome of a request: the frame of its answer, or the reason why there is none.
pub(super) type Outcome = Result<Bytes, Error>;

/// Shared by callers, reader and writer of one connection.
#[derive(Debug)]
pub(super) struct Waiting {
    meter: Arc<Meter>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    requests: HashMap<i32, Waiter>,
    tasks: Vec<AbortHandle>,
    /// The reason why the connection ended.
    closed: Option<Error>,
}

#[derive(Debug)]
struct Waiter {
    sent_at: Option<Instant>,
    outcome: oneshot::Sender<Outcome>,
}

impl Waiting {
    /// Of a connection that has just been set up.
    pub(super) fn new(meter: Arc<Meter>) -> Self {
        meter.connected();
        Self { meter, state: Mutex::default() }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().closed.is_some()
    }

    /// Makes a task of the connection end with it.
    pub(super) fn attach(&self, task: AbortHandle) {
        let mut state = self.state.lock();
        if state.closed.is_some() {
            task.abort();
        } else {
            state.tasks.push(task);
        }
    }

    /// Begins to wait for the answer with this correlation id.
    ///
    /// # Errors
    /// `Connection` if the connection has ended.
    pub(super) fn register(&self, id: i32) -> Result<oneshot::Receiver<Outcome>, Error> {
        let mut state = self.state.lock();
        if let Some(reason) = &state.closed {
            return Err(ended(reason, false));
        }
        let (outcome, receiver) = oneshot::channel();
        state.requests.insert(id, Waiter { sent_at: None, outcome });
        Ok(receiver)
    }

    /// Notes that the request, of so many bytes, is about to be written. Returns `false` if nobody
    /// waits for it any more: it must not be sent.
    pub(super) fn mark_sent(&self, id: i32, bytes: usize) -> bool {
        let mut state = self.state.lock();
        match state.requests.get_mut(&id) {
            Some(waiter) if !waiter.outcome.is_closed() => {
                waiter.sent_at = Some(Instant::now());
                self.meter.sent(bytes);
                true
            }
            _ => {
                state.requests.remove(&id);
                false
            }
        }
    }

    /// Tells the waiter that the request is not sent.
    pub(super) fn refuse(&self, id: i32, reason: Error) {
        if let Some(waiter) = self.state.lock().requests.remove(&id) {
            // A cancelled caller has dropped its end.
            let _ = waiter.outcome.send(Err(reason));
        }
    }

    /// Stops waiting. Returns `true` if the request was sent.
    pub(super) fn give_up(&self, id: i32) -> bool {
        let waiter = self.state.lock().requests.remove(&id);
        let was_sent = waiter.is_some_and(|waiter| waiter.sent_at.is_some());
        if was_sent {
            self.meter.timed_out();
        }
        was_sent
    }

    /// Passes an answer to its waiter. Returns `false` if it belongs to no request.
    pub(super) fn deliver(&self, frame: Bytes) -> bool {
        let Some(id) = correlation_id(&frame) else { return false };
        let waiter = self.state.lock().requests.remove(&id);
        match waiter {
            Some(Waiter { sent_at: Some(sent_at), outcome }) => {
                self.meter.answered(frame.len() + LENGTH_BYTES, sent_at.elapsed());
                // A cancelled caller has dropped its end and wants no answer.
                let _ = outcome.send(Ok(frame));
                true
            }
            _ => false,
        }
    }

    /// Ends the connection: its tasks, and every waiting request. Only the first reason counts.
    pub(super) fn close(&self, reason: Error) {
        let mut state = self.state.lock();
        if state.closed.is_some() {
            return;
        }
        for task in state.tasks.drain(..) {
            task.abort();
        }
        for (_, waiter) in state.requests.drain() {
            // As above: a cancelled caller wants no answer.
            let _ = waiter.outcome.send(Err(ended(&reason, waiter.sent_at.is_some())));
        }
        state.closed = Some(reason);
        self.meter.disconnected();
    }
}

/// The error of a request whose connection ended for this reason.
fn ended(reason: &Error, sent: bool) -> Error {
    let kind = match (sent, reason.kind()) {
        (false, _) => ErrorKind::Connection,
        (true, kind @ (ErrorKind::Authentication | ErrorKind::Protocol)) => kind,
        (true, _) => ErrorKind::Timeout,
    };
    let context = if sent { "no answer came" } else { "the request was not sent" };
    Error::with_source(kind, context, reason.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Statistics;

    fn on_a_connection() -> Waiting {
        Waiting::new(Arc::default())
    }

    fn frame(id: u8) -> Bytes {
        Bytes::copy_from_slice(&[0, 0, 0, id, 42])
    }

    #[test]
    fn answers_find_their_requests_in_any_order() {
        let waiting = on_a_connection();
        let mut first = waiting.register(1).unwrap();
        let mut second = waiting.register(2).unwrap();
        assert!(waiting.mark_sent(1, 10) && waiting.mark_sent(2, 10));
        assert!(waiting.deliver(frame(2)) && waiting.deliver(frame(1)));
        assert_eq!(first.try_recv().unwrap().unwrap(), frame(1));
        assert_eq!(second.try_recv().unwrap().unwrap(), frame(2));
    }

    #[test]
    fn an_answer_to_nothing_that_was_sent_is_noticed() {
        let waiting = on_a_connection();
        let _unsent = waiting.register(1).unwrap();
        assert!(!waiting.deliver(frame(1)));
        assert!(!waiting.deliver(frame(9)));
        assert!(!waiting.deliver(Bytes::from_static(&[0, 0])));
    }

    #[test]
    fn the_end_of_a_connection_tells_apart_what_was_sent() {
        let waiting = on_a_connection();
        let mut sent = waiting.register(1).unwrap();
        let mut unsent = waiting.register(2).unwrap();
        assert!(waiting.mark_sent(1, 10));
        waiting.close(Error::new(ErrorKind::Connection, "closed by the broker"));
        let error = sent.try_recv().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(error.to_string(), "no answer came: closed by the broker");
        assert_eq!(unsent.try_recv().unwrap().unwrap_err().kind(), ErrorKind::Connection);
        assert_eq!(waiting.register(3).unwrap_err().kind(), ErrorKind::Connection);
    }

    #[test]
    fn a_request_that_was_given_up_or_whose_caller_is_gone_is_not_sent() {
        let waiting = on_a_connection();
        let _receiver = waiting.register(1).unwrap();
        assert!(!waiting.give_up(1));
        assert!(!waiting.mark_sent(1, 10));
        drop(waiting.register(2).unwrap());
        assert!(!waiting.mark_sent(2, 10));
    }

    #[test]
    fn what_a_connection_does_is_counted() {
        let meter = Arc::<Meter>::default();
        let waiting = Waiting::new(Arc::clone(&meter));
        let _receivers = [1, 2, 3].map(|id| waiting.register(id).unwrap());
        assert!(waiting.mark_sent(1, 10) && waiting.mark_sent(2, 20));
        assert!(waiting.deliver(frame(1)));
        waiting.give_up(2);
        waiting.give_up(3);
        let Statistics { connections, requests, bytes_out, bytes_in, timeouts, .. } =
            meter.statistics();
        assert_eq!((connections, requests, bytes_out, bytes_in, timeouts), (1, 2, 30, 9, 1));
        waiting.close(Error::new(ErrorKind::Connection, "closed by the broker"));
        waiting.close(Error::new(ErrorKind::Connection, "closed again"));
        assert_eq!(meter.statistics().connections, 0);
    }
}
