//! Events of a membership for its owner.

use crate::Error;

/// An event to which the owner of a membership must react.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<A> {
    /// The member's new assignment. Only the newest one is kept until the owner asks.
    Assigned(A),
    /// The membership is over: the group does not know the member or its generation any more, its
    /// session expired by our own clock, or the owner was silent for too long. Drop all work, then
    /// join again.
    Lost(Error),
    /// The membership is over and joining again won't help: access is denied, the group uses
    /// another protocol, or another process has taken the instance id.
    Failed(Error),
}

/// End of a membership.
#[derive(Debug)]
pub(super) enum Ended {
    /// Like [`Event::Lost`].
    Lost(Error),
    /// Like [`Event::Failed`].
    Failed(Error),
}

impl<A> From<Ended> for Event<A> {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Lost(error) => Self::Lost(error),
            Ended::Failed(error) => Self::Failed(error),
        }
    }
}
