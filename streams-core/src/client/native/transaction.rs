//! State of a producer between its transactions.
//!
//! The answer of a pending call determines it, whether anybody looks at the answer or not. A caller
//! that has to know waits for that.

use std::sync::mpsc::{self, Receiver, Sender};

use super::io::IoThread;
use crate::{Result, client::Answer};

/// State of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// There are no transactions, or they were not initialised.
    None,
    /// Between transactions.
    Ready,
    /// In a transaction.
    Open,
}

/// Holds the state, and the calls that may change it.
#[derive(Debug)]
pub(super) struct TransactionState {
    standing: Standing,
    /// Number of calls that have begun and whose answer has not been taken.
    begun: usize,
    told: Receiver<Option<Standing>>,
    tells: Sender<Option<Standing>>,
}

impl TransactionState {
    pub(super) fn new() -> Self {
        let (tells, told) = mpsc::channel();
        Self { standing: Standing::None, begun: 0, told, tells }
    }

    /// The state when every pending call is answered. Waits for them: they end in time.
    pub(super) fn settled(&mut self) -> Standing {
        while self.begun > 0 {
            self.begun -= 1;
            if let Ok(Some(standing)) = self.told.recv() {
                self.standing = standing;
            }
        }
        self.standing
    }

    /// Returns whether a transaction is open, or a call is pending that may leave it open.
    pub(super) const fn may_be_open(&self) -> bool {
        self.begun > 0 || matches!(self.standing, Standing::Open)
    }

    /// Notes that a transaction has begun.
    pub(super) const fn opened(&mut self) {
        self.standing = Standing::Open;
    }

    /// Begins a call that, if it succeeds, leaves the producer in state `then`.
    pub(super) fn follow(
        &mut self,
        io: &IoThread,
        then: Standing,
        call: impl Future<Output = Result> + Send + 'static,
    ) -> Answer<()> {
        self.begun += 1;
        let tells = self.tells.clone();
        io.begin(async move {
            let said = call.await;
            // The producer may be gone.
            let _ = tells.send(said.is_ok().then_some(then));
            said
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, ErrorKind, client::native::io::IoThreads};

    #[test]
    fn who_asks_waits_for_the_calls_that_have_begun_and_a_failed_one_changes_nothing() {
        let io = IoThreads::new(1).take().unwrap();
        let mut state = TransactionState::new();
        assert!(!state.may_be_open());
        drop(state.follow(&io, Standing::Ready, async { Ok(()) }));
        assert!(state.may_be_open());
        assert_eq!(state.settled(), Standing::Ready);
        state.opened();
        let failed = async { Err(Error::new(ErrorKind::Timeout, "no answer")) };
        state.follow(&io, Standing::Ready, failed).wait().unwrap_err();
        assert_eq!(state.settled(), Standing::Open);
        drop(state.follow(&io, Standing::Ready, async { Ok(()) }));
        assert_eq!(state.settled(), Standing::Ready);
    }
}
