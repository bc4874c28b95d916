//! The address of a broker, and its name in messages.

use std::fmt;

use crate::config::Address;

/// A broker, or the address of a supposed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// The broker's id; unknown for a bootstrap address.
    pub(crate) id: Option<i32>,
    /// Address at which it listens.
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
