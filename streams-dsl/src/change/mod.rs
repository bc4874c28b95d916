//! Changes, which travel between the nodes of a table: the row's new value and, on request, its old
//! one.

mod changed_serde;

pub use self::changed_serde::ChangedSerde;
pub(crate) use self::changed_serde::changed;

/// An update of a table's row. Java's internal `Change`.
///
/// `old` is filled in only where a node below asked for old values; without that it is `None` and
/// says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Change<V> {
    /// The value now; `None` if the row was deleted.
    pub new: Option<V>,
    /// The value before, if it was asked for and there was one.
    pub old: Option<V>,
    /// True if the new value is the latest of the row; in a table with a versioned store an update
    /// may come for a time before that of a later one (KIP-914).
    pub is_latest: bool,
}

impl<V> Change<V> {
    /// A change to `new` from `old`, the latest of its row.
    pub const fn new(new: Option<V>, old: Option<V>) -> Self {
        Self { new, old, is_latest: true }
    }

    /// The same, as the latest update of the row or as one that came late.
    #[must_use]
    pub fn latest(self, is_latest: bool) -> Self {
        Self { is_latest, ..self }
    }
}
