//! The error of this crate.
//!
//! An opaque, word-sized type whose [`ErrorKind`] tells the caller how to react; its text says what
//! happened to what, and where, and then names each cause. [`std::error::Error::source`] returns
//! none, so a caller that prints the chain of an error prints no cause twice; [`Error::cause`]
//! returns the cause. The errors of the other crates of this workspace keep to the same contract.

use std::{fmt, sync::Arc};

/// Any error that user code may return from a fallible closure or a processor.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A result with this crate's [`Error`].
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Kind of an error, coarse enough that each calls for its own reaction.
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
    /// Bytes of a topic or store could not be read as the type declared by the topology.
    Deserialization,
    /// A value could not be turned into bytes.
    Serialization,
    /// User code returned an error.
    Processing,
    /// The cluster refused a record for good.
    Production,
    /// The local state could not be read or written: see the source (disk full, corrupt, locked).
    State,
    /// Another member or producer replaced this one: drop uncommitted work and join again.
    Fenced,
    /// The outcome of a request is unknown: abort the transaction or repeat the request.
    Timeout,
    /// The cluster could not serve the request, which had no effect: try again later.
    Unavailable,
    /// The call does not fit the current state, for example a second `start`.
    InvalidState,
    /// User code panicked; the uncaught-exception handler decides what follows.
    Panic,
    /// An error that the library cannot repair: stop and report.
    Fatal,
}

/// An error of the library, or of user code on its way through it.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    context: String,
    source: Option<BoxError>,
}

impl Error {
    /// Creates an error with the text `context`.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self(Arc::new(Inner { kind, context: context.into(), source: None }))
    }

    /// Creates an error with the text `context`, caused by `source`.
    pub fn with_source(
        kind: ErrorKind,
        context: impl Into<String>,
        source: impl Into<BoxError>,
    ) -> Self {
        Self(Arc::new(Inner { kind, context: context.into(), source: Some(source.into()) }))
    }

    /// Kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The text of this error alone, without its causes.
    pub fn context(&self) -> &str {
        &self.0.context
    }

    /// Puts a location or circumstance before the text of the error.
    #[must_use]
    pub fn in_context(self, context: impl fmt::Display) -> Self {
        let kind = self.kind();
        Self::with_source(kind, context.to_string(), self)
    }

    /// The error that caused this one, for example an error of user code to downcast. The text of
    /// this error includes it.
    pub fn cause(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }

    /// The innermost cause, or this error itself if it has none.
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

    /// A program that prints the chain, as `anyhow` does, printed each cause once per level of
    /// nesting.
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
