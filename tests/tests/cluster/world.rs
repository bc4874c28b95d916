//! A broker, the topics of the orders application, and its instances as processes.
//!
//! The topics have fixed names, so each scenario has its own broker. One scenario runs at a time:
//! they measure by time-outs, and two would slow each other down. A failed one prints the last
//! lines of all its processes.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use streams_core::{
    client::{ClientSupplier, NewTopic, clients_for},
    config::StreamsConfig,
    time::{Clock, SystemClock},
};
use tempfile::TempDir;
use tests::broker::{self, Broker, Options, Process, high_value_orders};

use crate::{orders::Orders, outcome::Outcome};

/// The application id of all instances.
pub(crate) const APP: &str = "orders-app";
/// Time limit for anything, on a machine that is busy with other work.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
/// Time without a heartbeat after which a member is expelled.
pub(crate) const SESSION: Duration = Duration::from_secs(3);
/// All topics that the application does not create itself.
const TOPICS: [&str; 6] = [
    "customers",
    "orders",
    "high-value-orders",
    "orders-per-customer",
    "enriched-orders",
    "orders-per-hour",
];
/// Interval at which a condition is checked.
const TICK: Duration = Duration::from_millis(20);
/// Additional retention of changelog records beyond their windows.
const HUNDRED_YEARS: &str = "windowstore.changelog.additional.retention.ms=3155760000000";
/// Lets a member have any task at once, however long it was away: without a warm-up, which takes
/// minutes.
pub(crate) const ANY_LAG: [&str; 2] = ["--config", "acceptable.recovery.lag=1000000000"];
/// Number of lines of each process that a failed scenario shows.
const TAIL: usize = 30;

/// Protocol by which members of the group agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Among themselves, led by one of them.
    Classic,
    /// Through the broker (KIP-1071).
    Streams,
}

/// Requirement on the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guarantee {
    /// Nothing is lost or repeated.
    ExactlyOnce,
    /// Nothing is lost.
    AtLeastOnce,
}

/// Mode of the application in a scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    pub(crate) protocol: Protocol,
    pub(crate) guarantee: Guarantee,
}

impl Mode {
    pub(crate) const EXACTLY_ONCE: Self =
        Self { protocol: Protocol::Classic, guarantee: Guarantee::ExactlyOnce };
    pub(crate) const AT_LEAST_ONCE: Self =
        Self { protocol: Protocol::Classic, guarantee: Guarantee::AtLeastOnce };
    pub(crate) const STREAMS_EXACTLY_ONCE: Self =
        Self { protocol: Protocol::Streams, guarantee: Guarantee::ExactlyOnce };
    pub(crate) const STREAMS_AT_LEAST_ONCE: Self =
        Self { protocol: Protocol::Streams, guarantee: Guarantee::AtLeastOnce };
}

/// An instance of the application, as long as its process is kept.
pub(crate) type Instance = Rc<Process>;

/// The world of a scenario.
pub(crate) struct World {
    pub(crate) mode: Mode,
    pub(crate) broker: Broker,
    directory: TempDir,
    partitions: u16,
    /// True if a zombie may write late, as nothing prevents it with at-least-once.
    late_writes: bool,
    /// Options of all instances besides those of the mode.
    options: Vec<String>,
    started: RefCell<Vec<(String, Instance)>>,
    feeds: Cell<u32>,
    /// Held for the duration of the scenario.
    _turn: MutexGuard<'static, ()>,
}

impl World {
    pub(crate) fn new(mode: Mode, partitions: u16) -> Self {
        Self::with(mode, partitions, Options::default())
    }

    /// Creates a world whose broker has these `options`.
    pub(crate) fn with(mode: Mode, partitions: u16, options: Options) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let session_ms = SESSION.as_millis().to_string();
        // The orders are from a fixed day, which by now is older than any retention.
        let options = options
            .set("log.initial.task.delay.ms", "86400000")
            .set("log.retention.check.interval.ms", "86400000")
            .set("group.streams.session.timeout.ms", &session_ms);
        Self {
            mode,
            broker: Broker::start(&options).unwrap(),
            directory: TempDir::with_prefix("cluster-").unwrap(),
            partitions,
            late_writes: false,
            options: Vec::new(),
            started: RefCell::default(),
            feeds: Cell::new(0),
            _turn: turn,
        }
    }

    /// Adds an option of all instances, such as `["--standbys", "1"]`.
    pub(crate) fn option(mut self, option: &[&str]) -> Self {
        self.options.extend(option.iter().map(|part| (*part).to_owned()));
        self
    }

    /// Expects counts in the output that a zombie wrote after it was suspended. None may be missing
    /// because of that.
    pub(crate) fn with_late_writes(mut self) -> Self {
        self.late_writes = self.mode.guarantee == Guarantee::AtLeastOnce;
        self
    }

    /// Creates the topics and writes customers and orders, all of them.
    pub(crate) fn feed(&self, orders: &Orders) {
        self.start_feed(orders, None).succeed(PATIENCE).unwrap();
    }

    /// Creates the topics and begins to write customers, then orders, at most `rate` of them per
    /// second.
    pub(crate) fn feed_slowly(&self, orders: &Orders, rate: u32) -> Instance {
        // An instance may start before the other process has got round to creating them.
        self.create_topics(&TOPICS.map(|topic| (topic, self.partitions.into())));
        self.start_feed(orders, Some(rate))
    }

    fn start_feed(&self, orders: &Orders, rate: Option<u32>) -> Instance {
        let number = self.feeds.replace(self.feeds.get() + 1);
        let file = self.directory.path().join(format!("orders-{number}.jsonl"));
        fs::write(&file, orders.json_lines()).unwrap();
        let (partitions, rate) = (self.partitions.to_string(), rate.map(|rate| rate.to_string()));
        let (bootstrap, file) = (self.broker.bootstrap(), shown(&file));
        let mut arguments =
            vec!["feed", "--bootstrap-server", &bootstrap, "--partitions", &partitions];
        arguments.extend(["--orders", &file]);
        if let Some(rate) = &rate {
            arguments.extend(["--rate", rate]);
        }
        // A record whose answer a failing broker lost must not be in the input twice.
        arguments.extend(["--config", "producer.enable.idempotence=true"]);
        self.process("feed", &arguments)
    }

    /// Loses the disk of an instance, if it has something there: without RocksDB it has not.
    pub(crate) fn lose_disk(&self, name: &str) {
        match fs::remove_dir_all(self.state_dir(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            lost => lost.unwrap(),
        }
    }

    /// The directory of an instance's state.
    pub(crate) fn state_dir(&self, name: &str) -> PathBuf {
        self.directory.path().join("state").join(name)
    }

    /// Starts an instance, which finds the state that one with its name left behind.
    pub(crate) fn run(&self, name: &str) -> Instance {
        self.run_with(name, &[])
    }

    /// Like [`run`](Self::run), with more options.
    pub(crate) fn run_with(&self, name: &str, options: &[&str]) -> Instance {
        let (bootstrap, directory) = (self.broker.bootstrap(), shown(&self.state_dir(name)));
        let session = format!("session.timeout.ms={}", SESSION.as_millis());
        let mut arguments = vec!["run", "--bootstrap-server", &bootstrap, "--application-id", APP];
        arguments.extend(["--state-dir", &directory]);
        arguments.extend(["--guarantee", self.mode.guarantee.option(), "--config", &session]);
        arguments.extend(match self.mode.protocol {
            Protocol::Classic => ["--config", "heartbeat.interval.ms=300"],
            Protocol::Streams => ["--config", "group.protocol=streams"],
        });
        arguments.extend(["--config", "commit.interval.ms=100"]);
        let data_plane = broker::data_plane();
        arguments.extend(["--config", &data_plane]);
        // Nor may changelogs of windows be emptied, which the broker does by the records' own time.
        arguments.extend(["--config", HUNDRED_YEARS]);
        // Open transactions of a dead instance make the others wait this long.
        arguments.extend(["--config", "producer.transaction.timeout.ms=3000"]);
        arguments.extend(self.options.iter().map(String::as_str));
        arguments.extend(options);
        self.process(name, &arguments)
    }

    /// Starts the program with these arguments.
    pub(crate) fn process(&self, name: &str, arguments: &[&str]) -> Instance {
        let process = Rc::new(high_value_orders(arguments).unwrap());
        self.started.borrow_mut().push((name.to_owned(), process.clone()));
        process
    }

    /// All tasks of the topology.
    pub(crate) fn all_tasks(&self) -> BTreeSet<String> {
        let task = |part: u16| (0..self.partitions).map(move |number| format!("{part}_{number}"));
        task(0).chain(task(1)).collect()
    }

    /// Waits until exactly these instances share all tasks, and returns the tasks of each.
    pub(crate) fn await_shared(&self, instances: &[&Instance]) -> Vec<BTreeSet<String>> {
        eventually("all tasks are active on the instances, each once", || {
            let tasks: Vec<BTreeSet<String>> =
                instances.iter().map(|instance| tasks(instance, "active")).collect();
            let held: usize = tasks.iter().map(BTreeSet::len).sum();
            let all: BTreeSet<String> = tasks.iter().flatten().cloned().collect();
            let shared = all == self.all_tasks() && held == all.len();
            (shared && tasks.iter().all(|tasks| !tasks.is_empty())).then_some(tasks)
        })
    }

    /// Waits until none of the expected results is missing.
    pub(crate) fn await_all(&self, orders: &Orders) {
        let (expected, clock) = (orders.expected(), SystemClock);
        let deadline_ms = clock.now_ms() + i64::try_from(PATIENCE.as_millis()).unwrap();
        loop {
            let missing = self.outcome().problems_at_least_once(&expected);
            if missing.is_empty() {
                return;
            }
            assert!(clock.now_ms() < deadline_ms, "{}", missing.join("\n"));
        }
    }

    /// Ends the instances like an administrator, and checks the output against the guarantee.
    pub(crate) fn close_and_check(&self, instances: &[&Instance], orders: &Orders) {
        for instance in instances {
            let status = instance.terminate(PATIENCE).unwrap();
            assert_eq!(status.code(), Some(0), "an instance that is told to end ends well");
        }
        self.check(self.mode.guarantee, orders);
    }

    /// Checks the output.
    pub(crate) fn check(&self, guarantee: Guarantee, orders: &Orders) {
        let outcome = self.outcome();
        let problems = |orders: &Orders| match guarantee {
            Guarantee::ExactlyOnce => outcome.problems_exactly_once(&orders.expected()),
            Guarantee::AtLeastOnce => outcome.problems_at_least_once(&orders.expected()),
        };
        if problems(orders).is_empty() {
            return;
        }
        // A killed broker forgets which records it already has from an idempotent producer, which
        // sends unconfirmed ones again: then the expected results are those of the topic.
        let input = self.input();
        let (written, meant) = (input.len(), orders.len());
        let problems = problems(&input);
        assert!(problems.is_empty(), "{:?}:\n{}", self.mode, problems.join("\n"));
        assert!(written >= meant, "{written} of {meant} orders were written");
        eprintln!("{} orders are in the input more than once", written - meant);
    }

    /// The orders in the input topic.
    fn input(&self) -> Orders {
        let read = ["console-consumer", "--topic", "orders", "--from-beginning"];
        let limits = ["--isolation-level", "read_committed", "--timeout-ms", "5000"];
        Orders::of_topic(&self.broker.tool(&[&read[..], &limits].concat()).unwrap())
    }

    /// Transactions that the broker left open for good, which no client can repair.
    fn hanging_transactions(&self) -> String {
        let find = ["transactions", "find-hanging", "--broker-id", "1"];
        let hanging = self.broker.tool(&find).unwrap_or_else(|error| error.to_string());
        let log = self.broker.log().unwrap_or_default();
        let skipped = log.lines().filter(|line| line.contains("Couldn't find leader endpoint"));
        format!(
            "transactions that hang:\n{hanging}markers that the broker did not write:\n{}",
            skipped.collect::<Vec<_>>().join("\n")
        )
    }

    /// The contents of the output topics according to the program's own command.
    fn outcome(&self) -> Outcome {
        let directory = self.directory.path().join("output");
        let (bootstrap, output) = (self.broker.bootstrap(), shown(&directory));
        let verify = ["verify", "--bootstrap-server", &bootstrap, "--output", &output];
        high_value_orders(&verify).unwrap().succeed(PATIENCE).unwrap();
        let mut outcome = Outcome::read(&directory).unwrap();
        if self.late_writes {
            outcome.forget_late_counts();
        }
        outcome
    }

    /// Clients of this process.
    pub(crate) fn clients(&self) -> Arc<dyn ClientSupplier> {
        let config = StreamsConfig::new("cluster-test", self.broker.bootstrap());
        let data_plane = broker::data_plane();
        let (key, value) = data_plane.split_once('=').unwrap();
        clients_for(&config.set(key, value)).unwrap()
    }

    /// Creates topics, each with its number of partitions.
    pub(crate) fn create_topics(&self, topics: &[(&str, i32)]) {
        let topic = |(name, partitions): &(&str, i32)| NewTopic {
            name: (*name).to_owned(),
            partitions: *partitions,
            replication_factor: -1,
            config: BTreeMap::new(),
        };
        let topics: Vec<NewTopic> = topics.iter().map(topic).collect();
        self.clients().admin().unwrap().create_topics(&topics).wait().unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for (name, process) in self.started.borrow().iter() {
            let lines = process.stderr();
            let tail = lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default();
            let running = if process.is_running() { "runs" } else { "has ended" };
            let (id, text) = (process.id(), tail.join("\n  "));
            eprintln!("{name} (process {id}, {running}) printed last:\n  {text}");
        }
        eprintln!("{}", self.hanging_transactions());
    }
}

impl Guarantee {
    fn option(self) -> &'static str {
        match self {
            Self::ExactlyOnce => "exactly-once",
            Self::AtLeastOnce => "at-least-once",
        }
    }
}

fn shown(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// The tasks that an instance last reported in a role.
pub(crate) fn tasks(instance: &Process, role: &str) -> BTreeSet<String> {
    let lines = instance.stderr();
    let last = lines.iter().rev().find_map(|line| line.strip_prefix("tasks "));
    let role =
        |part: &str| part.split_once(' ').filter(|(name, _)| *name == role)?.1.to_owned().into();
    let found: Option<String> = last.and_then(|line| line.split("; ").find_map(role));
    found.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// The highest number of `what` that an instance has reported, such as `120 restored`.
pub(crate) fn told(instance: &Process, what: &str) -> u64 {
    let lines = instance.stderr().into_iter().chain(instance.stdout());
    let number = |line: String| {
        let part = line.split(", ").find_map(|part| part.strip_suffix(what)?.trim().parse().ok());
        part.unwrap_or(0)
    };
    lines.map(number).max().unwrap_or(0)
}

/// Waits until `condition` returns something.
pub(crate) fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let clock = SystemClock;
    let deadline_ms = clock.now_ms() + i64::try_from(PATIENCE.as_millis()).unwrap();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(clock.now_ms() < deadline_ms, "not within {PATIENCE:?}: {what}");
        clock.sleep(TICK);
    }
}

/// Lets time pass in which a scenario's processes continue.
pub(crate) fn pass(time: Duration) {
    SystemClock.sleep(time);
}
