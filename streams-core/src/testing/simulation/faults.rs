//! Faults of a simulation.

use std::collections::BTreeSet;

use super::Random;

/// Kind of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// An instance ends without closing, and comes back later. It has lost the unflushed part of
    /// its state on disk.
    Crash,
    /// A crashed instance comes back with an empty state directory, as another process.
    LostState,
    /// An instance is closed, and comes back later.
    Close,
    /// Some instances are not there from the start, but join later.
    Join,
    /// A call of a client fails without effect.
    Unavailable,
    /// A call of a client takes effect but fails.
    LostReply,
    /// An instance stands still between two turns, often for longer than its session.
    Nap,
    /// An instance stands still in the middle of a turn, at a call of a client, while the others go
    /// on.
    Pause,
    /// The cluster serves nobody for a while.
    BrokerDown,
    /// The clock jumps forward.
    ClockJump,
    /// A topic that the scenario allows to grow gains partitions.
    Growth,
    /// One partition has no leader for a while.
    Leaderless,
    /// The group accepts no offsets for a while, as during a rebalance.
    RefusedCommits,
    /// Records of a producer without transactions arrive later, when their sender has given them
    /// up.
    LateWrites,
    /// The beginning of a changelog is deleted, as far as newer rows supersede it.
    Truncation,
    /// Some records of a producer are written and the rest never, even within one partition.
    TornWrites,
    /// Each call of a client takes time; so does user code that calls `work`, sometimes much.
    SlowCode,
    /// A changelog topic is deleted, and the group recreates it. Only for a scenario that asks for
    /// it, because state that is on no disk is lost.
    Deletion,
    /// A producer has no room for a record, briefly or for long, and it has room for little.
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

    /// Drawn from another sequence, so that seeds keep their choice of the older ones.
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

/// The faults from which a simulation may choose. Each seed chooses its own few of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(BTreeSet<FaultKind>);

impl Faults {
    /// All faults but [`FaultKind::Deletion`].
    pub fn all() -> Self {
        let newer = FaultKind::NEWER.into_iter().chain([FaultKind::FullBuffers]);
        Self(FaultKind::OLDER.into_iter().chain(newer).collect())
    }

    /// No faults.
    pub const fn none() -> Self {
        Self(BTreeSet::new())
    }

    /// Adds `kind`.
    #[must_use]
    pub fn with(mut self, kind: FaultKind) -> Self {
        self.0.insert(kind);
        self
    }

    /// Removes `kind`.
    #[must_use]
    pub fn without(mut self, kind: FaultKind) -> Self {
        self.0.remove(&kind);
        self
    }

    /// Returns whether `kind` is in the set.
    pub fn has(&self, kind: FaultKind) -> bool {
        self.0.contains(&kind)
    }

    /// The kinds that a seed chooses from the set. Half of all seeds have none of the newer kinds;
    /// `full` tells whether it has full buffers.
    pub(super) fn chosen(&self, older: &mut Random, newer: &mut Random, full: bool) -> Self {
        let has_newer = newer.per_mille(500);
        let chosen = |kind: &FaultKind| {
            if *kind == FaultKind::Deletion {
                // A scenario that allows it wants it, and draws nothing for it.
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
