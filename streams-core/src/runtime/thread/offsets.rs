//! The offsets of a commit, in transit to the group or into the transaction.

use super::parts::Parts;
use crate::{
    Result, TopicPartition,
    client::{Answer, OffsetAndMetadata},
    planted::{PlantedBug, is_planted},
    task::ActiveTask,
};

/// Positions from which input is to be read once the commit is complete.
pub(super) type Offsets = Vec<(TopicPartition, OffsetAndMetadata)>;

/// Begins to commit input offsets: in the transaction, which must be ended then, or by the group.
pub(super) fn begin(offsets: &Offsets, parts: &mut Parts<'_>) -> Answer<()> {
    let mut offsets = offsets.clone();
    let running = parts.tasks.running();
    let committed = running.flat_map(|(_, task)| ActiveTask::committed_offsets(task));
    if !parts.writer.is_transactional() {
        if parts.mend.has_gaps() && offsets.is_empty() {
            offsets.extend(committed);
        }
        let is_empty = offsets.is_empty();
        return if is_empty {
            Answer::ready(Ok(()))
        } else {
            parts.member.commit_offsets(&offsets)
        };
    }
    if offsets.is_empty() {
        if is_planted(PlantedBug::ForgetPunctuations) {
            return Answer::ready(Ok(()));
        }
        // Only punctuations have run. The coordinator checks the committer only if there are
        // offsets, and a zombie must not get its transaction through.
        offsets.extend(committed);
    }
    let sent = parts.writer.begin_send_offsets(&offsets, &parts.member.group_metadata());
    if is_planted(PlantedBug::CommitWithoutOffsets) {
        return Answer::ready(sent.wait().or(Ok(())));
    }
    sent
}

/// Returns whether the offsets are committed by the end of a transaction.
pub(super) fn has_transaction(offsets: &Offsets, parts: &Parts<'_>) -> bool {
    let is_forgotten = is_planted(PlantedBug::ForgetPunctuations) && offsets.is_empty();
    parts.writer.is_transactional() && !is_forgotten
}

/// Commits offsets before anything else is on the cluster.
pub(super) fn commit_before_flush(offsets: &Offsets, parts: &mut Parts<'_>) -> Result {
    begin(offsets, parts).wait()?;
    if has_transaction(offsets, parts) {
        parts.writer.begin_commit().wait()?;
        parts.writer.has_ended();
    }
    Ok(())
}
