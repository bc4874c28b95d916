//! The first step of a commit, in parts: records in flight are finished, and tasks hand over the
//! changes they hold back.
//!
//! Each part begins only when there is room for its records.

use super::{
    offsets::{self, Offsets},
    parts::Parts,
};
use crate::{
    Result, TaskId,
    planted::{PlantedBug, is_planted},
    store::LogOrder,
};

/// Continues with the records in flight. Returns whether none is left. All tasks are called, so
/// that none waits for another.
pub(super) fn drain(parts: &mut Parts<'_>, now_ms: i64) -> Result<bool> {
    if !parts.writer.begin(parts.member, now_ms)? || !parts.writer.has_room()? {
        return Ok(false);
    }
    let mut is_drained = true;
    for (_, task) in parts.tasks.running_mut() {
        is_drained &= task.drain(now_ms, parts.writer.collector())?;
    }
    Ok(is_drained || is_planted(PlantedBug::CommitInFlight))
}

/// Returns whether results must be on the cluster before changelogs are written: without
/// transactions a changelog could lose a change that an operator held back while its result is
/// lost.
pub(super) fn sends_results_first(parts: &Parts<'_>) -> bool {
    !parts.writer.is_transactional()
        && parts.tasks.running().any(|(_, task)| task.has_changelogs())
        && !is_planted(PlantedBug::LogBeforeResults)
}

/// Makes the tasks after `forwarded`, the last one done, forward the changes they hold back.
/// Returns whether all have, and none of their records waits for room.
pub(super) fn forward(parts: &mut Parts<'_>, forwarded: &mut Option<TaskId>) -> Result<bool> {
    while parts.writer.has_room()? {
        let next = parts.tasks.running_mut().find(|(id, _)| Some(**id) > *forwarded);
        let Some((id, task)) = next else { return Ok(true) };
        task.flush_caches(parts.writer.collector())?;
        *forwarded = Some(*id);
    }
    Ok(false)
}

/// Prepares the tasks after `staged`, the last one done, and collects the offsets to commit.
/// Returns whether all are prepared and none of their records waits for room.
pub(super) fn stage(
    parts: &mut Parts<'_>,
    offsets: &mut Offsets,
    staged: &mut Option<TaskId>,
) -> Result<bool> {
    // Without a transaction only a part of the records may be written.
    let torn = !parts.writer.is_transactional() && !is_planted(PlantedBug::LogBeforeResults);
    let order = if torn { LogOrder::DeletionsLast } else { LogOrder::OfWrites };
    while parts.writer.has_room()? {
        let next = parts.tasks.running_mut().find(|(id, _)| Some(**id) > *staged);
        let Some((id, task)) = next else {
            offsets::complete(offsets, parts);
            return Ok(true);
        };
        if let Some(of_task) = task.stage(parts.writer.collector(), order)? {
            // Nobody accepts offsets of a deleted topic.
            let of_task = of_task.into_iter();
            offsets.extend(of_task.filter(|(place, _)| !parts.member.is_gone(*id, place)));
            *staged = Some(*id);
        }
    }
    Ok(false)
}
