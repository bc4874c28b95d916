//! Removing the state of tasks that nobody here owns any more.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{GLOBAL, StateDirectory, check_task, entry_names};
use crate::{Error, ErrorKind, Result};

impl StateDirectory {
    /// Removes the directories of tasks that are not locked and were not touched for a while, and
    /// returns their names. Java's `state.cleanup.delay.ms`.
    ///
    /// `now_ms` is the wall-clock time in milliseconds since the epoch, as the file system has it.
    ///
    /// # Errors
    ///
    /// Errors of the operating system; tasks before the failing one are removed.
    pub fn remove_unowned(&self, older_than: Duration, now_ms: i64) -> Result<Vec<String>> {
        let now = Duration::from_millis(u64::try_from(now_ms).unwrap_or(0));
        let mut removed = Vec::new();
        for task in entry_names(self.path())? {
            if check_task(&task).is_err() {
                continue;
            }
            let touched = newest_modification(&self.path().join(&task))?;
            if now.saturating_sub(touched) > older_than && self.remove_if_free(&task)? {
                removed.push(task);
            }
        }
        removed.sort_unstable();
        Ok(removed)
    }

    /// Removes the state of a task.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Locked`] if the task is locked, [`ErrorKind::InvalidArgument`] if it is no task
    /// id, and those of the operating system.
    pub fn remove_task(&self, task: &str) -> Result {
        check_task(task)?;
        if self.remove_if_free(task)? {
            return Ok(());
        }
        let message =
            format!("the state of task {task} is in use; close the task before it is removed");
        Err(Error::new(ErrorKind::Locked, message))
    }

    /// Removes the state of all tasks and of the global stores. Java's `KafkaStreams#cleanUp`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Locked`], with nothing removed, if any task is locked.
    pub fn clean_up(&self) -> Result {
        // Held throughout, so that no task is opened while the others are being removed.
        let locked = self.inner.locked_tasks.lock();
        if let Some(task) = locked.first() {
            let message =
                format!("task {task} is in use; close the application before its state is removed");
            return Err(Error::new(ErrorKind::Locked, message));
        }
        for name in entry_names(self.path())? {
            if name == GLOBAL || check_task(&name).is_ok() {
                remove_directory(&self.path().join(name))?;
            }
        }
        Ok(())
    }

    /// Removes a task's directory under its lock; returns whether the lock was free.
    fn remove_if_free(&self, task: &str) -> Result<bool> {
        if !self.lock_task(task) {
            return Ok(false);
        }
        let removed = remove_directory(&self.path().join(task));
        self.inner.locked_tasks.lock().remove(task);
        removed.map(|()| true)
    }
}

fn remove_directory(path: &Path) -> Result {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::from_io("remove", path, error))
        }
        _ => Ok(()),
    }
}

/// Time of the last modification in a directory, since the epoch.
fn newest_modification(path: &Path) -> Result<Duration> {
    let fail = |error| Error::from_io("inspect", path, error);
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        // The engine deletes files of its own while they are looked at.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Duration::ZERO),
        Err(error) => return Err(fail(error)),
    };
    let modified = metadata.modified().map_err(fail)?;
    let mut newest = since_epoch(modified);
    if metadata.is_dir() {
        for name in entry_names(path)? {
            newest = newest.max(newest_modification(&path.join(name))?);
        }
    }
    Ok(newest)
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}
