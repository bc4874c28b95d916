//! The rows that the library keeps for a store.

use std::{
    fmt,
    ops::{Bound, ControlFlow},
    sync::Arc,
};

use state_store::Direction;

use crate::{BoxError, Result, store::StoreContext};

/// Read access to the committed rows of a store of the program's own: those of the last commit, in
/// the order of their keys. A clone sees the same rows.
#[derive(Clone)]
pub struct CommittedRows {
    context: StoreContext,
    name: Arc<str>,
}

impl CommittedRows {
    pub(super) fn new(context: StoreContext, name: Arc<str>) -> Self {
        Self { context, name }
    }

    /// The value of a key.
    ///
    /// # Errors
    /// `State` if the database can't be read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.context.database.get(self.context.id, key)?)
    }

    /// Calls `visit` for all rows.
    ///
    /// # Errors
    /// `State` if the database can't be read; the first error of `visit`.
    pub fn for_each(
        &self,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), BoxError>,
    ) -> Result<(), BoxError> {
        let all = (Bound::Unbounded, Bound::Unbounded);
        self.range(all, Direction::Forward, |key, value| {
            visit(key, value).map(ControlFlow::Continue)
        })
    }

    /// Calls `visit` for the rows between two keys, until it breaks.
    ///
    /// # Errors
    /// `State` if the database can't be read; the first error of `visit`.
    pub fn range(
        &self,
        bounds: (Bound<&[u8]>, Bound<&[u8]>),
        direction: Direction,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, BoxError>,
    ) -> Result<(), BoxError> {
        let mut outcome = Ok(());
        self.context.database.scan(self.context.id, bounds, direction, &mut |key, value| {
            visit(key, value).unwrap_or_else(|error| {
                outcome = Err(error);
                ControlFlow::Break(())
            })
        })?;
        outcome
    }
}

impl fmt::Debug for CommittedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommittedRows({})", self.name)
    }
}
