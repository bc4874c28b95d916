//! The error of this crate.
//!
//! One opaque, word-sized type whose [`ErrorKind`] says what the caller must do; its text says what
//! happened to what, and where, and then each cause. So that whoever prints the chain of an error
//! prints no cause twice, [`std::error::Error::source`] gives none: [`Error::cause`] does. The errors
//! of the other crates of this workspace keep to the same contract.

use std::{fmt, sync::Arc};

/// Any error that user code may return from a fallible closure or a processor.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A result with this crate's [`Error`].
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// What went wrong, coarse enough that each kind asks for a reaction of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A configuration is wrong or contradicts another: correct it and start again.
    Config,
    /// The topology cannot be built or run: correct the program.
    Topology,
    /// A source topic does not exist: create it, then start again.
    MissingSourceTopic,
    /// A topic exists in a shape that the topology cannot use (partitions, clean-up policy).
    InvalidTopic,
    /// Bytes of a topic or store could not be read as the type that the topology declares.
    Deserialization,
    /// A value could not be turned into bytes.
    Serialization,
    /// User code returned an error.
    Processing,
    /// A record was refused for good by the cluster.
    Production,
    /// The local state could not be read or written: see the source (disk full, corrupt, locked).
    State,
    /// This member or producer was replaced by another: drop uncommitted work and join again.
    Fenced,
    /// The outcome of a request is unknown: abort the transaction or repeat the request.
    Timeout,
    /// The cluster could not serve the request, which had no effect: try again later.
    Unavailable,
    /// The call does not fit the present state, for example a second `start`.
    InvalidState,
    /// User code panicked; the uncaught-exception handler decides what follows.
    Panic,
    /// Nothing the library can repair: stop and report.
    Fatal,
}

/// An error of the library, or one of user code on its way through it.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    context: String,
    source: Option<BoxError>,
}

impl Error {
    /// An error that says `context`.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self(Arc::new(Inner { kind, context: context.into(), source: None }))
    }

    /// An error that says `context` and was caused by `source`.
    pub fn with_source(
        kind: ErrorKind,
        context: impl Into<String>,
        source: impl Into<BoxError>,
    ) -> Self {
        Self(Arc::new(Inner { kind, context: context.into(), source: Some(source.into()) }))
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The text of this error alone, without its causes.
    pub fn context(&self) -> &str {
        &self.0.context
    }

    /// The same kind of error with a place or circumstance put before its text.
    #[must_use]
    pub fn in_context(self, context: impl fmt::Display) -> Self {
        let kind = self.kind();
        Self::with_source(kind, context.to_string(), self)
    }

    /// The error that caused this one, for example an error of user code to downcast. The text of this
    /// error includes it.
    pub fn cause(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }

    /// The innermost cause: this error itself if it has none.
    pub fn root_cause(&self) -> &(dyn std::error::Error + 'static) {
        let mut root: &(dyn std::error::Error + 'static) = self;
        loop {
            let next = match root.downcast_ref::<Self>() {
                Some(own) => own.cause(),
                None => root.source(),
            };
            match next {
                Some(cause) => root = cause,
                None => return root,
            }
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind())
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

impl std::error::Error for Error {}

impl From<state_store::Error> for Error {
    fn from(error: state_store::Error) -> Self {
        Self::with_source(ErrorKind::State, "the state store failed", error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word_and_prints_its_causes_once() {
        assert_eq!(size_of::<Result>(), size_of::<usize>());
        let io = std::io::Error::other("no space");
        let error = Error::with_source(ErrorKind::State, "writing task 0_1", io)
            .in_context("committing orders-0@17");
        assert_eq!(error.to_string(), "committing orders-0@17: writing task 0_1: no space");
        assert_eq!(error.kind(), ErrorKind::State);
    }

    /// A program that prints the chain, as `anyhow` does, printed each cause as often as it was nested.
    #[test]
    fn a_chain_that_is_walked_names_each_cause_once() {
        let disk = state_store::Error::new(state_store::ErrorKind::Io, "failed to write to /state")
            .with_source(std::io::Error::other("no space"));
        let error = Error::from(disk).in_context("committing orders-0@17");
        let mut printed = vec![error.to_string()];
        let mut next = std::error::Error::source(&error);
        while let Some(cause) = next {
            printed.push(cause.to_string());
            next = cause.source();
        }
        assert_eq!(
            printed.join(": "),
            "committing orders-0@17: the state store failed: failed to write to /state: no space"
        );
    }

    #[test]
    fn an_error_of_user_code_is_reached_through_those_around_it() {
        let mine = "x".parse::<i32>().unwrap_err();
        let error = Error::with_source(ErrorKind::Processing, "node map", mine.clone())
            .in_context("task 0_1")
            .in_context("thread 1");
        assert_eq!(error.root_cause().downcast_ref(), Some(&mine));
        let outer = error.cause().and_then(|cause| cause.downcast_ref::<Error>());
        assert_eq!(outer.map(Error::context), Some("task 0_1"));
        let alone = Error::new(ErrorKind::Fatal, "alone");
        assert_eq!(alone.root_cause().to_string(), "alone");
        assert!(alone.cause().is_none());
    }
}
