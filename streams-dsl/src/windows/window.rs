//! A span of time.

use std::fmt;

/// The milliseconds since the epoch from `start`, included, to `end`, excluded. Java's
/// `TimeWindow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// First millisecond.
    pub start: i64,
    /// First millisecond after it.
    pub end: i64,
}

impl Window {
    /// The window from `start` to `end`, in milliseconds since the epoch.
    pub const fn new(start: i64, end: i64) -> Self {
        Self { start, end }
    }
}

/// `start/end`, as Java prints it in a windowed key.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.start, self.end)
    }
}
