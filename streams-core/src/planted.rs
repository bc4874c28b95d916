//! Mistakes that can be planted in the runtime, to show that the simulation finds them.
//!
//! Each is a mistake that somebody could make: a step too early, an offset that is off, a missing
//! check. They exist only with the feature `planted-bugs`, which nothing but the crate `tests`
//! enables, and so every build of the whole workspace; without it [`is_planted`] is a constant, and the compiler removes the checks.
//!
//! Invariant: a mistake belongs to the thread that planted it, and is gone when its simulation has
//! ended. Tests on several threads therefore don't see each other's mistakes.

/// A mistake in the runtime.
#[cfg_attr(
    not(feature = "planted-bugs"),
    expect(unreachable_pub, reason = "it is public with the feature `planted-bugs` alone")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PlantedBug {
    /// Input offsets are committed before the producer has written the results of the input.
    CommitBeforeFlush,
    /// After an abort the updates in the overlays still go to the databases.
    KeepOverlayAfterAbort,
    /// A changelog's offset in the database is the greatest of all partitions that the commit
    /// wrote.
    CheckpointWrongOffset,
    /// The coordinator gives a task to its next owner while the previous one still has it.
    TwoOwners,
    /// A restored task takes the committed offset for the offset of a record it has processed.
    SkipFirstRecord,
    /// A transaction with only the writes of punctuations is not committed, but its updates are
    /// applied.
    ForgetPunctuations,
    /// Among records with equal timestamps the one that was queued last comes first.
    LoseTieOrder,
    /// A commit's updates are applied when they are prepared, and again when they are committed.
    ApplyBatchTwice,
    /// A restore reads records of open and aborted transactions.
    RestoreUncommitted,
    /// The coordinator takes offsets from a member that it has expelled.
    ZombieCommits,
    /// Foreign rows in a changelog are not rewritten.
    ForgetForeignRows,
    /// With at-least-once, a window store is restored beyond the committed time, also when a
    /// standby takes over.
    RestoreBeyondCommittedTime,
    /// A restore ends before the last record of the changelog.
    RestoreShortOfEnd,
    /// A task is handed over before its work is committed.
    HandOverBeforeCommit,
    /// A transaction that took too long is aborted, but its producer may continue.
    TransactionOutlivesTimeout,
    /// A starting task overlooks the offsets of an open transaction.
    OverlookPendingOffsets,
    /// A restore does not wait for the transactions that a former owner left open.
    RestoreStablePart,
    /// A restored store reports one record more than it has.
    RestoreOffsetAhead,
    /// A producer that could not abort its transaction is used again.
    ReuseProducerAfterFailedAbort,
    /// A transaction whose offsets were refused is committed all the same.
    CommitWithoutOffsets,
    /// A sink uses the partition count that its topic had when the task wrote its first record.
    StaleSinkCount,
    /// Repartition topics are purged up to the position read, rather than the offset committed.
    PurgeUncommitted,
    /// A store that is flushed twice in a commit forgets the value that it forwarded first.
    ForgetForwarded,
    /// Offsets of records that are in flight in an operator are committed.
    CommitInFlight,
    /// A record that a full producer did not take counts as written.
    ForgetWhenFull,
    /// With at-least-once, changelogs are written together with results, so they may run ahead of
    /// results that are lost.
    LogBeforeResults,
    /// Records overtake others that wait for room.
    OvertakeWhenFull,
    /// Records that wait for room when their transaction is aborted go into the next one.
    KeepWaitingAfterAbort,
    /// Records that are processed while a commit is in transit are written to its transaction.
    WriteIntoEndingTransaction,
    /// A commit takes the positions when it sends them, not those at which it was staged.
    CommitLaterPositions,
}

/// Returns whether the simulation on this thread has planted `bug`.
#[cfg(not(feature = "planted-bugs"))]
#[inline(always)]
#[expect(clippy::inline_always, reason = "nothing may be left of it on the record path")]
pub(crate) const fn is_planted(bug: PlantedBug) -> bool {
    let _ = bug;
    false
}

#[cfg(feature = "planted-bugs")]
pub(crate) use self::planting::{Planted, is_planted};

#[cfg(feature = "planted-bugs")]
mod planting {
    use std::cell::Cell;

    use super::PlantedBug;

    thread_local! {
        static PLANTED: Cell<Option<PlantedBug>> = const { Cell::new(None) };
    }

    /// Returns whether the simulation on this thread has planted `bug`.
    pub(crate) fn is_planted(bug: PlantedBug) -> bool {
        PLANTED.get() == Some(bug)
    }

    /// Keeps a mistake planted on this thread for as long as it lives.
    #[derive(Debug)]
    pub(crate) struct Planted(());

    impl Planted {
        /// Plants a mistake, or none.
        pub(crate) fn new(bug: Option<PlantedBug>) -> Self {
            PLANTED.set(bug);
            Self(())
        }
    }

    impl Drop for Planted {
        fn drop(&mut self) {
            PLANTED.set(None);
        }
    }
}
