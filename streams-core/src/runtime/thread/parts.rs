//! The parts of a thread that a commit needs.

use super::{member::Member, mend::Mend, tasks::Tasks, writer::Writer};
use crate::{Result, client::Admin};

/// The parts that a commit needs.
pub(super) struct Parts<'a> {
    pub(super) tasks: &'a mut Tasks,
    pub(super) member: &'a mut Member,
    pub(super) writer: &'a mut Writer,
    pub(super) mend: &'a mut Mend,
    pub(super) admin: &'a mut dyn Admin,
}

impl Parts<'_> {
    /// Returns whether there is something to commit.
    pub(super) fn have_work(&self) -> bool {
        self.writer.in_transaction() || self.mend.has_gaps() || self.tasks.commit_needed()
    }

    /// Checks that what the last flush wrote to changelogs comes after the rows in the databases. All
    /// tasks are checked, whatever is wrong with one: a restore may not find out any more.
    ///
    /// # Errors
    /// The first error of a task.
    pub(super) fn check_logged(&self) -> Result {
        let began = self.writer.began();
        let checks = self.tasks.running().map(|(_, task)| task.check_logged(began));
        checks.fold(Ok(()), Result::and)
    }
}
