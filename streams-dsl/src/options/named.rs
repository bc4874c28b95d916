//! The name of a node.

use std::{fmt, sync::Arc};

/// A name that the user gives to a node, a store or an internal topic. Java's `Named`.
///
/// Letters, digits, `.`, `_` and `-`, at most 249 of them: `build` reports another name as a
/// mistake. Anything that has a state or an internal topic should have a name: generated names
/// count the operators before them, so that a new operator further up would separate an application
/// from its data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Named(Arc<str>);

impl Named {
    /// A name. Java's `Named.as`.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn shared(&self) -> Arc<str> {
        self.0.clone()
    }
}

impl From<&str> for Named {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for Named {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
