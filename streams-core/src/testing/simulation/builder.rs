//! Setup of a simulation.

use std::{fmt, path::PathBuf};

use super::{
    Compare, Failure, Faults, Outcome, Random, SEED_VARIABLE, SimulationRecord, run::Simulation,
};
use crate::{config::StreamsConfig, topology::Topology};

pub(super) type Input = Box<dyn Fn(&mut Random) -> Vec<SimulationRecord>>;
type Check = Box<dyn Fn(&Outcome) -> Result<(), String>>;

/// Sets up a [`Simulation`].
pub struct SimulationBuilder {
    pub(super) topology: Box<dyn Fn() -> Topology>,
    pub(super) config: Box<dyn Fn(StreamsConfig) -> StreamsConfig>,
    pub(super) instance_config: Box<dyn Fn(usize, StreamsConfig) -> StreamsConfig>,
    pub(super) state_dir: Option<PathBuf>,
    pub(super) seed: u64,
    pub(super) instances: usize,
    pub(super) threads: usize,
    pub(super) steps: usize,
    pub(super) topics: Vec<(String, i32)>,
    pub(super) growing: Vec<(String, i32)>,
    pub(super) appearing: Vec<(String, i32)>,
    pub(super) input_before: Option<Input>,
    pub(super) input: Option<Input>,
    pub(super) waves: Vec<Input>,
    pub(super) faults: Faults,
    #[cfg(feature = "planted-bugs")]
    pub(super) planted: Option<crate::planted::PlantedBug>,
    pub(super) outputs: Vec<(String, Compare)>,
    pub(super) checks: Vec<Check>,
}

impl fmt::Debug for SimulationBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulationBuilder")
            .field("seed", &self.seed)
            .field("instances", &self.instances)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl SimulationBuilder {
    pub(super) fn new(topology: impl Fn() -> Topology + 'static) -> Self {
        Self {
            topology: Box::new(topology),
            config: Box::new(|config| config),
            instance_config: Box::new(|_, config| config),
            state_dir: None,
            seed: 0,
            instances: 2,
            threads: 1,
            steps: 1_200,
            topics: Vec::new(),
            growing: Vec::new(),
            appearing: Vec::new(),
            input_before: None,
            input: None,
            waves: Vec::new(),
            faults: Faults::all(),
            #[cfg(feature = "planted-bugs")]
            planted: None,
            outputs: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// Sets the seed, which determines everything else; 0 by default.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the number of instances, each on its own machine; 2 by default, and at least 1.
    #[must_use]
    pub fn instances(mut self, instances: usize) -> Self {
        self.instances = instances.max(1);
        self
    }

    /// Sets the number of stream threads per instance; 1 by default.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Sets the number of turns during which faults happen, in each wave of input; 1 200 by
    /// default.
    #[must_use]
    pub const fn steps(mut self, steps: usize) -> Self {
        self.steps = steps;
        self
    }

    /// Changes the configuration: application id, guarantee, standbys, caches. It comes with a
    /// session timeout of 3 seconds and a commit interval of 100 milliseconds, in virtual time.
    #[must_use]
    pub fn config(mut self, config: impl Fn(StreamsConfig) -> StreamsConfig + 'static) -> Self {
        self.config = Box::new(config);
        self
    }

    /// Changes the configuration of single instances, which are numbered from 0: static membership,
    /// client tags.
    #[must_use]
    pub fn instance_config(
        mut self,
        config: impl Fn(usize, StreamsConfig) -> StreamsConfig + 'static,
    ) -> Self {
        self.instance_config = Box::new(config);
        self
    }

    /// Keeps persistent stores in `RocksDB` in this directory, which should be empty; without it
    /// they are in memory, where a crash can take back unflushed writes. It needs the feature
    /// `rocksdb`.
    #[must_use]
    pub fn state_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(directory.into());
        self
    }

    /// Creates a topic of the user, for input or output.
    #[must_use]
    pub fn topic(mut self, name: impl Into<String>, partitions: i32) -> Self {
        self.topics.push((name.into(), partitions));
        self
    }

    /// Lets a topic grow, to `most` partitions at most. Checks must not depend on the partition of
    /// a key. The last tenth of the input is written when the new partitions must be known: if the
    /// topic is only written, each of its records must then be in the partition of its key.
    #[must_use]
    pub fn grows(mut self, name: impl Into<String>, most: i32) -> Self {
        self.growing.push((name.into(), most));
        self
    }

    /// Lets a topic come into being with the first input record that is written to it: one that is
    /// read by a pattern.
    #[must_use]
    pub fn appears(mut self, name: impl Into<String>, partitions: i32) -> Self {
        self.appearing.push((name.into(), partitions));
        self
    }

    /// Generates the input, which is written in this order while the instances run and faults
    /// happen.
    #[must_use]
    pub fn input(
        mut self,
        generate: impl Fn(&mut Random) -> Vec<SimulationRecord> + 'static,
    ) -> Self {
        self.input = Some(Box::new(generate));
        self
    }

    /// Generates input that exists before the first instance starts: the rows of a table that is
    /// joined, so that results do not depend on which side comes first.
    #[must_use]
    pub fn input_before(
        mut self,
        generate: impl Fn(&mut Random) -> Vec<SimulationRecord> + 'static,
    ) -> Self {
        self.input_before = Some(Box::new(generate));
        self
    }

    /// Generates a wave of input that is written when all earlier input is processed and everything
    /// is at rest; then faults begin again. May be called again, for a further wave. A wave much
    /// later than the previous one closes the windows of that one at a moment when nothing can be
    /// late, so results do not depend on the order of different partitions.
    #[must_use]
    pub fn input_afterwards(
        mut self,
        generate: impl Fn(&mut Random) -> Vec<SimulationRecord> + 'static,
    ) -> Self {
        self.waves.push(Box::new(generate));
        self
    }

    /// Sets the faults that may happen; all by default.
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Plants a mistake in the runtime, or none.
    #[cfg(feature = "planted-bugs")]
    #[must_use]
    pub fn plant(mut self, bug: impl Into<Option<crate::planted::PlantedBug>>) -> Self {
        self.planted = bug.into();
        self
    }

    /// Compares an output topic with the result of a
    /// [`TopologyTestDriver`](crate::testing::TopologyTestDriver) for the same input. The compared
    /// values must not depend on the order of different partitions or on the wall clock.
    #[must_use]
    pub fn output(mut self, topic: impl Into<String>, compare: Compare) -> Self {
        self.outputs.push((topic.into(), compare));
        self
    }

    /// Checks the end result; an error describes the violation.
    #[must_use]
    pub fn check(mut self, check: impl Fn(&Outcome) -> Result<(), String> + 'static) -> Self {
        self.checks.push(Box::new(check));
        self
    }

    /// Runs the simulation until all input is processed and everything is at rest.
    ///
    /// # Errors
    /// The violation, with the trace up to it.
    pub fn run(self) -> Result<Outcome, Failure> {
        Simulation::run(self)
    }
}

/// The seeds to run: `range`, or those in the environment variable `SIMULATION_SEED`, which is a
/// seed such as `7` or a range such as `100..200`.
pub fn seeds(range: std::ops::Range<u64>) -> impl Iterator<Item = u64> {
    let given = std::env::var(SEED_VARIABLE).ok().and_then(|text| parse_seeds(&text));
    given.unwrap_or(range)
}

fn parse_seeds(text: &str) -> Option<std::ops::Range<u64>> {
    if let Some((from, to)) = text.split_once("..") {
        return Some(from.trim().parse().ok()?..to.trim().parse().ok()?);
    }
    let seed: u64 = text.trim().parse().ok()?;
    Some(seed..seed.saturating_add(1))
}
