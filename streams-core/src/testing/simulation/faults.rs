//! What may go wrong in a simulation.

use std::collections::BTreeSet;

/// A kind of mishap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// An instance ends without closing, and comes back later. Of its state on disk it has lost what was not
    /// flushed.
    Crash,
    /// A crashed instance comes back with an empty state directory, as another process.
    LostState,
    /// An instance is closed, and comes back later.
    Close,
    /// Not all instances are there from the start: some join later.
    Join,
    /// A call of a client fails without effect.
    Unavailable,
    /// A call of a client has its effect but fails.
    LostReply,
    /// An instance stands still between two turns, often for longer than its session.
    Nap,
    /// An instance stands still in the middle of a turn, at a call of a client, while the others go on.
    Pause,
    /// The cluster serves nobody for a while.
    BrokerDown,
    /// The clock jumps forward.
    ClockJump,
}

impl FaultKind {
    const ALL: [Self; 10] = [
        Self::Crash,
        Self::LostState,
        Self::Close,
        Self::Join,
        Self::Unavailable,
        Self::LostReply,
        Self::Nap,
        Self::Pause,
        Self::BrokerDown,
        Self::ClockJump,
    ];
}

/// The kinds of mishaps that a simulation may choose from. Each seed chooses its own few of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(BTreeSet<FaultKind>);

impl Faults {
    /// Everything.
    pub fn all() -> Self {
        Self(FaultKind::ALL.into_iter().collect())
    }

    /// Nothing.
    pub const fn none() -> Self {
        Self(BTreeSet::new())
    }

    /// These, and `kind`.
    #[must_use]
    pub fn with(mut self, kind: FaultKind) -> Self {
        self.0.insert(kind);
        self
    }

    /// These without `kind`.
    #[must_use]
    pub fn without(mut self, kind: FaultKind) -> Self {
        self.0.remove(&kind);
        self
    }

    /// Whether `kind` is among them.
    pub fn has(&self, kind: FaultKind) -> bool {
        self.0.contains(&kind)
    }

    /// Those that `keep` chooses, asked in a fixed order.
    pub(super) fn filtered(&self, mut keep: impl FnMut(FaultKind) -> bool) -> Self {
        Self(self.0.iter().copied().filter(|kind| keep(*kind)).collect())
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::all()
    }
}
