//! A broker as it is addressed and named in messages.

use std::fmt;

use crate::config::Address;

/// A broker, or an address where one is said to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// The broker's id; unknown of a bootstrap address.
    pub(crate) id: Option<i32>,
    /// Where it listens.
    pub(crate) address: Address,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "node {id} at {}", self.address),
            None => write!(f, "bootstrap server {}", self.address),
        }
    }
}
