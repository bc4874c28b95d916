//! A note in a task's database about a lost changelog, kept until the operator's decision is
//! carried out.

use state_store::{Database, WriteBatch};

use crate::Result;

/// Relation of a changelog to the local state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangelogMark {
    /// The offset in the database belongs to the changelog.
    Sound,
    /// All rows must be written to the changelog, which does not have all of them yet.
    Rewrite,
    /// The offset in the database belongs to a deleted topic.
    Lost,
}

fn entry(topic: &str) -> String {
    format!("{topic}/lost")
}

impl ChangelogMark {
    /// The mark of a changelog topic.
    ///
    /// # Errors
    /// `State` if the database can't be read.
    pub(crate) fn read(database: &dyn Database, topic: &str) -> Result<Self> {
        Ok(match database.offset(&entry(topic))? {
            Some(1) => Self::Rewrite,
            Some(2) => Self::Lost,
            _ => Self::Sound,
        })
    }

    /// Sets the mark along with other writes.
    pub(crate) fn set(self, batch: &mut WriteBatch, topic: &str) {
        let number = match self {
            Self::Sound => 0,
            Self::Rewrite => 1,
            Self::Lost => 2,
        };
        batch.set_mark(&entry(topic), number);
    }
}
