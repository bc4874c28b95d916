//! Checks of disks and stores during a simulation, and of the output at its end.

use super::{
    Failure, FaultKind, Outcome, SimulationRecord,
    checks::{self, Exactness},
    compare,
    disk::Disk,
    run::{Simulation, config_of},
};
use crate::{Result, runtime::App};

impl Simulation {
    /// Checks that the rows on a disk belong to the offset there.
    pub(super) fn check_disk(&self, index: usize, app: &App, disk: &dyn Disk) -> Result {
        if self.faults.has(FaultKind::Deletion) {
            // A store has more than its changelog until that is rewritten.
            return Ok(());
        }
        let exactness = self.exactness();
        for task in disk.tasks()? {
            let databases = app.open_databases(task)?;
            let truncated = self.world.lock().truncated.clone();
            let logs = (&self.cluster, &truncated);
            let wrong = checks::check_stores(logs, app, task, &databases, exactness)?;
            if let Some(wrong) = wrong {
                self.world.lock().fail(format!("on the disk of instance-{index}, {wrong}"));
            }
        }
        Ok(())
    }

    /// Returns whether no zombie may have written to a changelog: with at-least-once nothing
    /// prevents it.
    fn stores_are_exact(&self) -> bool {
        let zombies = [
            FaultKind::Nap,
            FaultKind::Pause,
            FaultKind::BrokerDown,
            FaultKind::ClockJump,
            FaultKind::LateWrites,
            FaultKind::SlowCode,
        ];
        self.exactly_once || !zombies.iter().any(|kind| self.faults.has(*kind))
    }

    /// Required relation of stores to their changelogs.
    pub(super) fn exactness(&self) -> Exactness {
        if self.stores_are_exact() { Exactness::LastRows } else { Exactness::AnyRows }
    }

    /// Checks that the databases of running tasks and of standbys have the committed rows of their
    /// changelogs, on every member and at any time.
    pub(super) fn check_open_stores(&self, when: &str, exactness: Exactness) -> Result {
        if self.faults.has(FaultKind::Deletion) && when.is_empty() {
            // As above; at rest it is rewritten.
            return Ok(());
        }
        let mut wrong = Vec::new();
        let mut world = self.world.lock();
        for instance in world.machines.iter().filter_map(|machine| machine.instance.as_ref()) {
            for stepped in &instance.threads {
                for (task, databases) in stepped.open_databases() {
                    let (cluster, app) = (&self.cluster, &instance.app);
                    let logs = (cluster, &world.truncated);
                    let found = checks::check_stores(logs, app, task, &databases, exactness)?;
                    wrong.extend(found.map(|found| format!("{when}{found}")));
                }
            }
        }
        for wrong in wrong {
            world.fail(wrong);
        }
        Ok(())
    }

    /// Compares the output and runs the user's checks.
    pub(super) fn finish(self, input: Vec<SimulationRecord>) -> Result<Outcome, Failure> {
        let seed = self.setup.seed;
        let compared = match self.world.lock().failed.clone() {
            None => self.compare_outputs(&input),
            failed => Ok(failed),
        };
        self.cluster.set_faults(None);
        let mut world = self.world.lock();
        for machine in &mut world.machines {
            machine.instance = None;
        }
        let mut outcome = Outcome {
            seed,
            application_id: self.application_id.clone(),
            input,
            cluster: self.cluster.clone(),
            trace: std::mem::take(&mut world.trace),
            counters: world.counters,
        };
        let found = compared.unwrap_or_else(|error| Some(error.to_string()));
        let found = found.or_else(|| {
            let mut checks = self.setup.checks.iter();
            checks.find_map(|check| check(&outcome).err())
        });
        match found {
            None => Ok(outcome),
            Some(what) => Err(Failure { seed, what, trace: std::mem::take(&mut outcome.trace) }),
        }
    }

    fn compare_outputs(&self, input: &[SimulationRecord]) -> Result<Option<String>> {
        if self.setup.outputs.is_empty() {
            return Ok(None);
        }
        let topology = (self.setup.topology)();
        let reference = compare::reference(&topology, config_of(&self.setup), input)?;
        for (topic, how) in &self.setup.outputs {
            let expected = reference.get(topic).cloned().unwrap_or_default();
            let actual = compare::committed(&self.cluster, topic)?;
            let found = compare::difference(*how, self.exactly_once, &expected, &actual);
            if let Some(found) = found {
                return Ok(Some(format!("in topic {topic} {found}")));
            }
        }
        Ok(None)
    }
}
