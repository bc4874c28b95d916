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

/// Adds the offsets of the last commit where a commit without any is not enough, once all tasks are
/// staged.
pub(super) fn complete(offsets: &mut Offsets, parts: &Parts<'_>) {
    // If only punctuations have run: the coordinator checks the committer only if there are offsets,
    // and a zombie must not get its transaction through, nor rewrite rows.
    let needed = parts.writer.is_transactional() || parts.mend.has_gaps();
    let is_planted = parts.writer.is_transactional() && is_planted(PlantedBug::ForgetPunctuations);
    if offsets.is_empty() && needed && !is_planted {
        let running = parts.tasks.running();
        offsets.extend(running.flat_map(|(_, task)| ActiveTask::committed_offsets(task)));
    }
}

/// Begins to commit input offsets: in the transaction, which must be ended then, or by the group.
pub(super) fn begin(offsets: &Offsets, parts: &mut Parts<'_>) -> Answer<()> {
    if is_planted(PlantedBug::CommitLaterPositions) {
        let running = parts.tasks.running();
        let later: Offsets = running.flat_map(|(_, task)| ActiveTask::offsets(task)).collect();
        let known = |place: &TopicPartition| later.iter().any(|(other, _)| other == place);
        let staged = offsets.iter().filter(|(place, _)| !known(place)).cloned();
        let offsets = staged.chain(later.iter().cloned()).collect();
        return send(&offsets, parts);
    }
    send(offsets, parts)
}

fn send(offsets: &Offsets, parts: &mut Parts<'_>) -> Answer<()> {
    if offsets.is_empty() {
        return Answer::ready(Ok(()));
    }
    if !parts.writer.is_transactional() {
        return parts.member.commit_offsets(offsets);
    }
    let sent = parts.writer.begin_send_offsets(offsets, &parts.member.group_metadata());
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
