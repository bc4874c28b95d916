//! One instance of the application, on either library.

use std::time::Duration;

use tempfile::TempDir;
use tests::broker::{self, Process};

/// Time limit for an expected event.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The library of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    Java,
    Rust,
}

/// The last report of an instance of this library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Records taken from source and repartition topics.
    pub(crate) processed: u64,
    /// Records read from changelogs.
    pub(crate) restored: u64,
}

/// An instance with a fresh state directory, so that everything it knows comes from the cluster.
#[derive(Debug)]
pub(crate) struct Instance {
    library: Library,
    process: Process,
    _state: TempDir,
}

impl Instance {
    pub(crate) fn start(library: Library, arguments: &[&str]) -> Self {
        let state = TempDir::with_prefix("interop-").unwrap();
        let directory = state.path().to_str().unwrap();
        let process = match library {
            Library::Java => {
                let mut all = vec!["--state-dir", directory];
                all.extend(arguments);
                broker::java_orders(&all)
            }
            Library::Rust => {
                let mut all = vec!["run", "--state-dir", directory];
                all.extend(arguments);
                broker::high_value_orders(&all)
            }
        };
        Self { library, process: process.unwrap(), _state: state }
    }

    pub(crate) fn library(&self) -> Library {
        self.library
    }

    /// Fails if it has ended on its own.
    pub(crate) fn expect_running(&self) {
        if !self.process.is_running() {
            let ended = self.process.wait_for_line("a line that is never printed", Duration::ZERO);
            panic!("{}", ended.unwrap_err());
        }
    }

    /// Number of active tasks of an instance of this library; `None` while some are still
    /// restoring.
    pub(crate) fn active_tasks(&self) -> Option<usize> {
        assert_eq!(self.library, Library::Rust, "Java's program does not tell its tasks");
        let lines = self.process.stderr();
        let tasks = lines.iter().rev().find_map(|line| line.strip_prefix("tasks "))?;
        if tasks.contains("restoring") {
            return None;
        }
        let active = tasks.split("; ").find_map(|role| role.strip_prefix("active "));
        Some(active.map_or(0, |ids| ids.split(' ').count()))
    }

    /// Makes it close, like an administrator, and checks that it did so in order.
    pub(crate) fn close(self) -> Option<Summary> {
        self.expect_running();
        let status = self.process.terminate(PATIENCE).unwrap();
        let last = |lines: Vec<String>, word: &str| {
            lines.into_iter().rev().find(|line| line.contains(word)).unwrap_or_default()
        };
        match self.library {
            // Java's machine returns the signal's number as its status, however well the
            // application closed, and may be gone before the listener has reported the last state.
            Library::Java => {
                let state = last(self.process.stdout(), "state ");
                assert!(
                    ["state PENDING_SHUTDOWN", "state NOT_RUNNING"].contains(&state.as_str()),
                    "{state}"
                );
                None
            }
            Library::Rust => {
                assert!(status.success(), "{:?}", self.process.stderr());
                let line = last(self.process.stdout(), "records in");
                let figure = |name: &str| {
                    let part = line.split(", ").find(|part| part.ends_with(name)).unwrap();
                    part.split(' ').next().unwrap().parse().unwrap()
                };
                Some(Summary { processed: figure("records in"), restored: figure("restored") })
            }
        }
    }
}
