//! A record that is kept beyond its turn.

use crate::{client::RecordBatch, store::RecordContext};

/// A record that a processor holds while something outside the task works on it: its position, time
/// and headers, and its bytes for the exception handler. Made by
/// [`Context::hold`](super::Context::hold).
#[derive(Clone, Debug)]
pub struct HeldRecord {
    pub(crate) context: RecordContext,
    /// The batch in which it was read, and its index there.
    pub(crate) raw: Option<RawRecord>,
}

/// Handle of the batch in which a record was read, and its index there.
pub(crate) type RawRecord = (RecordBatch, usize);
