//! A record that is kept beyond its turn.

use crate::{client::RecordBatch, store::RecordContext};

/// A record that a processor holds while something outside of the task works on it: its place, time and headers, and its
/// bytes for the exception handler. Made by [`Context::hold`](super::Context::hold).
#[derive(Clone, Debug)]
pub struct HeldRecord {
    pub(crate) context: RecordContext,
    /// The batch that it was read in, and its index there.
    pub(crate) raw: Option<RawRecord>,
}

/// Handle of the batch that a record was read in, and its index there.
pub(crate) type RawRecord = (RecordBatch, usize);
