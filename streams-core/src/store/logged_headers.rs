//! Which headers a changelog has.

/// Says which records of a changelog have the headers of the record that caused them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoggedHeaders {
    /// None of them.
    #[default]
    None,
    /// Those of deleted rows: a store of Java's format for headers whose rows are put without any (KIP-1285).
    OfDeletions,
    /// All of them.
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
