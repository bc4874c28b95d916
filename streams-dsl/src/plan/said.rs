//! An option that only some operators have.

use std::{any::Any, cell::Cell};

use super::Erased;

/// An option of an operator, if it was given, and whether the operator took it. An option that no
/// operator takes is a mistake of the program.
#[derive(Clone)]
pub(super) struct Said<T> {
    value: Option<T>,
    taken: Cell<bool>,
}

impl<T> Said<T> {
    /// Says it. Returns whether it was said before.
    pub(super) fn say(&mut self, value: T) -> bool {
        self.value.replace(value).is_some()
    }

    /// The value, for an operator that has this option.
    pub(super) fn take(&self) -> Option<&T> {
        self.taken.set(true);
        self.value.as_ref()
    }

    /// Returns whether the option was given in vain.
    pub(super) fn is_idle(&self) -> bool {
        self.value.is_some() && !self.taken.get()
    }
}

impl Said<Erased> {
    /// The value, for an operator that has this option with a value of type `T`.
    pub(super) fn take_as<T: Any + Clone>(&self) -> Option<T> {
        let value = self.value.as_ref()?.downcast_ref().cloned();
        self.taken.set(value.is_some());
        value
    }
}

impl<T> Default for Said<T> {
    fn default() -> Self {
        Self { value: None, taken: Cell::new(false) }
    }
}
