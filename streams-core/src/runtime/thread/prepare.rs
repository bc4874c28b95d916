//! The first step of a commit, in parts: what is in flight ends, and tasks hand over what they hold back.
//!
//! Each part begins only when there is room for what it writes.

use super::{offsets::Offsets, parts::Parts};
use crate::{
    Result, TaskId,
    planted::{PlantedBug, is_planted},
};

/// Goes on with what is in flight. Returns whether nothing is left of it. All tasks are asked, so that none waits for
/// another.
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

/// Prepares the tasks behind the one that was `staged` last, and collects the offsets to commit. Returns whether all are
/// prepared and nothing that they wrote waits for room.
pub(super) fn stage(
    parts: &mut Parts<'_>,
    offsets: &mut Offsets,
    staged: &mut Option<TaskId>,
) -> Result<bool> {
    while parts.writer.has_room()? {
        let next = parts.tasks.running_mut().find(|(id, _)| Some(**id) > *staged);
        let Some((id, task)) = next else { return Ok(true) };
        if task.stage(parts.writer.collector())? {
            let of_task = task.offsets().into_iter();
            // Nobody takes offsets of a topic that is gone.
            offsets.extend(of_task.filter(|(place, _)| !parts.member.is_gone(*id, place)));
            *staged = Some(*id);
        }
    }
    Ok(false)
}
