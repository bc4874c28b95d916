//! The intended member of each task, and the moves that balance the load.
//!
//! Members are numbered, and processes too; both in the order of their names. Balance has two
//! levels: each process has a share of the tasks by its number of members, within one, and the
//! loads of the members of a process differ by at most one. It follows that the loads of all
//! members differ by at most one. Tasks with state are balanced first, and those without fill up.
//! Where they can't bring a process to its share of the sum, it keeps less, as no state moves for
//! that; the loads of its members still differ from others' by at most one. Invariant: a balancing
//! move always reduces the imbalance, so balancing ends, and no sequence of moves could be shorter.
#![expect(
    clippy::indexing_slicing,
    reason = "members and processes are never removed, and only the board hands out their numbers"
)]

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use uuid::Uuid;

use super::{AssignorMember, AssignorTasks, MemberId};
use crate::{TaskId, membership::TaskAssignment};

/// The tasks that a step placed or moves. Each class has its own measure of balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Tasks with state: balanced among themselves.
    Stateful,
    /// Tasks without state: they balance the sum of all tasks.
    Stateless,
}

/// Members, processes and the intended member of each task.
#[derive(Debug)]
pub(super) struct Board<'a> {
    members: Vec<Member<'a>>,
    processes: Vec<Process<'a>>,
    tasks: &'a AssignorTasks,
    acceptable_lag: i64,
    /// Member of each task that is placed.
    placed: BTreeMap<TaskId, usize>,
    /// Member on which each task was active before.
    owners: BTreeMap<TaskId, usize>,
}

#[derive(Debug)]
struct Member<'a> {
    id: &'a MemberId,
    previous: &'a TaskAssignment,
    process: usize,
    stateful: BTreeSet<TaskId>,
    stateless: BTreeSet<TaskId>,
    by_subtopology: BTreeMap<u32, usize>,
}

impl Member<'_> {
    fn tasks(&mut self, class: Class) -> &mut BTreeSet<TaskId> {
        match class {
            Class::Stateful => &mut self.stateful,
            Class::Stateless => &mut self.stateless,
        }
    }
}

#[derive(Debug)]
struct Process<'a> {
    members: Vec<usize>,
    tags: &'a BTreeMap<String, String>,
    /// Least lag that a member of the process reported for each task.
    lags: BTreeMap<TaskId, i64>,
    load: usize,
    stateful_load: usize,
}

impl<'a> Board<'a> {
    pub(super) fn new(
        members: &'a BTreeMap<MemberId, AssignorMember>,
        previous: &'a BTreeMap<MemberId, TaskAssignment>,
        tasks: &'a AssignorTasks,
        acceptable_lag: i64,
    ) -> Self {
        let ids: BTreeSet<Uuid> = members.values().map(|member| member.process_id).collect();
        let numbers: BTreeMap<Uuid, usize> = ids.into_iter().zip(0..).collect();
        let mut processes: BTreeMap<usize, Process<'a>> = BTreeMap::new();
        let mut board = Self {
            members: Vec::with_capacity(members.len()),
            processes: Vec::new(),
            tasks,
            acceptable_lag,
            placed: BTreeMap::new(),
            owners: BTreeMap::new(),
        };
        for (number, (id, facts)) in members.iter().enumerate() {
            let process = numbers[&facts.process_id];
            let entry = processes.entry(process).or_insert_with(|| Process {
                members: Vec::new(),
                tags: &facts.client_tags,
                lags: BTreeMap::new(),
                load: 0,
                stateful_load: 0,
            });
            entry.members.push(number);
            for (&task, &lag) in &facts.offsets.lags {
                entry.lags.entry(task).and_modify(|old| *old = lag.min(*old)).or_insert(lag);
            }
            let previous = previous.get(id).unwrap_or(&facts.previous);
            for &task in &previous.active {
                board.owners.entry(task).or_insert(number);
            }
            board.members.push(Member {
                id,
                previous,
                process,
                stateful: BTreeSet::new(),
                stateless: BTreeSet::new(),
                by_subtopology: BTreeMap::new(),
            });
        }
        board.processes = processes.into_values().collect();
        board
    }

    pub(super) fn member_id(&self, member: usize) -> &'a MemberId {
        self.members[member].id
    }

    pub(super) fn previous(&self, member: usize) -> &'a TaskAssignment {
        self.members[member].previous
    }

    pub(super) fn process_of(&self, member: usize) -> usize {
        self.members[member].process
    }

    pub(super) fn members(&self) -> impl Iterator<Item = usize> + use<> {
        0..self.members.len()
    }

    pub(super) fn processes(&self) -> impl Iterator<Item = usize> + use<> {
        0..self.processes.len()
    }

    pub(super) fn members_of(&self, process: usize) -> &[usize] {
        &self.processes[process].members
    }

    pub(super) fn tags(&self, process: usize) -> &'a BTreeMap<String, String> {
        self.processes[process].tags
    }

    /// Lag of a task's state on a process; `None` if it has none.
    pub(super) fn lag(&self, process: usize, task: TaskId) -> Option<i64> {
        self.processes[process].lags.get(&task).copied()
    }

    /// The member on which a task was active before.
    pub(super) fn owner(&self, task: TaskId) -> Option<usize> {
        self.owners.get(&task).copied()
    }

    /// The intended member of a task.
    pub(super) fn intended(&self, task: TaskId) -> Option<usize> {
        self.placed.get(&task).copied()
    }

    pub(super) fn placed(&self) -> impl Iterator<Item = (TaskId, usize)> {
        self.placed.iter().map(|(&task, &member)| (task, member))
    }

    /// Number of tasks intended for a member.
    pub(super) fn load(&self, member: usize) -> usize {
        self.members[member].stateful.len() + self.members[member].stateless.len()
    }

    /// The most tasks, out of `total`, that a process may have by its number of members.
    pub(super) fn quota(&self, process: usize, total: usize) -> usize {
        (total * self.processes[process].members.len()).div_ceil(self.members.len())
    }

    fn class_of(&self, task: TaskId) -> Class {
        if self.tasks.stateful.contains(&task) { Class::Stateful } else { Class::Stateless }
    }

    /// The load of a member that steps of this class balance, and the whole load to break ties.
    fn loads(&self, member: usize, class: Class) -> (usize, usize) {
        let load = self.load(member);
        match class {
            Class::Stateful => (self.members[member].stateful.len(), load),
            Class::Stateless => (load, load),
        }
    }

    fn process_load(&self, process: usize, class: Class) -> usize {
        match class {
            Class::Stateful => self.processes[process].stateful_load,
            Class::Stateless => self.processes[process].load,
        }
    }

    fn put(&mut self, task: TaskId, member: usize) {
        let class = self.class_of(task);
        self.placed.insert(task, member);
        let seat = &mut self.members[member];
        seat.tasks(class).insert(task);
        *seat.by_subtopology.entry(task.subtopology).or_default() += 1;
        let process = &mut self.processes[seat.process];
        process.load += 1;
        process.stateful_load += usize::from(class == Class::Stateful);
    }

    fn relocate(&mut self, task: TaskId, from: usize, to: usize) {
        let class = self.class_of(task);
        let seat = &mut self.members[from];
        seat.tasks(class).remove(&task);
        if let Some(count) = seat.by_subtopology.get_mut(&task.subtopology) {
            *count -= 1;
        }
        let process = &mut self.processes[seat.process];
        process.load -= 1;
        process.stateful_load -= usize::from(class == Class::Stateful);
        self.put(task, to);
    }

    fn siblings(&self, member: usize, task: TaskId) -> usize {
        self.members[member].by_subtopology.get(&task.subtopology).copied().unwrap_or(0)
    }

    /// Leaves tasks with their previous members: where they warm up, since that was their
    /// destination, otherwise with their owner.
    pub(super) fn keep_previous(&mut self) {
        for warming in [true, false] {
            for member in self.members() {
                let previous = self.previous(member);
                let tasks = if warming { &previous.warmup } else { &previous.active };
                for &task in tasks {
                    let exists =
                        self.tasks.stateful.contains(&task) || self.tasks.stateless.contains(&task);
                    if exists && !self.placed.contains_key(&task) {
                        self.put(task, member);
                    }
                }
            }
        }
    }

    /// Places the remaining tasks: where their state is, if there is room, otherwise where the load
    /// is least.
    pub(super) fn place_rest(&mut self, class: Class) {
        let all = match class {
            Class::Stateful => &self.tasks.stateful,
            Class::Stateless => &self.tasks.stateless,
        };
        let rest: Vec<TaskId> =
            all.iter().filter(|task| !self.placed.contains_key(task)).copied().collect();
        for task in rest {
            let process = self.room_with_state(class, task).or_else(|| {
                self.processes().min_by_key(|&process| {
                    let member = self.receiver_in(process, class, task);
                    let loads = member.map(|member| self.loads(member, class));
                    let siblings = member.map(|member| self.siblings(member, task));
                    (self.deviation(process, class), loads, siblings)
                })
            });
            let member = process.and_then(|process| self.receiver_in(process, class, task));
            if let Some(member) = member {
                self.put(task, member);
            }
        }
    }

    /// The process below its share that has the most recent state of a task.
    fn room_with_state(&self, class: Class, task: TaskId) -> Option<usize> {
        let total = self.total(class);
        let with_state = self
            .processes()
            .filter(|&process| self.process_load(process, class) < self.quota(process, total))
            .filter_map(|process| Some((self.lag(process, task)?, process)));
        let best = with_state.min_by_key(|&(lag, process)| {
            (lag.saturating_sub(self.acceptable_lag).max(0), self.deviation(process, class))
        });
        best.map(|(_, process)| process)
    }

    /// Balances the tasks that count for `class` by moving tasks of `class` alone.
    pub(super) fn balance(&mut self, class: Class) {
        while let Some((from, to)) = self.uneven_processes(class) {
            let giver = self.giver_in(from, class);
            let members = self.members_of(to).iter().copied();
            let receiver = members.min_by_key(|&member| self.loads(member, class));
            let (Some(giver), Some(receiver)) = (giver, receiver) else { break };
            let Some(task) = self.pick(class, giver, receiver) else { break };
            let receiver = self.receiver_in(to, class, task).unwrap_or(receiver);
            self.relocate(task, giver, receiver);
        }
        for process in self.processes() {
            while let Some((giver, receiver)) = self.uneven_members(class, process) {
                let Some(task) = self.pick(class, giver, receiver) else { break };
                self.relocate(task, giver, receiver);
            }
        }
    }

    /// Number of tasks that count for `class`, placed or not.
    fn total(&self, class: Class) -> usize {
        match class {
            Class::Stateful => self.tasks.stateful.len(),
            Class::Stateless => self.tasks.stateful.len() + self.tasks.stateless.len(),
        }
    }

    /// Excess of a process over its exact share, in tasks times the number of members.
    fn deviation(&self, process: usize, class: Class) -> i64 {
        let has = self.process_load(process, class) * self.members.len();
        let share = self.total(class) * self.members_of(process).len();
        i64::try_from(has).unwrap_or(i64::MAX) - i64::try_from(share).unwrap_or(i64::MAX)
    }

    fn uneven_processes(&self, class: Class) -> Option<(usize, usize)> {
        let one = i64::try_from(self.members.len()).unwrap_or(i64::MAX);
        let (_, from) = self
            .processes()
            .filter_map(|process| Some((self.giver_in(process, class)?, process)))
            .max_by_key(|&(giver, process)| {
                let loads = self.loads(giver, class);
                (self.deviation(process, class), loads, Reverse(giver))
            })?;
        // A process that is a whole task below its share comes first, otherwise the least loaded
        // member's.
        let below = |&process: &usize| self.deviation(process, class) < 0;
        let to = self.processes().filter(below).min_by_key(|&process| {
            let members = self.members_of(process).iter();
            let least = members.map(|&member| self.loads(member, class)).min();
            let deviation = self.deviation(process, class);
            (deviation > -one, least, deviation)
        })?;
        let (most, least) = (self.deviation(from, class), self.deviation(to, class));
        // Both ends come closer to their share, so neither passes it by a whole task.
        let uneven = most >= one || least <= -one;
        (from != to && most > 0 && least < 0 && uneven).then_some((from, to))
    }

    fn uneven_members(&self, class: Class, process: usize) -> Option<(usize, usize)> {
        let giver = self.giver_in(process, class)?;
        let members = self.members_of(process).iter().copied();
        let receiver = members.min_by_key(|&member| self.loads(member, class))?;
        let (most, least) = (self.loads(giver, class).0, self.loads(receiver, class).0);
        (most > least + 1).then_some((giver, receiver))
    }

    /// The most loaded member of a process that has a task of `class`.
    fn giver_in(&self, process: usize, class: Class) -> Option<usize> {
        let members = self.members_of(process).iter().copied();
        members
            .filter(|&member| !self.movable(member, class).is_empty())
            .max_by_key(|&member| (self.loads(member, class), Reverse(member)))
    }

    fn receiver_in(&self, process: usize, class: Class, task: TaskId) -> Option<usize> {
        let members = self.members_of(process).iter().copied();
        members.min_by_key(|&member| (self.loads(member, class), self.siblings(member, task)))
    }

    fn movable(&self, member: usize, class: Class) -> &BTreeSet<TaskId> {
        match class {
            Class::Stateful => &self.members[member].stateful,
            Class::Stateless => &self.members[member].stateless,
        }
    }

    /// The best task to move: one that its giver never ran, otherwise one whose state the receiving
    /// process has, otherwise one of the sub-topology of which the giver has more.
    fn pick(&self, class: Class, giver: usize, receiver: usize) -> Option<TaskId> {
        let to = self.process_of(receiver);
        self.movable(giver, class).iter().copied().min_by_key(|&task| {
            let owned = self.owner(task) == Some(giver);
            let caught_up = self.lag(to, task).is_some_and(|lag| lag <= self.acceptable_lag);
            let spread = self.siblings(giver, task).saturating_sub(self.siblings(receiver, task));
            (owned, !caught_up, Reverse(spread), Reverse(task))
        })
    }
}
