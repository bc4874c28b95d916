//! Occasional large faults.
//!
//! Later kinds draw from their own sequence, and at their own rate, so that the older ones don't
//! get rarer, and a seed without the newer ones takes its old course.

use super::{FaultKind, instance::Instance, run::Simulation, truncation::superseded_before};
use crate::{Result, TopicPartition};

/// The kinds that strike whole machines, the cluster or the clock.
const LARGE: [FaultKind; 5] = [
    FaultKind::Crash,
    FaultKind::Close,
    FaultKind::Nap,
    FaultKind::BrokerDown,
    FaultKind::ClockJump,
];

/// The kinds that strike topics and partitions.
const LOCAL: [FaultKind; 5] = [
    FaultKind::Growth,
    FaultKind::Leaderless,
    FaultKind::RefusedCommits,
    FaultKind::Truncation,
    FaultKind::Deletion,
];

impl Simulation {
    fn allowed(&self, kinds: &[FaultKind]) -> Vec<FaultKind> {
        kinds.iter().copied().filter(|kind| self.faults.has(*kind)).collect()
    }

    /// Lets a fault strike a machine, the cluster or the clock.
    pub(super) fn mishap(&mut self) -> Result {
        let kinds = self.allowed(&LARGE);
        let machines = u64::try_from(self.restarts_ms.len()).unwrap_or(1);
        let index = usize::try_from(self.random.below(machines)).unwrap_or(0);
        match self.random.pick(&kinds) {
            Some(FaultKind::Crash) => self.crash(index)?,
            Some(FaultKind::Close) => self.close(index),
            Some(FaultKind::Nap) => {
                let ms = self.random.between(100, self.session_ms * 2);
                let mut world = self.world.lock();
                let until = world.now_ms() + ms;
                let napped = world.machines.get_mut(index).filter(|machine| machine.up);
                if let Some(machine) = napped {
                    machine.naps_until_ms = until;
                    world.counters.stand_stills += 1;
                    world.say(Some(index), &format!("naps for {ms} ms"));
                }
            }
            Some(FaultKind::BrokerDown) => {
                let ms = self.random.between(10, self.session_ms * 2);
                let mut world = self.world.lock();
                self.down_until_ms = Some(world.now_ms() + ms);
                self.cluster.broker_down(true);
                world.say(None, &format!("the cluster is down for {ms} ms"));
            }
            Some(FaultKind::ClockJump) => {
                let ms = self.random.between(1_000, 20_000);
                self.clock.advance(ms);
                self.world.lock().say(None, &format!("the clock jumps by {ms} ms"));
            }
            _ => {}
        }
        Ok(())
    }

    /// Lets a fault strike a topic or a partition.
    pub(super) fn local_mishap(&mut self) -> Result {
        let kinds = self.allowed(&LOCAL);
        match self.local_random.pick(&kinds) {
            Some(FaultKind::Growth) => self.grow(),
            Some(FaultKind::Leaderless) => self.take_leader(),
            Some(FaultKind::RefusedCommits) => {
                let ms = self.local_random.between(10, self.session_ms * 2);
                let mut world = self.world.lock();
                world.refuses_commits_until_ms = world.now_ms() + ms;
                world.say(None, &format!("commits are refused for {ms} ms"));
                Ok(())
            }
            Some(FaultKind::Truncation) => self.truncate(),
            Some(FaultKind::Deletion) => self.delete_changelog(),
            _ => Ok(()),
        }
    }

    /// Adds partitions to one of the topics that may grow.
    fn grow(&mut self) -> Result {
        let topics = self.cluster.topics();
        let partitions = |name: &str| topics.get(name).map_or(0, |topic| topic.partitions);
        let growing = self.setup.growing.iter();
        let growing: Vec<&(String, i32)> =
            growing.filter(|(name, most)| partitions(name) < *most).collect();
        let Some((name, most)) = self.local_random.pick(&growing) else { return Ok(()) };
        let from = partitions(name);
        let total = self.local_random.between(i64::from(from) + 1, i64::from(*most));
        let total = i32::try_from(total).unwrap_or(*most);
        self.cluster.create_partitions(name, total)?;
        let mut world = self.world.lock();
        world.say(None, &format!("topic {name} grows from {from} to {total} partitions"));
        let now_ms = world.now_ms();
        world.grown_ms.insert(name.clone(), now_ms);
        Ok(())
    }

    fn pick_partition(&mut self, of: impl Fn(&str) -> bool) -> Option<TopicPartition> {
        let topics = self.cluster.topics();
        let names: Vec<(&String, i32)> = topics
            .iter()
            .filter(|(name, _)| of(name))
            .map(|(name, topic)| (name, topic.partitions))
            .collect();
        let (name, partitions) = *self.local_random.pick(&names)?;
        let partition = self.local_random.between(0, i64::from(partitions) - 1);
        Some(TopicPartition::new(name.as_str(), i32::try_from(partition).unwrap_or(0)))
    }

    /// Takes the leader from a partition; one at a time has none.
    fn take_leader(&mut self) -> Result {
        if self.leaderless.is_some() {
            return Ok(());
        }
        let Some(partition) = self.pick_partition(|_| true) else { return Ok(()) };
        let ms = self.local_random.between(10, self.session_ms * 2);
        self.cluster.leaderless(&partition.topic, partition.partition, true)?;
        let mut world = self.world.lock();
        world.say(None, &format!("{partition} has no leader for {ms} ms"));
        self.leaderless = Some((partition, world.now_ms() + ms));
        Ok(())
    }

    /// Restores the leader of the partition without one, when it is time or if `anyhow`.
    pub(super) fn give_leader(&mut self, anyhow: bool) -> Result {
        let mut world = self.world.lock();
        let now_ms = world.now_ms();
        let Some((partition, _)) = self.leaderless.take_if(|(_, until)| anyhow || *until <= now_ms)
        else {
            return Ok(());
        };
        self.cluster.leaderless(&partition.topic, partition.partition, false)?;
        world.say(None, &format!("{partition} has a leader again"));
        Ok(())
    }

    /// Deletes superseded rows at the beginning of a changelog. A version supersedes none.
    fn truncate(&mut self) -> Result {
        let topology = (self.setup.topology)();
        let versioned = topology.stores.iter().filter(|def| def.spec.format.versions().is_some());
        let versioned: Vec<String> = versioned
            .map(|def| format!("{}-{}-changelog", self.application_id, def.spec.name))
            .collect();
        let is_changelog =
            |name: &str| name.ends_with("-changelog") && !versioned.iter().any(|of| of == name);
        let Some(partition) = self.pick_partition(is_changelog) else { return Ok(()) };
        let (gone, before) = superseded_before(&self.cluster, &partition)?;
        if gone.is_empty() {
            return Ok(());
        }
        self.cluster.delete_before(&partition.topic, partition.partition, before)?;
        let mut world = self.world.lock();
        world.say(None, &format!("{partition} is truncated before @{before}"));
        world.truncated.entry(partition).or_default().extend(gone);
        Ok(())
    }

    /// Deletes a changelog topic, with all its records.
    fn delete_changelog(&mut self) -> Result {
        let topics = self.cluster.topics();
        let changelogs: Vec<&String> =
            topics.keys().filter(|name| name.ends_with("-changelog")).collect();
        let Some(name) = self.local_random.pick(&changelogs) else { return Ok(()) };
        if self.leaderless.as_ref().is_some_and(|(partition, _)| *partition.topic == ***name) {
            return Ok(());
        }
        self.cluster.delete_topic(name)?;
        let mut world = self.world.lock();
        world.truncated.retain(|partition, _| *partition.topic != ***name);
        world.deletes = true;
        world.say(None, &format!("topic {name} is deleted"));
        Ok(())
    }

    fn take_down(&mut self, index: usize) -> Option<Instance> {
        let comes_back_in = self.random.between(0, self.session_ms * 2);
        self.restart_in(index, comes_back_in);
        let mut world = self.world.lock();
        let machine = world.machines.get_mut(index)?;
        let instance = machine.instance.take()?;
        machine.up = false;
        Some(instance)
    }

    fn crash(&mut self, index: usize) -> Result {
        let Some(instance) = self.take_down(index) else { return Ok(()) };
        let app = instance.app.clone();
        drop(instance);
        let Some(disk) = self.disk(index) else { return Ok(()) };
        disk.crash(&mut self.random)?;
        let lost = self.faults.has(FaultKind::LostState) && self.random.per_mille(300);
        {
            let mut world = self.world.lock();
            world.counters.crashes += 1;
            world.say(Some(index), if lost { "crashes and loses its disk" } else { "crashes" });
        }
        self.check_disk(index, &app, &*disk)?;
        if lost {
            disk.wipe(&mut self.random)?;
        }
        Ok(())
    }

    fn close(&mut self, index: usize) {
        let Some(mut instance) = self.take_down(index) else { return };
        self.world.lock().current = Some(index);
        let errors = instance.close();
        let mut world = self.world.lock();
        world.current = None;
        world.counters.closes += 1;
        world.say(Some(index), "closes");
        for error in errors {
            world.say(Some(index), &format!("could not close in order: {error}"));
        }
    }
}
