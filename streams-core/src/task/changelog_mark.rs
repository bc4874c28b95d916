//! What a task's database notes about a changelog that was lost, until the operator's will is done.

use state_store::{Database, WriteBatch};

use crate::Result;

/// How a changelog and the local state belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangelogMark {
    /// The offset in the database is one of the changelog.
    Sound,
    /// All rows are to be written to the changelog, which has not all of them yet.
    Rewrite,
    /// The offset in the database is one of a topic that was deleted.
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

    /// Sets the mark with what else is written.
    pub(crate) fn set(self, batch: &mut WriteBatch, topic: &str) {
        let number = match self {
            Self::Sound => 0,
            Self::Rewrite => 1,
            Self::Lost => 2,
        };
        batch.set_mark(&entry(topic), number);
    }
}
