//! The moving parts of a simulation, and the turns of each.
//!
//! Invariant: the world is never locked while an instance takes its turn, because the turn's calls
//! ask the world for faults, and a pause in it lets others take theirs.

use std::{collections::BTreeMap, fmt, sync::Arc};

use parking_lot::Mutex;

use super::{
    Random, SimulationCounters, Trace, clock::VirtualClock, disk::Disk, injector::CallRates,
    instance::Instance,
};
use crate::{
    ErrorKind, TaskId, TopicPartition,
    client::{
        GroupMetadata,
        embedded::{EmbeddedCluster, StoredRecord},
    },
    time::Clock,
};

/// A machine with its disk, and the instance on it if it is up.
pub(super) struct Machine {
    pub(super) disk: Arc<dyn Disk>,
    /// `None` if it is down, or while the instance takes its turn.
    pub(super) instance: Option<Instance>,
    pub(super) up: bool,
    pub(super) naps_until_ms: i64,
}

/// A member with its running tasks.
type Processing = (GroupMetadata, Vec<TaskId>);

/// The moving parts.
pub(super) struct World {
    pub(super) random: Random,
    pub(super) clock: Arc<VirtualClock>,
    pub(super) cluster: EmbeddedCluster,
    pub(super) group: String,
    pub(super) machines: Vec<Machine>,
    pub(super) rates: CallRates,
    pub(super) trace: Trace,
    pub(super) counters: SimulationCounters,
    /// Index of the instance whose turn it is.
    pub(super) current: Option<usize>,
    /// True if an instance pauses in the middle of a turn.
    pub(super) pausing: bool,
    /// Time until which the group accepts no offsets.
    pub(super) refuses_commits_until_ms: i64,
    /// Time until which each producer has no room.
    pub(super) full_until_ms: BTreeMap<String, i64>,
    /// Time at which each grown topic last grew.
    pub(super) grown_ms: BTreeMap<String, i64>,
    /// Records deleted at the beginning of changelogs.
    pub(super) truncated: BTreeMap<TopicPartition, Vec<StoredRecord>>,
    /// True if a changelog was deleted.
    pub(super) deletes: bool,
    /// The first violation.
    pub(super) failed: Option<String>,
    /// Tasks that the threads of instances in mid-turn were running when the turn began. An
    /// instance may stand still in its turn for longer than its session.
    taking_turns: BTreeMap<usize, Vec<Processing>>,
    committed: BTreeMap<TopicPartition, i64>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("group", &self.group).finish_non_exhaustive()
    }
}

impl World {
    pub(super) fn new(
        random: Random,
        clock: Arc<VirtualClock>,
        cluster: EmbeddedCluster,
        group: String,
    ) -> Self {
        Self {
            random,
            clock,
            cluster,
            group,
            machines: Vec::new(),
            rates: CallRates::default(),
            trace: Trace::default(),
            counters: SimulationCounters::default(),
            current: None,
            pausing: false,
            refuses_commits_until_ms: 0,
            full_until_ms: BTreeMap::new(),
            grown_ms: BTreeMap::new(),
            truncated: BTreeMap::new(),
            deletes: false,
            failed: None,
            taking_turns: BTreeMap::new(),
            committed: BTreeMap::new(),
        }
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Adds a line to the trace: about an instance, or about the surroundings.
    pub(super) fn say(&mut self, who: Option<usize>, what: &str) {
        let now_ms = self.now_ms();
        let who = who.map_or_else(|| "world".to_owned(), |index| format!("instance-{index}"));
        self.trace.push(now_ms, &who, what);
    }

    pub(super) fn fail(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.say(None, &what);
        self.failed.get_or_insert(what);
    }

    /// Takes the instance whose turn is next: one that is up and awake.
    fn choose(&mut self) -> Option<(usize, Instance, usize, bool)> {
        let now_ms = self.now_ms();
        let awake =
            |machine: &Machine| machine.instance.is_some() && machine.naps_until_ms <= now_ms;
        let machines = self.machines.iter().enumerate();
        let awake: Vec<usize> =
            machines.filter(|(_, machine)| awake(machine)).map(|(index, _)| index).collect();
        let index = *self.random.pick(&awake)?;
        let instance = self.machines.get_mut(index)?.instance.take()?;
        let threads = u64::try_from(instance.threads.len()).unwrap_or(1);
        let thread = usize::try_from(self.random.below(threads)).unwrap_or(0);
        let restores = self.random.per_mille(300);
        self.current = Some(index);
        self.counters.turns += 1;
        self.taking_turns.insert(index, processing(&instance).collect());
        Some((index, instance, thread, restores))
    }

    /// Checks that no committed offset of the group goes back.
    fn check_commits(&mut self) {
        let mut news = Vec::new();
        let mut backwards = Vec::new();
        for (partition, offset) in self.cluster.committed(&self.group) {
            let known = self.committed.insert(partition.clone(), offset.offset);
            if known != Some(offset.offset) {
                news.push(format!("{partition}@{}", offset.offset));
            }
            if let Some(known) = known.filter(|known| *known > offset.offset) {
                backwards.push(format!("{partition} from {known} to {}", offset.offset));
            }
        }
        if !news.is_empty() {
            self.say(None, &format!("the group has committed {}", news.join(" ")));
        }
        if !backwards.is_empty() {
            self.fail(format!("committed offsets went back: {}", backwards.join(", ")));
        }
    }

    /// Checks that no task runs on two threads that the coordinator both considers its owners.
    pub(super) fn check_owners(&mut self) {
        let members = self.cluster.members(&self.group);
        let mut owners: BTreeMap<TaskId, String> = BTreeMap::new();
        let mut twice = Vec::new();
        let instances = self.machines.iter().filter_map(|machine| machine.instance.as_ref());
        let taking_turns = self.taking_turns.values().flatten().cloned();
        for (us, tasks) in instances.flat_map(processing).chain(taking_turns) {
            let known = members.iter().any(|member| {
                member.member_id == us.member_id && member.member_epoch == us.member_epoch
            });
            for task in tasks.into_iter().filter(|_| known) {
                if let Some(other) = owners.insert(task, us.member_id.clone()) {
                    twice.push(format!("{task} runs on {other} and on {}", us.member_id));
                }
            }
        }
        if !twice.is_empty() {
            self.fail(twice.join(", "));
        }
    }
}

/// Tasks that each thread of an instance runs.
fn processing(instance: &Instance) -> impl Iterator<Item = Processing> {
    instance.threads.iter().map(|stepped| {
        let tasks = stepped.thread.running_tasks().map(|(task, _)| *task);
        (stepped.thread.group_metadata(), tasks.collect())
    })
}

/// Runs one turn of one thread or restorer.
pub(super) fn step(world: &Mutex<World>) {
    let chosen = world.lock().choose();
    let Some((index, mut instance, thread, restores)) = chosen else { return };
    let turned = instance.turn(thread, restores);
    let mut world = world.lock();
    for news in &turned.news {
        world.say(Some(index), news);
    }
    if let Some(machine) = world.machines.get_mut(index) {
        machine.instance = Some(instance);
    }
    world.current = None;
    world.taking_turns.remove(&index);
    if let Some(error) = turned.failed {
        world.counters.replaced_threads += 1;
        // After a jump of the clock a thread may have been without the cluster for too long. The
        // deletion of a changelog ends a thread that writes to it before the group has recreated
        // it.
        let deleted = world.deletes && error.kind() == ErrorKind::InvalidTopic;
        if !deleted && !matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout) {
            world.fail(format!("a stream thread of instance-{index} failed: {error}"));
        }
    }
    world.check_commits();
    if !turned.news.is_empty() {
        world.check_owners();
    }
}

/// Lets an instance stand still in the middle of a turn: time passes and the others continue.
pub(super) fn pause(world: &Mutex<World>, span_ms: i64) {
    let (who, until_ms) = {
        let mut world = world.lock();
        if world.pausing {
            return;
        }
        world.pausing = true;
        (world.current.take(), world.now_ms().saturating_add(span_ms))
    };
    loop {
        {
            let mut world = world.lock();
            let left_ms = until_ms - world.now_ms();
            if left_ms <= 0 || world.failed.is_some() {
                world.pausing = false;
                world.current = who;
                world.say(who, "goes on");
                return;
            }
            let by_ms = world.random.between(1, 40).min(left_ms);
            world.clock.advance(by_ms);
        }
        step(world);
    }
}
