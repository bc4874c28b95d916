//! Starts of machines: at their time, or when everything is healed.

use std::sync::Arc;

use super::{
    disk::Disk,
    instance::Instance,
    run::{Simulation, config_of},
};
use crate::{ErrorKind, KafkaStreams, Result};

impl Simulation {
    /// Starts the machines whose time has come; one that can't reach the cluster tries again.
    pub(super) fn restart_due(&mut self) -> Result {
        let now_ms = {
            let mut world = self.world.lock();
            let now_ms = world.now_ms();
            if self.down_until_ms.is_some_and(|until| until <= now_ms) {
                self.down_until_ms = None;
                self.cluster.broker_down(false);
                world.say(None, "the cluster is up again");
            }
            now_ms
        };
        self.give_leader(false)?;
        for index in 0..self.restarts_ms.len() {
            let up = self.world.lock().machines.get(index).is_none_or(|machine| machine.up);
            let due = self.restarts_ms.get(index).is_some_and(|due| *due <= now_ms);
            if !up && due && !self.start(index)? {
                self.restart_in(index, 100);
            }
        }
        Ok(())
    }

    pub(super) fn restart_in(&mut self, index: usize, ms: i64) {
        let at_ms = self.world.lock().now_ms() + ms;
        if let Some(due) = self.restarts_ms.get_mut(index) {
            *due = at_ms;
        }
    }

    /// Starts an instance; returns whether it could.
    fn start(&self, index: usize) -> Result<bool> {
        let Some(disk) = self.disk(index) else { return Ok(false) };
        disk.mount()?;
        let topology = (self.setup.topology)();
        let config = (self.setup.instance_config)(index, config_of(&self.setup));
        let app = KafkaStreams::builder(topology, config, self.cluster.clone())
            .clock(self.clock.clone())
            .storage(disk)
            .into_app()?;
        self.world.lock().current = Some(index);
        let started = Instance::start(app);
        let mut world = self.world.lock();
        world.current = None;
        match started {
            Ok(instance) => {
                world.counters.starts += 1;
                world.say(Some(index), "starts");
                if let Some(machine) = world.machines.get_mut(index) {
                    machine.instance = Some(instance);
                    machine.up = true;
                    machine.naps_until_ms = 0;
                }
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                world.say(Some(index), &format!("can't start: {error}"));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn disk(&self, index: usize) -> Option<Arc<dyn Disk>> {
        self.world.lock().machines.get(index).map(|machine| machine.disk.clone())
    }

    /// Ends the faults; machines that are down come up, or stay down for good.
    pub(super) fn heal(&mut self) -> Result {
        self.cluster.broker_down(false);
        self.give_leader(true)?;
        let mut down = Vec::new();
        {
            let mut world = self.world.lock();
            world.refuses_commits_until_ms = 0;
            world.rates = world.rates.healed();
            for (index, machine) in world.machines.iter_mut().enumerate() {
                machine.naps_until_ms = 0;
                if !machine.up {
                    down.push(index);
                }
            }
            world.say(None, "no more faults");
        }
        let all_down = down.len() == self.restarts_ms.len();
        for (at, index) in down.into_iter().enumerate() {
            if (all_down && at == 0) || self.random.per_mille(700) {
                self.start(index)?;
            }
        }
        Ok(())
    }
}
