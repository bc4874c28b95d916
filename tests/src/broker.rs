//! A real Apache Kafka for tests, and programs that run against it as processes of their own.
//!
//! A broker is started by `scripts/kafka.sh` on free ports of the loopback, with its data in a
//! temporary directory. It ends with its [`Broker`], or with the test's process if that is killed.
//! This is no mock: a start takes seconds, so the tests of one binary share a broker unless they
//! stop it, and use topics and application ids of their own ([`unique`]).
//!
//! Tests of this kind need Java, so they run only when [`wanted`] says so.

mod options;
mod process;
mod program;
mod tls;

use std::{
    fs,
    io::{self, Error},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use tempfile::TempDir;

pub use self::{
    options::Options,
    process::{Process, Signal},
    program::{high_value_orders, java_orders, python_client},
    tls::Tls,
};

/// The variable that holds the address of a running broker, and by being set asks for tests with
/// brokers.
pub const BOOTSTRAP: &str = "KAFKA_STREAMS_TEST_BOOTSTRAP";

/// The address of the broker that the environment names, if tests with brokers are wanted; else
/// says on the standard error that the test is skipped.
///
/// That broker serves tests that neither stop it nor need security.
pub fn bootstrap() -> Option<String> {
    let bootstrap = std::env::var(BOOTSTRAP).ok().filter(|address| !address.is_empty());
    if bootstrap.is_none() {
        eprintln!("skipped, as {BOOTSTRAP} is not set: eval \"$(scripts/kafka.sh env)\" sets it");
    }
    bootstrap
}

/// Returns whether tests with brokers are wanted; else says on the standard error that the test is
/// skipped.
pub fn wanted() -> bool {
    bootstrap().is_some()
}

/// The setting `client.data.plane` of the instances under test: native, or what
/// `KAFKA_STREAMS_TEST_DATA_PLANE` says.
pub fn data_plane() -> String {
    let plane =
        std::env::var("KAFKA_STREAMS_TEST_DATA_PLANE").ok().filter(|plane| !plane.is_empty());
    format!("client.data.plane={}", plane.as_deref().unwrap_or("native"))
}

/// Runs one of Kafka's command line tools against the broker that the environment names, as
/// `["topics", "--list"]`.
///
/// # Errors
/// Says what the tool said if it failed, or that `KAFKA_STREAMS_TEST_DIR` names no directory of a
/// broker.
pub fn tool(arguments: &[&str]) -> io::Result<String> {
    let directory = std::env::var_os("KAFKA_STREAMS_TEST_DIR");
    let directory = directory.ok_or_else(|| Error::other("KAFKA_STREAMS_TEST_DIR is not set"))?;
    script(Path::new(&directory), "tool", arguments)
}

/// Returns whether the broker of the tests is of version `major.minor` or later; it is the newest,
/// unless it says otherwise.
pub fn is_from(major: u32, minor: u32) -> bool {
    let Ok(version) = std::env::var("KAFKA_STREAMS_TEST_VERSION") else { return true };
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (major, minor)
}

/// A name that no other test uses, for topics and application ids: `prefix`, the process and a
/// number.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}-{}-{number}", std::process::id())
}

/// Apache Kafka, each node in a process of its own: one, or three by [`Options::three_nodes`].
///
/// Dropping it kills the brokers and removes their data.
#[derive(Debug)]
pub struct Broker {
    /// Holds the data; gone only after the broker.
    directory: TempDir,
    /// The first of its six ports.
    port: u16,
    /// Number of nodes.
    nodes: u16,
}

impl Broker {
    /// Starts a broker and waits until it answers.
    ///
    /// # Errors
    /// Says what the script said, with the end of the broker's log, if it did not come up.
    pub fn start(options: &Options) -> io::Result<Self> {
        let directory = TempDir::with_prefix("kafka-")?;
        fs::write(directory.path().join("extra.properties"), options.properties())?;
        let nodes = options.nodes();
        let mut broker = Self { directory, port: 0, nodes };
        let test = std::process::id().to_string();
        let mut arguments = vec!["--port", "0", "--follow", &test];
        if options.is_secure() {
            arguments.push("--secure");
        }
        let nodes = nodes.to_string();
        arguments.extend(["--nodes", &nodes]);
        broker.script("start", &arguments)?;
        let settings = fs::read_to_string(broker.directory().join("settings"))?;
        let port = settings.lines().find_map(|line| line.strip_prefix("port=")?.parse().ok());
        broker.port = port.ok_or_else(|| Error::other("the broker's settings name no port"))?;
        Ok(broker)
    }

    /// The addresses of all nodes without security.
    pub fn bootstrap(&self) -> String {
        let addresses = (0..self.nodes).map(|node| self.address("127.0.0.1", 2 * node));
        addresses.collect::<Vec<_>>().join(",")
    }

    /// The address with TLS, which asks no certificate of the client; of a secure broker.
    pub fn ssl(&self) -> String {
        self.address("localhost", 2)
    }

    /// The address with SASL over TLS; of a secure broker.
    ///
    /// `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` know `alice` and `bob` with the passwords
    /// `alice-secret` and `bob-secret`; `OAUTHBEARER` takes unsigned tokens.
    pub fn sasl_ssl(&self) -> String {
        self.address("localhost", 3)
    }

    /// The address with SASL without encryption, with the users of [`Broker::sasl_ssl`]; of a
    /// secure broker.
    pub fn sasl_plaintext(&self) -> String {
        self.address("127.0.0.1", 4)
    }

    /// The address with TLS that demands a certificate of the client; of a secure broker.
    pub fn mutual_tls(&self) -> String {
        self.address("localhost", 5)
    }

    /// The files that a client with TLS is configured with; of a secure broker.
    pub fn tls(&self) -> Tls {
        Tls::in_directory(&self.directory().join("tls"))
    }

    /// Directory of data, settings and logs.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Logs of the brokers so far, one after another.
    ///
    /// # Errors
    /// A file can't be read.
    pub fn log(&self) -> io::Result<String> {
        if self.nodes == 1 {
            return fs::read_to_string(self.directory().join("kafka.log"));
        }
        let log = |node| self.directory().join(format!("node-{node}/kafka.log"));
        (1..=self.nodes).map(|node| fs::read_to_string(log(node))).collect()
    }

    /// Stops the broker as an administrator would; its data stays.
    ///
    /// # Errors
    /// The process can't be signalled.
    pub fn stop(&self) -> io::Result<()> {
        self.script("stop", &[]).map(drop)
    }

    /// Kills the broker as a crash would; its data stays.
    ///
    /// # Errors
    /// The process can't be signalled.
    pub fn kill(&self) -> io::Result<()> {
        self.script("stop", &["--kill"]).map(drop)
    }

    /// Starts it again after [`Broker::stop`] or [`Broker::kill`], with the same ports and data.
    ///
    /// After a kill this takes some seconds more, until its former session is over.
    ///
    /// # Errors
    /// The errors of [`Broker::start`].
    pub fn start_again(&self) -> io::Result<()> {
        self.script("start", &[]).map(drop)
    }

    /// Kills a node of three, which are numbered from 1; its data stays.
    ///
    /// # Errors
    /// The process can't be signalled.
    pub fn kill_node(&self, node: u16) -> io::Result<()> {
        self.script("stop", &["--kill", "--node", &node.to_string()]).map(drop)
    }

    /// Stops a node of three in order; its data stays.
    ///
    /// # Errors
    /// Output of the script.
    pub fn stop_node(&self, node: u16) -> io::Result<()> {
        self.script("stop", &["--node", &node.to_string()]).map(drop)
    }

    /// Starts a node of three again after [`Broker::kill_node`] or [`Broker::stop_node`].
    ///
    /// # Errors
    /// The errors of [`Broker::start`].
    pub fn start_node_again(&self, node: u16) -> io::Result<()> {
        self.script("start", &["--node", &node.to_string()]).map(drop)
    }

    /// Suspends the one broker: connections stay and nothing is answered.
    ///
    /// # Errors
    /// The process can't be signalled.
    pub fn suspend(&self) -> io::Result<()> {
        process::signal(self.process_id()?, Signal::Stop)
    }

    /// Lets it go on after [`Broker::suspend`].
    ///
    /// # Errors
    /// The process can't be signalled.
    pub fn resume(&self) -> io::Result<()> {
        process::signal(self.process_id()?, Signal::Continue)
    }

    /// Runs one of Kafka's command line tools against it, as `["topics", "--list"]`, and gives what
    /// it printed.
    ///
    /// # Errors
    /// Says what the tool said if it failed.
    pub fn tool(&self, arguments: &[&str]) -> io::Result<String> {
        self.script("tool", arguments)
    }

    fn address(&self, host: &str, offset: u16) -> String {
        format!("{host}:{}", self.port.saturating_add(offset))
    }

    fn process_id(&self) -> io::Result<u32> {
        let text = fs::read_to_string(self.directory().join("pid"))?;
        text.trim().parse().map_err(Error::other)
    }

    fn script(&self, command: &str, arguments: &[&str]) -> io::Result<String> {
        script(self.directory(), command, arguments)
    }
}

fn script(directory: &Path, command: &str, arguments: &[&str]) -> io::Result<String> {
    let mut script = Command::new(scripts().join("kafka.sh"));
    script.arg(command).arg("--dir").arg(directory).args(arguments);
    let output = script.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(Error::other(format!("kafka.sh {command} failed: {text}")))
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("a broker may be left in {}: {error}", self.directory().display());
        }
    }
}

/// Directory of the project's scripts.
fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts")
}
