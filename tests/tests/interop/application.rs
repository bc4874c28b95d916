//! The orders application on its own broker.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use streams_core::time::{Clock, SystemClock};
use tempfile::TempDir;
use tests::broker::{self, Broker, Options, Process};

use crate::{
    figures::Figures,
    instance::{Instance, Library, PATIENCE},
    orders::{Order, portions},
};

/// Partitions of each source topic.
const PARTITIONS: usize = 4;
/// Tasks of the application: two sub-topologies.
pub(crate) const TASKS: usize = 2 * PARTITIONS;
/// Number of orders in a portion.
pub(crate) const PORTION: usize = 1_000;

const APPLICATION: &str = "orders-app";
const POLL: Duration = Duration::from_millis(100);
/// One test at a time.
static TURN: Mutex<()> = Mutex::new(());

/// A broker, the portions of orders, and the settings of instances.
pub(crate) struct Application {
    settings: Vec<&'static str>,
    portions: Vec<Vec<Order>>,
    fed: usize,
    files: TempDir,
    broker: Broker,
    /// Released last.
    _turn: MutexGuard<'static, ()>,
}

impl Application {
    /// An application that will be fed `count` portions; `None` if tests with brokers are not
    /// wanted.
    pub(crate) fn new(count: usize, settings: &[&'static str]) -> Option<Self> {
        if !broker::wanted() {
            return None;
        }
        // A failed test leaves nothing behind that the next one needs.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Self {
            settings: settings.to_vec(),
            portions: portions(count, PORTION),
            fed: 0,
            files: TempDir::with_prefix("interop-").unwrap(),
            broker: Broker::start(&Options::default()).unwrap(),
            _turn: turn,
        })
    }

    /// Starts an instance. It commits often, so that results come soon.
    pub(crate) fn start(&self, library: Library) -> Instance {
        let bootstrap = self.broker.bootstrap();
        let mut arguments = vec!["--bootstrap-server", &bootstrap, "--application-id", APPLICATION];
        arguments.extend(["--config", "commit.interval.ms=100"]);
        arguments.extend(&self.settings);
        Instance::start(library, &arguments)
    }

    /// Writes the next portion, and returns when it is written.
    pub(crate) fn feed(&mut self) {
        self.start_feed(&[]).succeed(PATIENCE).unwrap();
    }

    /// Writes the next portion bit by bit, in the background.
    pub(crate) fn start_slow_feed(&mut self) -> Process {
        self.start_feed(&["--rate", "250"])
    }

    fn start_feed(&mut self, more: &[&str]) -> Process {
        let file = self.files.path().join(format!("orders-{}.jsonl", self.fed));
        let lines: String = self.portions[self.fed].iter().map(Order::line).collect();
        fs::write(&file, lines).unwrap();
        self.fed += 1;
        let (bootstrap, partitions) = (self.broker.bootstrap(), PARTITIONS.to_string());
        let mut arguments = vec!["feed", "--bootstrap-server", &bootstrap];
        arguments.extend(["--orders", file.to_str().unwrap(), "--partitions", &partitions]);
        arguments.extend(more);
        broker::high_value_orders(&arguments).unwrap()
    }

    /// Creates the topics and writes nothing.
    pub(crate) fn create_topics(&self) {
        let (bootstrap, partitions) = (self.broker.bootstrap(), PARTITIONS.to_string());
        let arguments = ["--generate", "0", "--partitions", &partitions];
        let feed = [&["feed", "--bootstrap-server", &bootstrap], &arguments[..]].concat();
        broker::high_value_orders(&feed).unwrap().succeed(PATIENCE).unwrap();
    }

    /// Address of the broker.
    pub(crate) fn bootstrap(&self) -> String {
        self.broker.bootstrap()
    }

    /// A directory for files of the test.
    pub(crate) fn files(&self) -> &Path {
        self.files.path()
    }

    /// Number of records in a portion: orders, the same again in the repartition topic, and
    /// customers.
    pub(crate) fn records_of_a_portion(&self) -> u64 {
        let portion = self.portions.first().unwrap();
        let mut customers: Vec<&str> =
            portion.iter().map(|order| order.customer.as_str()).collect();
        customers.sort_unstable();
        customers.dedup();
        u64::try_from(2 * portion.len() + customers.len()).unwrap()
    }

    /// Waits until the figures are those of all orders that were fed; they may never exceed them.
    pub(crate) fn await_figures(&self, instances: &[&Instance]) {
        let expected = Figures::expected(self.portions.iter().take(self.fed).flatten());
        poll(instances, || {
            let found = self.figures();
            let text = || format!("expected {}, found {}", expected.summary(), found.summary());
            assert!(!found.exceeds(&expected), "{}", text());
            if found == expected { Ok(()) } else { Err(text()) }
        });
    }

    /// The figures of all that is committed now.
    pub(crate) fn figures(&self) -> Figures {
        let (bootstrap, directory) = (self.broker.bootstrap(), self.files.path().join("outputs"));
        let mut arguments = vec!["verify", "--bootstrap-server", &bootstrap];
        arguments.extend(["--output", directory.to_str().unwrap()]);
        broker::high_value_orders(&arguments).unwrap().succeed(PATIENCE).unwrap();
        Figures::read(&directory)
    }

    /// All topics with their ids, except for the cluster's own.
    pub(crate) fn topics(&self) -> BTreeMap<String, String> {
        let described = self.broker.tool(&["topics", "--describe"]).unwrap();
        let topic = |line: &str| {
            let mut fields = line.split('\t').map(str::trim);
            let name = fields.next()?.strip_prefix("Topic: ")?;
            let id = fields.next()?.strip_prefix("TopicId: ")?;
            (!name.starts_with("__")).then(|| (name.to_owned(), id.to_owned()))
        };
        described.lines().filter_map(topic).collect()
    }
}

/// Waits until an instance of this library runs a number of tasks that `wanted` accepts.
pub(crate) fn await_tasks(instance: &Instance, wanted: impl Fn(usize) -> bool) {
    poll(&[instance], || match instance.active_tasks() {
        Some(count) if wanted(count) => Ok(()),
        count => Err(format!("it has {count:?} of {TASKS} tasks")),
    });
}

/// Repeats `look` until it succeeds, for as long as the instances run and patience lasts.
fn poll(instances: &[&Instance], look: impl Fn() -> Result<(), String>) {
    let deadline_ms = SystemClock.now_ms() + i64::try_from(PATIENCE.as_millis()).unwrap();
    while let Err(problem) = look() {
        for instance in instances {
            instance.expect_running();
        }
        assert!(SystemClock.now_ms() < deadline_ms, "after {PATIENCE:?}: {problem}");
        SystemClock.sleep(POLL);
    }
}
