//! The error of this crate: what kind of failure, what it happened to, and what caused it.
//!
//! The text includes each cause. So that whoever prints the chain of an error prints no cause
//! twice, [`std::error::Error::source`] gives none: [`Error::cause`] does.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::Path;

/// The result of an operation on state.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Kind of a failure, coarse enough to decide what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused a file operation. Look at the message: permissions and mounts
    /// are the usual causes; restart once they are fixed.
    Io,
    /// Bytes on disk or in a changelog are not what they should be. Remove the task's directory so
    /// that it is restored from the changelog.
    Corrupt,
    /// Another process, or another instance in this process, uses the directory. Stop it, or give
    /// this instance its own directory.
    Locked,
    /// The disk is full. Free space and restart: nothing that was committed is lost.
    DiskFull,
    /// The caller broke the contract: an unknown store, unsorted rows to ingest, a name that is not
    /// one. Fix the caller.
    InvalidArgument,
    /// The storage engine failed for a reason of its own. Close the task and open it again.
    Engine,
}

/// An error of the state of a task; boxed, so that results stay one word wide.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    context: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Creates an error of a kind with a message: lower case, what happened to what.
    #[must_use]
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, context: context.into(), source: None }))
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Classifies an error of the operating system that happened while `doing` something to `path`.
    pub(crate) fn from_io(doing: &str, path: &Path, error: io::Error) -> Self {
        let full =
            matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        if full {
            return Self::disk_full(path).with_source(error);
        }
        Self::new(ErrorKind::Io, format!("failed to {doing} {}", path.display())).with_source(error)
    }

    pub(crate) fn disk_full(directory: &Path) -> Self {
        let directory = directory.display();
        Self::new(
            ErrorKind::DiskFull,
            format!("the disk that holds {directory} is full; free space there and restart"),
        )
    }

    pub(crate) fn locked(directory: &Path) -> Self {
        let directory = directory.display();
        Self::new(
            ErrorKind::Locked,
            format!(
                "state directory {directory} is in use by another process or instance; stop it or \
                 configure another state.dir"
            ),
        )
    }

    pub(crate) fn unknown_store(store: crate::StoreId) -> Self {
        Self::new(ErrorKind::InvalidArgument, format!("the database has no store {}", store.0))
    }

    /// The kind of failure, by which a caller decides what to do.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The error that caused this one. The text of this error includes it.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.context)?;
        let mut next = self.cause();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.0.kind)
    }
}

impl StdError for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word_wide_and_crosses_threads() {
        fn crosses<T: Send + Sync + 'static>() {}
        crosses::<Error>();
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result>(), size_of::<usize>());
    }

    #[test]
    fn a_full_disk_names_the_directory() {
        let cause = io::Error::from(io::ErrorKind::StorageFull);
        let error = Error::from_io("write to", Path::new("/data/state"), cause);
        assert_eq!(error.kind(), ErrorKind::DiskFull);
        assert!(error.to_string().contains("/data/state"), "{error}");
    }

    #[test]
    fn other_errors_of_the_operating_system_say_what_was_being_done() {
        let cause = io::Error::from(io::ErrorKind::PermissionDenied);
        let error = Error::from_io("create", Path::new("/data/state"), cause);
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().starts_with("failed to create /data/state: "), "{error}");
    }
}
