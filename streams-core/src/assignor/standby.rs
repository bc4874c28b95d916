//! Standby replicas, on other processes than the active task, and in other racks if there are any.
//!
//! Invariant: no process has a task twice. Placement prefers, in this order: tags that differ from
//! those of the other replicas, processes below their share, processes that had the standby before,
//! processes that have state of the task, and the least load.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{StandbySettings, board::Board, movement::Movements};
use crate::TaskId;

/// The members with standbys, by task.
pub(super) fn place(
    board: &Board<'_>,
    movements: &Movements,
    stateful: &BTreeSet<TaskId>,
    settings: &StandbySettings,
) -> Vec<(TaskId, usize)> {
    let replicas = settings.num_standby_replicas;
    if replicas == 0 {
        return Vec::new();
    }
    let mut plan = Plan::new(board, replicas * stateful.len());
    for &task in stateful {
        let Some(active) = movements.active_process(board, task) else { continue };
        let warmup = movements.warmup_process(board, task);
        plan.place(task, active, warmup, replicas);
    }
    plan.into_members()
}

struct Plan<'b, 'a> {
    board: &'b Board<'a>,
    total: usize,
    /// Standbys of each process.
    placed: BTreeMap<usize, BTreeSet<TaskId>>,
    /// Processes that had each task as a standby.
    previous: BTreeMap<TaskId, BTreeSet<usize>>,
}

impl<'b, 'a> Plan<'b, 'a> {
    fn new(board: &'b Board<'a>, total: usize) -> Self {
        let mut previous: BTreeMap<TaskId, BTreeSet<usize>> = BTreeMap::new();
        for member in board.members() {
            for &task in &board.previous(member).standby {
                previous.entry(task).or_default().insert(board.process_of(member));
            }
        }
        Self { board, total, placed: BTreeMap::new(), previous }
    }

    fn place(&mut self, task: TaskId, active: usize, warmup: Option<usize>, replicas: usize) {
        let usable = |process: &usize| *process != active && Some(*process) != warmup;
        let mut before = self.previous.get(&task).cloned().unwrap_or_default();
        before.retain(|process| usable(process));
        let chosen = if warmup.is_some() {
            // While the task moves no new standby begins: its next process may well be the old
            // owner's.
            before.into_iter().take(replicas).collect()
        } else {
            let chosen = self.choose(task, active, &before, replicas);
            let keep = before.len() == chosen.len()
                && self.cost(active, &before) <= self.cost(active, &chosen);
            if keep { before } else { chosen }
        };
        for process in chosen {
            self.placed.entry(process).or_default().insert(task);
        }
    }

    fn choose(
        &self,
        task: TaskId,
        active: usize,
        before: &BTreeSet<usize>,
        replicas: usize,
    ) -> BTreeSet<usize> {
        let mut chosen = BTreeSet::new();
        while chosen.len() < replicas {
            let candidates = self
                .board
                .processes()
                .filter(|process| *process != active && !chosen.contains(process));
            let best = candidates.min_by_key(|&process| {
                let others = chosen.iter().chain([&active]);
                let conflicts: usize = others.map(|&other| self.shared_tags(process, other)).sum();
                (
                    conflicts,
                    self.is_full(process),
                    !before.contains(&process),
                    self.board.lag(process, task).unwrap_or(i64::MAX),
                    self.relative_load(process),
                )
            });
            let Some(best) = best else { break };
            chosen.insert(best);
        }
        chosen
    }

    /// Cost of a set of replicas: equal tags first, then processes above their share.
    fn cost(&self, active: usize, processes: &BTreeSet<usize>) -> (usize, usize) {
        let all: Vec<usize> = processes.iter().copied().chain([active]).collect();
        let pairs =
            all.iter().enumerate().flat_map(|(n, &a)| all.iter().skip(n + 1).map(move |&b| (a, b)));
        let conflicts = pairs.map(|(a, b)| self.shared_tags(a, b)).sum();
        (conflicts, processes.iter().filter(|&&process| self.is_full(process)).count())
    }

    fn shared_tags(&self, one: usize, other: usize) -> usize {
        let other = self.board.tags(other);
        self.board.tags(one).iter().filter(|(key, value)| other.get(*key) == Some(value)).count()
    }

    fn standbys(&self, process: usize) -> usize {
        self.placed.get(&process).map_or(0, BTreeSet::len)
    }

    fn is_full(&self, process: usize) -> bool {
        self.standbys(process) >= self.board.quota(process, self.total)
    }

    /// Tasks in any role per thousand members of the process.
    fn relative_load(&self, process: usize) -> usize {
        let members = self.board.members_of(process);
        let active: usize = members.iter().map(|&member| self.board.load(member)).sum();
        (active + self.standbys(process)) * 1_000 / members.len().max(1)
    }

    /// Spreads the standbys of each process over its members, each with its previous member as far
    /// as that is balanced.
    fn into_members(self) -> Vec<(TaskId, usize)> {
        let mut placed = Vec::new();
        for (process, tasks) in self.placed {
            let members = self.board.members_of(process);
            let most = tasks.len().div_ceil(members.len().max(1));
            let mut counts: BTreeMap<usize, usize> =
                members.iter().map(|&member| (member, 0)).collect();
            let mut rest = Vec::new();
            for task in tasks {
                let had = |member: &usize| self.board.previous(*member).standby.contains(&task);
                let keeper = members.iter().copied().find(had);
                match keeper.and_then(|keeper| Some((keeper, counts.get_mut(&keeper)?))) {
                    Some((keeper, count)) if *count < most => {
                        *count += 1;
                        placed.push((task, keeper));
                    }
                    _ => rest.push(task),
                }
            }
            for task in rest {
                let least = counts.iter_mut().filter(|(_, count)| **count < most).min_by_key(
                    |(member, count)| (**count + self.board.load(**member), Reverse(**member)),
                );
                if let Some((member, count)) = least {
                    *count += 1;
                    placed.push((task, *member));
                }
            }
        }
        placed
    }
}
