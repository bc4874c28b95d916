//! Assignment of tasks to members.
//!
//! A pure function, [`assign`], serves every coordinator whose leader is ours: the embedded
//! cluster's and the classic protocol's. It is deterministic: the same members, tasks and settings
//! give the same answer, and its own answer fed back as `previous` changes nothing.
//!
//! It works in three steps. [`board`] spreads the tasks evenly, keeping as many as it can in place.
//! [`movement`] leaves a stateful task with a member that has its state while its intended member
//! warms up (KIP-441). [`standby`] puts replicas on other processes (KIP-708). The coordinator
//! decides which tasks a member may start at once, and which another must give up first.

mod board;
mod movement;
mod standby;
mod standby_settings;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

pub use self::standby_settings::StandbySettings;
use self::{
    board::{Board, Class},
    movement::Movements,
};
use crate::{
    TaskId,
    membership::{InternalTopics, TaskAssignment, TaskOffsets},
};

/// The name of a member of a group.
pub(crate) type MemberId = String;

/// A member, which is a stream thread, as the assignor sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AssignorMember {
    /// Process of the member. Members of a process share its local state, so a lag that one of them
    /// reports counts for all.
    pub(crate) process_id: Uuid,
    /// `client.tag.*`: standbys go to members whose tags differ from those of the active task's.
    pub(crate) client_tags: BTreeMap<String, String>,
    /// Its previous assignment.
    pub(crate) previous: TaskAssignment,
    /// Progress of its local state.
    pub(crate) offsets: TaskOffsets,
}

/// The tasks to assign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AssignorTasks {
    /// Tasks with state, which have standbys and warm up before they move.
    pub(crate) stateful: BTreeSet<TaskId>,
    /// Tasks without state, which move at once.
    pub(crate) stateless: BTreeSet<TaskId>,
}

impl From<&InternalTopics> for AssignorTasks {
    fn from(topics: &InternalTopics) -> Self {
        let stateful = topics.stateful_tasks();
        let stateless = topics.tasks.difference(&stateful).copied().collect();
        Self { stateful, stateless }
    }
}

/// Assigns each task to exactly one member as active, and stateful tasks to others as standby and
/// warm-up.
///
/// Numbers of active tasks differ by at most one between members, and so do those of stateful
/// tasks; of stateful tasks a process has its share by its number of members, rounded up or down.
/// Tasks that wait for a warm-up are an exception. A task leaves its previous owner only if balance
/// requires it. Without members the answer is empty.
///
/// Java's `HighAvailabilityTaskAssignor`.
pub(crate) fn assign(
    members: &BTreeMap<MemberId, AssignorMember>,
    tasks: &AssignorTasks,
    settings: &StandbySettings,
) -> BTreeMap<MemberId, TaskAssignment> {
    let mut previous: BTreeMap<MemberId, TaskAssignment> =
        members.iter().map(|(id, member)| (id.clone(), member.previous.clone())).collect();
    // A move that has to wait frees nothing yet, so the next round may find a better one. Repeating
    // until nothing changes gives a stable answer.
    for _ in 0..MAX_ROUNDS {
        let next = assign_from(members, &previous, tasks, settings);
        if next == previous {
            break;
        }
        previous = next;
    }
    previous
}

/// Limit on the rounds of `assign`; two suffice except for unusual histories.
const MAX_ROUNDS: usize = 8;

fn assign_from(
    members: &BTreeMap<MemberId, AssignorMember>,
    previous: &BTreeMap<MemberId, TaskAssignment>,
    tasks: &AssignorTasks,
    settings: &StandbySettings,
) -> BTreeMap<MemberId, TaskAssignment> {
    if members.is_empty() {
        return BTreeMap::new();
    }
    let mut board = Board::new(members, previous, tasks, settings.acceptable_recovery_lag);
    board.keep_previous();
    for class in [Class::Stateful, Class::Stateless] {
        board.place_rest(class);
        board.balance(class);
    }
    let movements = Movements::plan(&board, &tasks.stateful, settings);
    let standbys = standby::place(&board, &movements, &tasks.stateful, settings);

    let mut assignments: BTreeMap<MemberId, TaskAssignment> =
        members.keys().map(|id| (id.clone(), TaskAssignment::default())).collect();
    let mut give = |member: usize, give: &dyn Fn(&mut TaskAssignment)| {
        if let Some(assignment) = assignments.get_mut(board.member_id(member)) {
            give(assignment);
        }
    };
    for (task, member) in board.placed() {
        let member = movements.stays.get(&task).copied().unwrap_or(member);
        give(member, &|assignment| _ = assignment.active.insert(task));
    }
    for (&task, &member) in &movements.warmups {
        give(member, &|assignment| _ = assignment.warmup.insert(task));
    }
    for (task, member) in standbys {
        give(member, &|assignment| _ = assignment.standby.insert(task));
    }
    assignments
}
