//! Stateful tasks that stay where their state is while another member warms up (KIP-441).
//!
//! Invariant: a task stays away from its intended member only if another process has clearly better
//! state, and at most `max.warmup.replicas` warm-ups run at once, earlier ones first.

use std::collections::{BTreeMap, BTreeSet};

use super::{StandbySettings, board::Board};
use crate::TaskId;

/// Differences of the plan for stateful tasks from the board.
#[derive(Debug, Default)]
pub(super) struct Movements {
    /// Tasks that stay active on a member other than the intended one.
    pub(super) stays: BTreeMap<TaskId, usize>,
    /// Members that build up the state of a task that they are intended to run.
    pub(super) warmups: BTreeMap<TaskId, usize>,
}

impl Movements {
    pub(super) fn plan(
        board: &Board<'_>,
        stateful: &BTreeSet<TaskId>,
        settings: &StandbySettings,
    ) -> Self {
        let mut movements = Self::default();
        let mut wanted = Vec::new();
        for &task in stateful {
            let Some(member) = board.intended(task) else { continue };
            let Some(process) = better_process(board, task, member, settings) else { continue };
            let keeper = movements.keeper(board, task, process);
            if let Some(keeper) = keeper {
                movements.stays.insert(task, keeper);
                let begun = board.previous(member).warmup.contains(&task);
                wanted.push((!begun, task, member));
            }
        }
        wanted.sort_unstable();
        let allowed = wanted.into_iter().take(settings.max_warmup_replicas);
        movements.warmups = allowed.map(|(_, task, member)| (task, member)).collect();
        movements
    }

    /// The member of a process that runs a task for now: its owner, if it is there.
    fn keeper(&self, board: &Board<'_>, task: TaskId, process: usize) -> Option<usize> {
        if let Some(owner) = board.owner(task).filter(|&owner| board.process_of(owner) == process) {
            return Some(owner);
        }
        let guests = |member| self.stays.values().filter(|&&keeper| keeper == member).count();
        let members = board.members_of(process).iter().copied();
        members.min_by_key(|&member| board.load(member) + guests(member))
    }

    /// The process on which a task is active.
    pub(super) fn active_process(&self, board: &Board<'_>, task: TaskId) -> Option<usize> {
        let member = self.stays.get(&task).copied().or_else(|| board.intended(task))?;
        Some(board.process_of(member))
    }

    /// The process on which a task warms up.
    pub(super) fn warmup_process(&self, board: &Board<'_>, task: TaskId) -> Option<usize> {
        self.warmups.get(&task).map(|&member| board.process_of(member))
    }
}

/// A process that should run `task` instead of the intended `member`, because its state is clearly
/// more recent.
fn better_process(
    board: &Board<'_>,
    task: TaskId,
    member: usize,
    settings: &StandbySettings,
) -> Option<usize> {
    let acceptable = settings.acceptable_recovery_lag;
    let own = board.lag(board.process_of(member), task);
    if own.is_some_and(|lag| lag <= acceptable) {
        return None;
    }
    let lags =
        || board.processes().filter_map(|process| Some((board.lag(process, task)?, process)));
    let (least, best) = lags().min()?;
    if own.is_some_and(|own| least > acceptable && own <= least.saturating_add(acceptable)) {
        return None;
    }
    // The owner keeps the task unless another process is clearly better: a move would only
    // interrupt it.
    let good = acceptable.max(least.saturating_add(acceptable));
    let owner = board.owner(task).map(|owner| board.process_of(owner));
    let owner = owner.filter(|&owner| board.lag(owner, task).is_some_and(|lag| lag <= good));
    let process = owner.unwrap_or(best);
    (process != board.process_of(member)).then_some(process)
}
