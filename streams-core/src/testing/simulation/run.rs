//! The course of a simulation: faults, then healing, then rest and the checks.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;

use super::{
    Failure, FaultKind, Faults, Outcome, Random, SimulationBuilder, SimulationRecord,
    checks::{self, Exactness},
    clock::VirtualClock,
    compare,
    directory_disk::DirectoryDisk,
    disk::{Disk, MemoryDisk},
    injector::{CallFaults, CallRates},
    work::Working,
    world::{Machine, World, step},
};
use crate::{
    Error, ErrorKind, Headers, Result, TopicPartition,
    client::{
        ProduceRecord,
        embedded::{ClusterSettings, EmbeddedCluster},
    },
    config::{ProcessingGuarantee, StreamsConfig},
    partition_for_key,
    time::duration_ms,
};

/// Number of turns within which everything must be at rest when faults have ended.
const SETTLE_STEPS: usize = 30_000;

/// Time within which each task must run after the last fault, in milliseconds, once the sessions
/// and transactions of those that are gone have expired: rebalances and restores take some turns of
/// each thread.
const OWNED_WITHIN_MS: i64 = 20_000;

/// Number of records of slow user code that may pass in addition.
const SLOW_TURNS: i64 = 1_500;

/// Time within which all input must be committed once each task runs, in milliseconds.
const COMMITTED_WITHIN_MS: i64 = 120_000;

/// Time for which a producer may be full before it gives up.
const MAX_BLOCK: Duration = Duration::from_secs(2);

/// Number of turns between two checks of all stores.
const STEPS_BETWEEN_LOOKS: usize = 100;

/// Runs a topology on several instances of a virtual cluster in virtual time, under faults that a
/// seed chooses, and checks that the guarantees hold.
///
/// Made by [`Simulation::builder`]; see the [module](super) for the checks.
pub struct Simulation {
    pub(super) setup: SimulationBuilder,
    pub(super) world: Arc<Mutex<World>>,
    pub(super) cluster: EmbeddedCluster,
    pub(super) clock: Arc<VirtualClock>,
    pub(super) random: Random,
    /// For the later kinds of faults.
    pub(super) local_random: Random,
    /// For the latest kind.
    newest_random: Random,
    /// The faults that this seed chose.
    pub(super) faults: Faults,
    pub(super) session_ms: i64,
    transaction_timeout_ms: i64,
    metadata_max_age_ms: i64,
    pub(super) exactly_once: bool,
    pub(super) application_id: String,
    /// Number of turns per thousand that are preceded by a large fault.
    mishaps: u64,
    pub(super) down_until_ms: Option<i64>,
    /// The partition that has no leader, and until when.
    pub(super) leaderless: Option<(TopicPartition, i64)>,
    /// Start time of each machine that is down.
    pub(super) restarts_ms: Vec<i64>,
}

impl std::fmt::Debug for Simulation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Simulation({:?})", self.setup)
    }
}

impl Simulation {
    /// Sets up a simulation of the application with this topology.
    pub fn builder(
        topology: impl Fn() -> crate::topology::Topology + 'static,
    ) -> SimulationBuilder {
        SimulationBuilder::new(topology)
    }

    pub(super) fn run(setup: SimulationBuilder) -> Result<Outcome, Failure> {
        let seed = setup.seed;
        let started = Self::new(setup);
        let mut simulation = match started {
            Ok(simulation) => simulation,
            Err(error) => {
                let trace = super::Trace::default();
                return Err(Failure { seed, what: error.to_string(), trace });
            }
        };
        #[cfg(feature = "planted-bugs")]
        let planted = crate::planted::Planted::new(simulation.setup.planted);
        let working = Working::in_world(Arc::downgrade(&simulation.world));
        let input = simulation.play();
        drop(working);
        // The reference run must be right.
        #[cfg(feature = "planted-bugs")]
        drop(planted);
        if let Err(error) = &input {
            simulation.world.lock().fail(error.to_string());
        }
        simulation.finish(input.unwrap_or_default())
    }

    fn new(setup: SimulationBuilder) -> Result<Self> {
        let mut random = Random::new(setup.seed);
        let config = config_of(&setup);
        let valid = config
            .validate()
            .map_err(|cause| Error::with_source(ErrorKind::Config, "wrong configuration", cause))?;
        let application_id = valid.application_id().to_owned();
        let clock = Arc::new(VirtualClock::default());
        // Shorter than a session, or longer: a producer may be fenced alone, or with its member.
        let timeout_ms = random.pick(&[1_000, 4_000, 10_000]).copied().unwrap_or(10_000);
        let mut newest_random = Random::new(setup.seed.rotate_left(32));
        let full = newest_random.per_mille(400) && setup.faults.has(FaultKind::FullBuffers);
        let all = ClusterSettings::for_virtual_time().buffer_bytes_max;
        let room = newest_random.pick(&[500, 5_000, all]).copied().filter(|_| full);
        let settings = ClusterSettings {
            transaction_timeout: Duration::from_millis(timeout_ms),
            buffer_bytes_max: room.unwrap_or(all),
            max_block: MAX_BLOCK,
            ..ClusterSettings::for_virtual_time()
        };
        let cluster = EmbeddedCluster::with_settings(clock.clone(), settings);
        for (name, partitions) in &setup.topics {
            cluster.create_topic(name, *partitions)?;
        }
        let mut world =
            World::new(random.fork(), clock.clone(), cluster.clone(), application_id.clone());
        for index in 0..setup.instances {
            let disk: Arc<dyn Disk> = match &setup.state_dir {
                None => Arc::new(MemoryDisk::new(&mut random)),
                Some(base) => {
                    let base = base.join(format!("instance-{index}"));
                    Arc::new(DirectoryDisk::new(base, application_id.clone(), &mut random))
                }
            };
            world.machines.push(Machine { disk, instance: None, up: false, naps_until_ms: 0 });
        }
        let mut local_random = Random::new(!setup.seed);
        let faults = setup.faults.chosen(&mut random, &mut local_random, full);
        let joins = faults.has(FaultKind::Join);
        let restarts_ms = (0..setup.instances)
            .map(|index| if joins && index > 0 { random.between(0, 10_000) } else { 0 })
            .collect();
        let world = Arc::new(Mutex::new(world));
        clock.drives(Arc::downgrade(&world));
        cluster.set_faults(Some(Box::new(CallFaults(Arc::downgrade(&world)))));
        Ok(Self {
            world,
            cluster,
            clock,
            faults,
            session_ms: duration_ms(valid.session_timeout()),
            transaction_timeout_ms: i64::try_from(timeout_ms).unwrap_or(i64::MAX),
            metadata_max_age_ms: duration_ms(valid.metadata_max_age()),
            exactly_once: valid.processing_guarantee() == ProcessingGuarantee::ExactlyOnceV2,
            application_id,
            mishaps: random.pick(&[3, 8, 15]).copied().unwrap_or(0),
            down_until_ms: None,
            leaderless: None,
            restarts_ms,
            random,
            local_random,
            newest_random,
            setup,
        })
    }

    /// Runs until everything is at rest, and then checks the stores. Returns the input.
    fn play(&mut self) -> Result<Vec<SimulationRecord>> {
        let generate = |input: &Option<super::builder::Input>, random: &mut Random| {
            input.as_ref().map_or_else(Vec::new, |generate| generate(random))
        };
        let mut input = generate(&self.setup.input_before, &mut self.random.fork());
        for record in &input {
            self.write(record)?;
        }
        let later = generate(&self.setup.input, &mut self.random.fork());
        let rates = CallRates::chosen(
            &self.faults,
            (&mut self.random, &mut self.local_random, &mut self.newest_random),
            self.session_ms,
        );
        let waves: Vec<_> =
            self.setup.waves.iter().map(|generate| generate(&mut self.random.fork())).collect();
        self.world.lock().say(None, &format!("chosen: {:?}, {rates:?}", self.faults));
        let grows = self.faults.has(FaultKind::Growth) && !self.setup.growing.is_empty();
        let (later, last) = later.split_at(later.len() - if grows { later.len() / 10 } else { 0 });
        self.play_wave(later, rates)?;
        input.extend_from_slice(later);
        if !last.is_empty() {
            self.write_last(last)?;
            input.extend_from_slice(last);
        }
        for wave in waves {
            self.play_wave(&wave, rates)?;
            input.extend(wave);
        }
        self.check_open_stores("at the end ", Exactness::LastRows)?;
        let differ = checks::check_global_stores(&self.world.lock())?;
        if let Some(differ) = differ {
            self.world.lock().fail(differ);
        }
        Ok(input)
    }

    /// Writes a wave of input among faults, then lets everything come to rest.
    fn play_wave(&mut self, records: &[SimulationRecord], rates: CallRates) -> Result {
        self.world.lock().rates = rates;
        let steps = self.setup.steps;
        let mut written = 0;
        for turn in 0..steps {
            if self.world.lock().failed.is_some() {
                return Ok(());
            }
            self.restart_due()?;
            let due = records.len() * (turn + 1) / steps;
            for record in records.get(written..due).unwrap_or_default() {
                self.write(record)?;
            }
            written = due;
            if self.random.per_mille(self.mishaps) {
                self.mishap()?;
            }
            if self.local_random.per_mille(self.mishaps) {
                self.local_mishap()?;
            }
            self.clock.advance(self.random.between(0, 30));
            step(&self.world);
            if turn % STEPS_BETWEEN_LOOKS == 0 {
                self.check_open_stores("", self.exactness())?;
            }
        }
        self.heal()?;
        self.settle()
    }

    fn write(&self, record: &SimulationRecord) -> Result {
        let SimulationRecord { topic, key, value, timestamp } = record;
        let headers = &Headers::new();
        let (key, value) = (key.as_deref(), value.as_deref());
        let record = ProduceRecord { timestamp: *timestamp, key, value, headers };
        if let Some((name, partitions)) =
            self.setup.appearing.iter().find(|(name, _)| name == topic)
        {
            self.cluster.create_topic(name, *partitions)?;
        }
        let (partition, offset) = self.cluster.produce(topic, None, record)?;
        let text = format!("{topic}-{partition}@{offset} is {}", compare::bytes(key));
        self.world.lock().say(None, &text);
        Ok(())
    }

    /// Writes the last records when every instance knows the grown topics. Their results must be in
    /// the partitions of their keys.
    fn write_last(&mut self, records: &[SimulationRecord]) -> Result {
        let known_ms = self.world.lock().now_ms() + self.metadata_max_age_ms * 4;
        while self.world.lock().now_ms() < known_ms {
            self.clock.advance(self.random.between(0, 30));
            step(&self.world);
        }
        let mut ends = Vec::new();
        for (topic, _) in &self.setup.growing {
            if records.iter().any(|record| record.topic == *topic) {
                continue;
            }
            let count = self.cluster.topics().get(topic).map_or(0, |topic| topic.partitions);
            for partition in 0..count {
                let end = self.cluster.end_offset(topic, partition)?;
                ends.push((TopicPartition::new(topic.as_str(), partition), end, count));
            }
        }
        records.iter().try_for_each(|record| self.write(record))?;
        self.settle()?;
        for (partition, end, count) in ends {
            let records = self.cluster.committed_records(&partition)?;
            let mut keys = records.iter().filter(|record| record.offset >= end);
            let strays = |key: &Vec<u8>| partition_for_key(key, count) != partition.partition;
            if let Some(stray) = keys.find(|record| record.key.as_ref().is_some_and(strays)) {
                let key = compare::bytes(stray.key.as_deref());
                let offset = stray.offset;
                let text =
                    format!("{key} at {partition}@{offset} does not belong there of {count}");
                self.world.lock().fail(text);
            }
        }
        Ok(())
    }

    /// Lets the instances take turns until everything is at rest. Long before that each task must
    /// have an owner.
    fn settle(&mut self) -> Result {
        // Threads take turns in sequence: if user code is slow, each waits for all others.
        let slow_ms = self.world.lock().rates.record_ms_max * SLOW_TURNS;
        let lasts_ms = self.session_ms + self.transaction_timeout_ms + OWNED_WITHIN_MS + slow_ms;
        let deadline_ms = self.world.lock().now_ms() + lasts_ms;
        let committed_by_ms = deadline_ms + COMMITTED_WITHIN_MS;
        let (mut why, mut owned) = (None, false);
        for turn in 0..SETTLE_STEPS {
            // Time passes quickly and slowly in alternation: sessions and transactions must expire,
            // and there must be rest between two ticks of the wall clock.
            let is_slow = turn / 512 % 2 == 1;
            self.clock.advance(self.random.between(0, if is_slow { 2 } else { 60 }));
            step(&self.world);
            let mut world = self.world.lock();
            if world.failed.is_some() {
                return Ok(());
            }
            if turn % 4 == 0 {
                let unowned = if owned { None } else { checks::unowned(&world)? };
                owned = unowned.is_none();
                if let Some(unowned) = unowned.filter(|_| world.now_ms() > deadline_ms) {
                    world.fail(format!("{lasts_ms} ms after the last fault {unowned}"));
                    return Ok(());
                }
                if world.now_ms() > committed_by_ms
                    && let Some(uncommitted) = checks::uncommitted_input(&world)?
                {
                    let lasted_ms = lasts_ms + COMMITTED_WITHIN_MS;
                    world.fail(format!("{lasted_ms} ms after the last fault {uncommitted}"));
                    return Ok(());
                }
                why = checks::unrest(&world)?;
                if why.is_none() {
                    return Ok(());
                }
            }
        }
        let why = why.unwrap_or_default();
        self.world.lock().fail(format!("no rest after {SETTLE_STEPS} turns without faults: {why}"));
        Ok(())
    }
}

/// The configuration of every instance.
pub(super) fn config_of(setup: &SimulationBuilder) -> StreamsConfig {
    let config = StreamsConfig::new("simulation", "simulated:9092")
        .num_stream_threads(setup.threads)
        .commit_interval(Duration::from_millis(100))
        .session_timeout(Duration::from_secs(3))
        // Records deleted at the beginning of a changelog are superseded later: nothing is lost.
        .set("state.changelog.lost", "restart-empty");
    (setup.config)(config)
}
