//! The directory in which an application keeps its state on this machine:
//! `<state.dir>/<application.id>`.
//!
//! ```text
//! .lock                           held while the application runs, by one process and one handle
//! kafka-streams-process-metadata  {"processId": "<uuid>"}: whose tasks these are after a restart
//! 0_3/                            the database of task 0_3
//! global/                         the database of the global stores
//! ```
//!
//! Only the whole directory is locked by a file. Tasks are locked in memory, since all that may
//! want one are in this process. Java's `StateDirectory`; the contents of a task's directory are
//! our own.

mod clean_up;
pub(crate) mod process;

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use uuid::Uuid;

use crate::{Error, ErrorKind, Result};

const LOCK_FILE: &str = ".lock";
const GLOBAL: &str = "global";

/// The state directory of an application, locked until the last clone is dropped.
#[derive(Clone, Debug)]
pub struct StateDirectory {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    process_id: Uuid,
    locked_tasks: Mutex<BTreeSet<String>>,
    /// Dropping it releases the lock.
    _lock: File,
}

impl StateDirectory {
    /// Creates the directory of an application if it isn't there, and locks it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Locked`] if another process or another handle of this process has it, and
    /// [`ErrorKind::InvalidArgument`] if the application's id can't be the name of a directory.
    pub fn open(base: &Path, application_id: &str) -> Result<Self> {
        check_name(application_id)?;
        let path = base.join(application_id);
        create_directory(&path)?;
        let lock = lock(&path)?;
        let process_id = process::load_or_create(&path)?;
        let locked_tasks = Mutex::default();
        Ok(Self { inner: Arc::new(Inner { path, process_id, locked_tasks, _lock: lock }) })
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The identity under which this directory's tasks are assigned; the same after a restart.
    #[must_use]
    pub fn process_id(&self) -> Uuid {
        self.inner.process_id
    }

    /// The directory of a task such as `0_3`, created if it isn't there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] if `task` is no task id, and those of the operating system.
    pub fn task_directory(&self, task: &str) -> Result<PathBuf> {
        check_task(task)?;
        let path = self.inner.path.join(task);
        create_directory(&path)?;
        Ok(path)
    }

    /// The directory of the global stores, created if it isn't there.
    ///
    /// # Errors
    ///
    /// Errors of the operating system.
    pub fn global_directory(&self) -> Result<PathBuf> {
        let path = self.inner.path.join(GLOBAL);
        create_directory(&path)?;
        Ok(path)
    }

    /// Locks a task for its owner; returns whether it was free. A clean-up leaves locked tasks
    /// alone.
    #[must_use]
    pub fn lock_task(&self, task: &str) -> bool {
        self.inner.locked_tasks.lock().insert(task.to_owned())
    }

    /// Gives a task up. Its state stays, and counts as touched now.
    pub fn unlock_task(&self, task: &str) {
        if !self.inner.locked_tasks.lock().remove(task) || check_task(task).is_err() {
            return;
        }
        // A file that comes and goes renews the directory's time of modification. A failure only
        // means that the clean-up may come earlier, and the state can be restored.
        let touch = self.inner.path.join(task).join(".touch");
        if let Err(error) = File::create(&touch).and_then(|_| fs::remove_file(&touch)) {
            tracing::debug!(task, %error, "could not touch the directory of a released task");
        }
    }

    /// The tasks that have state on disk, in the order of their names.
    ///
    /// # Errors
    ///
    /// Errors of the operating system.
    pub fn list_tasks(&self) -> Result<Vec<String>> {
        let mut tasks = Vec::new();
        for name in entry_names(&self.inner.path)? {
            if check_task(&name).is_ok() && !entry_names(&self.inner.path.join(&name))?.is_empty() {
                tasks.push(name);
            }
        }
        tasks.sort_unstable();
        Ok(tasks)
    }
}

/// The names in a directory; none if it isn't there or is a file.
fn entry_names(directory: &Path) -> Result<Vec<String>> {
    let fail = |error| Error::from_io("list", directory, error);
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(fail(error)),
    };
    entries
        .map(|entry| Ok(entry.map_err(fail)?.file_name().to_string_lossy().into_owned()))
        .collect()
}

/// State is readable by its user and group only, as Java's is.
fn create_directory(path: &Path) -> Result {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o750);
    builder.create(path).map_err(|error| Error::from_io("create state directory", path, error))
}

fn lock(directory: &Path) -> Result<File> {
    let path = directory.join(LOCK_FILE);
    let fail = |error| Error::from_io("lock", &path, error);
    let file =
        File::options().create(true).truncate(false).write(true).open(&path).map_err(fail)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::locked(directory)),
        Err(TryLockError::Error(error)) => Err(fail(error)),
    }
}

fn check_name(name: &str) -> Result {
    let plain = !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0']);
    if plain {
        return Ok(());
    }
    let message = format!("application id {name:?} can't be the name of a state directory");
    Err(Error::new(ErrorKind::InvalidArgument, message))
}

fn check_task(task: &str) -> Result {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if task.split_once('_').is_some_and(|(left, right)| digits(left) && digits(right)) {
        return Ok(());
    }
    let message = format!("{task:?} is no task id such as 0_3");
    Err(Error::new(ErrorKind::InvalidArgument, message))
}

#[cfg(test)]
mod tests;
