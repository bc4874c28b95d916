//! The record headers that a changelog keeps.

/// The records of a changelog that keep the headers of the record that caused them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoggedHeaders {
    /// No records.
    #[default]
    None,
    /// Deletions only: for stores in Java's format for headers whose rows are put without any
    /// (KIP-1285).
    OfDeletions,
    /// All records.
    All,
}

impl LoggedHeaders {
    pub(super) fn are_logged(self, is_deletion: bool) -> bool {
        match self {
            Self::None => false,
            Self::OfDeletions => is_deletion,
            Self::All => true,
        }
    }
}
