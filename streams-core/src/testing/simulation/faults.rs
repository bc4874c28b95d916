//! What may go wrong in a simulation.

use std::collections::BTreeSet;

use super::Random;

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
    /// A topic that the scenario lets grow gets more partitions.
    Growth,
    /// One partition has no leader for a while.
    Leaderless,
    /// The group takes no offsets for a while, as while it rebalances.
    RefusedCommits,
    /// What a producer without transactions sent arrives later, when its sender has given it up.
    LateWrites,
    /// The beginning of a changelog is deleted, as far as newer rows supersede it.
    Truncation,
    /// Of what a producer sends some batches are written and the others never.
    TornWrites,
    /// Each call of a client takes time; so does user code that asks for it by `work`, sometimes much.
    SlowCode,
    /// A changelog topic is deleted, and the group makes it anew. Only for a scenario that asks for it: state that is on
    /// no disk is lost by it.
    Deletion,
    /// A producer has no room for a record, for a moment or for long, and it has room for little.
    FullBuffers,
}

impl FaultKind {
    /// Drawn from one sequence, in this order.
    const OLDER: [Self; 10] = [
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

    /// Drawn from a sequence of their own, so that seeds keep what they have of the older ones.
    const NEWER: [Self; 7] = [
        Self::Growth,
        Self::Leaderless,
        Self::RefusedCommits,
        Self::LateWrites,
        Self::Truncation,
        Self::TornWrites,
        Self::SlowCode,
    ];
}

/// The kinds of mishaps that a simulation may choose from. Each seed chooses its own few of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(BTreeSet<FaultKind>);

impl Faults {
    /// Everything but [`FaultKind::Deletion`].
    pub fn all() -> Self {
        let newer = FaultKind::NEWER.into_iter().chain([FaultKind::FullBuffers]);
        Self(FaultKind::OLDER.into_iter().chain(newer).collect())
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

    /// Those that a seed has of these. Half of all seeds have none of the newer kinds; `full` says whether it has full
    /// buffers.
    pub(super) fn chosen(&self, older: &mut Random, newer: &mut Random, full: bool) -> Self {
        let has_newer = newer.per_mille(500);
        let chosen = |kind: &FaultKind| {
            if *kind == FaultKind::Deletion {
                // Who asks for it wants it, and draws nothing for it.
                true
            } else if *kind == FaultKind::FullBuffers {
                full
            } else if FaultKind::NEWER.contains(kind) {
                newer.per_mille(400) && has_newer
            } else {
                older.per_mille(600)
            }
        };
        Self(self.0.iter().copied().filter(chosen).collect())
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::all()
    }
}
