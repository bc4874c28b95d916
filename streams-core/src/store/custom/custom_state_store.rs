//! A store of the program's own, as a task has it.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use super::{CommittedRows, CustomStore, StoreChanges};
use crate::{
    BoxError, Error, ErrorKind, Result,
    store::{ChangelogWriter, RecordContext, StateStore, StoreContext},
};

/// A store of the program's own in a task. It dereferences to the store itself.
pub struct CustomStateStore<S> {
    name: Arc<str>,
    store: S,
    context: Option<StoreContext>,
    /// True if anybody could have changed the store since the last commit.
    is_touched: bool,
    /// True if anybody could have changed it before the current attempt.
    was_touched: bool,
}

impl<S: CustomStore> CustomStateStore<S> {
    pub(in crate::store) fn new(name: Arc<str>, store: S) -> Self {
        Self { name, store, context: None, is_touched: false, was_touched: false }
    }

    fn context(&self) -> Result<&StoreContext> {
        self.context.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::InvalidState, format!("store `{}` is not open", self.name))
        })
    }

    /// Wraps an error of the store's own code. An error of the library is passed on unchanged.
    #[cold]
    fn failed(&self, kind: ErrorKind, what: &str, error: BoxError) -> Error {
        match error.downcast::<Error>() {
            Ok(error) => *error,
            Err(error) => {
                Error::with_source(kind, format!("store `{}` can't {what}", self.name), error)
            }
        }
    }
}

impl<S> Deref for CustomStateStore<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.store
    }
}

impl<S> DerefMut for CustomStateStore<S> {
    fn deref_mut(&mut self) -> &mut S {
        self.is_touched = true;
        &mut self.store
    }
}

impl<S: CustomStore> StateStore for CustomStateStore<S> {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&mut self, context: StoreContext) -> Result {
        let rows = CommittedRows::new(context.clone(), self.name.clone());
        self.context = Some(context);
        let filled = self.store.init(&rows);
        let what = "be filled from its committed rows";
        filled.map_err(|error| self.failed(ErrorKind::Deserialization, what, error))
    }

    fn set_record_context(&mut self, _: &RecordContext) {}

    fn is_dirty(&self) -> bool {
        self.is_touched || self.was_touched
    }

    fn has_pending(&self) -> bool {
        false
    }

    fn stage(&mut self, writer: &mut ChangelogWriter<'_>) -> Result {
        let id = self.context()?.id;
        let changelog = writer.changelog.as_mut();
        let changelog = changelog.map(|(slot, collector)| (*slot, &mut **collector));
        let writer = ChangelogWriter {
            batch: &mut *writer.batch,
            changelog,
            position: None,
            order: writer.order,
        };
        let flushed = self.store.flush(&mut StoreChanges::new(id, writer));
        let what = "say what has changed";
        flushed.map_err(|error| self.failed(ErrorKind::Serialization, what, error))
    }

    fn log_again(
        &mut self,
        key: &[u8],
        timestamp: i64,
        writer: &mut ChangelogWriter<'_>,
    ) -> Result {
        let context = self.context()?;
        let row = context.database.get(context.id, key)?;
        writer.log(key, row.as_deref(), timestamp)
    }

    fn begin_attempt(&mut self) {
        self.was_touched |= self.is_touched;
        self.is_touched = false;
    }

    /// The library does not know its structure.
    fn can_undo(&self) -> bool {
        !self.is_touched
    }

    fn committed(&mut self) {
        self.is_touched = false;
        self.was_touched = false;
        self.store.committed();
    }
}

impl<S> fmt::Debug for CustomStateStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CustomStateStore({})", self.name)
    }
}
