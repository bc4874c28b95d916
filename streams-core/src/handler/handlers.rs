//! The handlers of a program.

use std::sync::Arc;

use super::{
    DeserializationExceptionHandler, ProcessingExceptionHandler, ProductionExceptionHandler,
};

/// Handlers given in code rather than by configuration.
#[derive(Clone, Default)]
pub(crate) struct Handlers {
    pub(crate) deserialization: Option<Arc<dyn DeserializationExceptionHandler>>,
    pub(crate) processing: Option<Arc<dyn ProcessingExceptionHandler>>,
    pub(crate) production: Option<Arc<dyn ProductionExceptionHandler>>,
}

impl Handlers {
    /// Returns whether any handler is given in code.
    pub(crate) const fn are_code(&self) -> bool {
        self.deserialization.is_some() || self.processing.is_some() || self.production.is_some()
    }
}
