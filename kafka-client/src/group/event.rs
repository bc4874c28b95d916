//! What a member tells its owner.

use crate::Error;

/// Something that the owner of a membership has to react to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<A> {
    /// What the member is to work on from now on. Only the newest one is kept until the owner asks.
    Assigned(A),
    /// The membership is over: the group does not know the member or its generation any more, its session ran out
    /// by our own clock, or the owner was silent for too long. Drop all work, then join again.
    Lost(Error),
    /// The membership is over and joining again won't help: access is denied, the group works by another protocol,
    /// another process has taken the instance id.
    Failed(Error),
}

/// How a membership ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// As [`Event::Lost`].
    Lost(Error),
    /// As [`Event::Failed`].
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
