//! Follows the coordinator's target: gives up tasks that are not in it, then takes over the new
//! ones.
//!
//! A step that fails leaves a task waiting, and the next turn tries again.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    super::{
        app::App,
        restore::{Assignment, LatestTimes},
    },
    asked::{ANSWER_MS, Asked},
    member::Member,
    mend::Mend,
    patience::Patience,
    restores::{Order, Outcome, Restores},
    starting::Committed,
    tasks::{Slot, Tasks, keeps_as_standby},
};
use crate::{
    Error, Result, TaskId, TopicPartition,
    membership::TaskAssignment,
    planted::{PlantedBug, is_planted},
    task::TaskDatabases,
};

/// Asks the restorer for the tasks that it should no longer have, or not in that role. Standbys
/// that are to become active are restored again: the former owner may have written since.
pub(super) fn recall(tasks: &mut Tasks, target: &TaskAssignment, restores: &Restores) {
    let restoring = tasks.ids(Slot::is_restoring).into_iter();
    let gone = restoring.filter(|task| !target.active.contains(task));
    let standby = tasks.ids(Slot::is_standby).into_iter();
    let gone = gone.chain(standby.filter(|task| !keeps_as_standby(target, *task)));
    for task in gone.collect::<Vec<_>>() {
        restores.order(Order::Return(task));
        tasks.put(task, Slot::Returning);
    }
    for task in tasks.ids(Slot::is_restored) {
        if !target.active.contains(&task)
            && let Some(Slot::Restored(databases, _)) = tasks.take(task)
        {
            tasks.put(task, Slot::Waiting(databases));
        }
    }
}

/// Opens the new tasks of the target.
pub(super) fn take_over(app: &App, tasks: &mut Tasks, target: &TaskAssignment) -> Result {
    for task in target.active.iter().chain(&target.standby).chain(&target.warmup) {
        let is_active = target.active.contains(task);
        if tasks.get(*task).is_some() || (!is_active && app.changelogs(*task).is_empty()) {
            continue;
        }
        if let Some(databases) = app.open_task(*task)? {
            tasks.put(*task, Slot::Waiting(databases));
        }
    }
    Ok(())
}

/// The parts needed to place a task.
pub(super) struct Placing<'a> {
    pub(super) app: &'a Arc<App>,
    pub(super) target: &'a TaskAssignment,
    pub(super) member: &'a mut Member,
    /// Committed offsets that tasks wait for before they can be placed.
    pub(super) asked: &'a mut BTreeMap<TaskId, Asked<Committed>>,
    pub(super) mend: &'a mut Mend,
    pub(super) restores: &'a mut Restores,
    pub(super) patience: &'a mut Patience,
    pub(super) now_ms: i64,
}

impl Placing<'_> {
    /// Passes the waiting tasks to the restorer, in the role of the target, or releases them. Tasks
    /// that the cluster can't serve now continue to wait.
    pub(super) fn place(&mut self, tasks: &mut Tasks) -> Result {
        let waiting = tasks.ids(Slot::is_waiting);
        self.asked.retain(|task, _| waiting.contains(task));
        for task in waiting {
            let Some(Slot::Waiting(databases)) = tasks.take(task) else { continue };
            if let Some(slot) = self.slot_of(task, databases)? {
                tasks.put(task, slot);
            }
        }
        Ok(())
    }

    /// The next slot of a waiting task; `None` if its state is closed.
    fn slot_of(&mut self, task: TaskId, databases: TaskDatabases) -> Result<Option<Slot>> {
        let is_active = self.target.active.contains(&task);
        let changelogs = self.app.changelogs(task);
        let is_logged = !changelogs.is_empty();
        let is_filled = !self.app.filling_sources(task).is_empty();
        if !is_active {
            for changelog in changelogs.values() {
                self.mend.logs().forget(changelog);
            }
        }
        if is_active && !is_logged && !is_filled {
            return Ok(Some(Slot::Restored(databases, Box::default())));
        }
        let is_standby = is_logged && keeps_as_standby(self.target, task);
        if !is_active && !is_standby {
            release(self.app, task, databases)?;
            return Ok(None);
        }
        let ends = if is_active {
            self.ends_of_restore(task)
        } else {
            Ok(Some((self.app.unknown_times(task), BTreeMap::new())))
        };
        let (latest_times, source_ends) = match self.patience.pass_over(ends, self.now_ms) {
            Ok(Some(ends)) => ends,
            Ok(None) => return Ok(Some(Slot::Waiting(databases))),
            Err(error) => {
                self.app.close_task(task, databases);
                return Err(error);
            }
        };
        let offset_sum = self.app.offset_sum(task, &databases, false);
        let standby = is_standby && !is_active;
        let lease = self.member.lease();
        let assignment = Assignment { standby, latest_times, source_ends, lease };
        self.restores.add(Order::Add { task, databases, assignment }, task, offset_sum);
        Ok(Some(if is_active { Slot::Restoring } else { Slot::Standby }))
    }

    /// Times up to which a task's records are not processed again, and the offsets at which it
    /// starts to read the topics that fill its stores; `None` until the group has answered.
    fn ends_of_restore(
        &mut self,
        task: TaskId,
    ) -> Result<Option<(LatestTimes, BTreeMap<TopicPartition, i64>)>> {
        let sources = self.app.filling_sources(task);
        let bounded = !self.app.exactly_once()
            && self.app.has_windows(task)
            && !is_planted(PlantedBug::RestoreBeyondCommittedTime);
        if !bounded && sources.is_empty() {
            return Ok(Some((LatestTimes::default(), BTreeMap::new())));
        }
        let asked = self.asked.entry(task).or_default();
        if !asked.is_open() {
            let inputs = self.target.inputs_of(task);
            let committed = self.member.committed_offsets(&inputs);
            asked.ask(committed, self.now_ms.saturating_add(ANSWER_MS));
        }
        let Some(committed) = asked.answer(self.now_ms) else { return Ok(None) };
        let committed = committed?;
        let times = if bounded {
            self.app.committed_times(task, &committed)
        } else {
            LatestTimes::default()
        };
        let ends = sources.into_values().filter_map(|source| {
            let offset = committed.get(&source)?.offset;
            Some((source, offset))
        });
        Ok(Some((times, ends.collect())))
    }
}

/// Takes the restorer's outcomes.
///
/// # Errors
/// The error that stopped the restorer, or that of a cluster out of reach for too long. By then the
/// state that came with it is in its slot.
pub(super) fn receive(
    app: &App,
    tasks: &mut Tasks,
    restores: &mut Restores,
    patience: &mut Patience,
    now_ms: i64,
) -> Result {
    let mut failed: Option<Error> = None;
    while let Some(outcome) = restores.outcome() {
        match outcome {
            Outcome::Restored(task, databases) => {
                let slot = match tasks.take(task) {
                    Some(Slot::Restoring) => Slot::Restored(databases, Box::default()),
                    Some(Slot::Returning) => Slot::Waiting(databases),
                    _ => {
                        app.close_task(task, databases);
                        continue;
                    }
                };
                tasks.put(task, slot);
            }
            Outcome::Returned(task, databases) => {
                take_back(app, tasks, task, databases);
            }
            Outcome::Refused(task, databases, error) => {
                take_back(app, tasks, task, databases);
                let borne = patience.pass_over::<()>(Err(error), now_ms);
                failed = failed.or(borne.err());
            }
            Outcome::Closed(task) => {
                if tasks.get(task).is_some_and(Slot::is_in_restorer) {
                    tasks.take(task);
                }
            }
            Outcome::Failed(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Lets returned state wait, or closes it if nobody counts on it any more.
fn take_back(app: &App, tasks: &mut Tasks, task: TaskId, databases: TaskDatabases) {
    if matches!(tasks.get(task), Some(Slot::Restoring | Slot::Standby | Slot::Returning)) {
        tasks.put(task, Slot::Waiting(databases));
    } else {
        tasks.take(task);
        app.close_task(task, databases);
    }
}

/// Releases a task's state: makes it durable and unlocks it for others of this process.
pub(super) fn release(app: &App, task: TaskId, databases: TaskDatabases) -> Result {
    let flushed = databases.flush();
    app.close_task(task, databases);
    flushed
}
