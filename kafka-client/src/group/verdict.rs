//! The reaction to an answer of the coordinator.

use crate::{Error, ErrorKind, Result};

/// The reaction to an answer, or to its absence.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It was accepted.
    Done,
    /// The group rebalances: join again, which is not a failure.
    Rejoin,
    /// The coordinator can't serve it now: try again later.
    Retry(Error),
    /// The coordinator is elsewhere or out of reach: look it up and try again.
    Moved(Error),
    /// The group does not know the member, its generation or its epoch.
    Lost(Error),
    /// Trying again won't help.
    Failed(Error),
}

impl Verdict {
    /// Judges the error code of an answer.
    pub(super) fn of_code(code: i16, context: &str, message: Option<&str>) -> Self {
        match code {
            0 => return Self::Done,
            27 => return Self::Rejoin,
            _ => {}
        }
        let error = Error::from_code(code, context, message);
        match code {
            // COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR.
            15 | 16 => Self::Moved(error),
            // ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, GROUP_ID_NOT_FOUND (all its members are gone),
            // FENCED_MEMBER_EPOCH, STALE_MEMBER_EPOCH.
            22 | 25 | 69 | 110 | 113 => Self::Lost(error),
            _ if error.kind() == ErrorKind::Retriable || error.kind() == ErrorKind::Timeout => {
                Self::Retry(error)
            }
            // FENCED_INSTANCE_ID is among them: with two processes of one instance id, they would
            // only push each other out by joining again, for ever.
            _ => Self::Failed(error),
        }
    }

    /// Judges an answer by the error code that `code` finds in it, and a failed call by its error.
    pub(super) fn of<R>(
        answer: Result<R>,
        context: &str,
        code: impl FnOnce(&R) -> i16,
    ) -> (Self, Option<R>) {
        match answer {
            Ok(answer) => (Self::of_code(code(&answer), context, None), Some(answer)),
            Err(error) => (Self::of_error(error), None),
        }
    }

    /// Judges a call that brought no answer.
    pub(super) fn of_error(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Connection | ErrorKind::Timeout => Self::Moved(error),
            ErrorKind::Retriable => Self::Retry(error),
            _ => Self::Failed(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_asks_for_its_reaction() {
        let verdict = |code| Verdict::of_code(code, "Heartbeat", None);
        assert!(matches!(verdict(0), Verdict::Done));
        assert!(matches!(verdict(27), Verdict::Rejoin));
        assert!(matches!(verdict(14), Verdict::Retry(_)));
        for code in [15, 16] {
            assert!(matches!(verdict(code), Verdict::Moved(_)), "{code}");
        }
        for code in [22, 25, 69, 110, 113] {
            assert!(matches!(verdict(code), Verdict::Lost(_)), "{code}");
        }
        for code in [-1, 23, 24, 26, 30, 35, 42, 81, 82, 111] {
            assert!(matches!(verdict(code), Verdict::Failed(_)), "{code}");
        }
    }

    #[test]
    fn without_an_answer_the_coordinator_is_looked_up_again_but_a_denied_access_ends_it() {
        let verdict = |kind| Verdict::of_error(Error::new(kind, "test"));
        assert!(matches!(verdict(ErrorKind::Connection), Verdict::Moved(_)));
        assert!(matches!(verdict(ErrorKind::Timeout), Verdict::Moved(_)));
        assert!(matches!(verdict(ErrorKind::Retriable), Verdict::Retry(_)));
        assert!(matches!(verdict(ErrorKind::Authentication), Verdict::Failed(_)));
        assert!(matches!(verdict(ErrorKind::Protocol), Verdict::Failed(_)));
    }
}
