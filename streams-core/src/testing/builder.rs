//! Setup of a driver.

use std::{fmt, sync::Arc};

#[cfg(feature = "rocksdb")]
use super::task::DatabaseOf;
use super::{
    TopologyTestDriver,
    log::Log,
    task::{self, OpenDatabase},
};
use crate::{
    Result,
    config::StreamsConfig,
    handler::{
        DeserializationExceptionHandler, Handlers, ProcessingExceptionHandler,
        ProductionExceptionHandler,
    },
    topology::Topology,
};

/// Sets up a [`TopologyTestDriver`]: its clock, its stores, and handlers that are code.
pub struct TestDriverBuilder<'a> {
    topology: &'a Topology,
    config: StreamsConfig,
    wall_clock_ms: i64,
    open: OpenDatabase,
    handlers: Handlers,
}

impl<'a> TestDriverBuilder<'a> {
    pub(super) fn new(topology: &'a Topology, config: StreamsConfig) -> Self {
        let (open, handlers) = (task::in_memory(), Handlers::default());
        Self { topology, config, wall_clock_ms: 0, open, handlers }
    }

    /// Sets the start of the wall clock, in milliseconds since the epoch; 0 by default.
    #[must_use]
    pub const fn wall_clock_ms(mut self, now_ms: i64) -> Self {
        self.wall_clock_ms = now_ms;
        self
    }

    /// Keeps persistent stores in RocksDB in this directory, which should be empty; without it they
    /// are in memory like the others.
    #[cfg(feature = "rocksdb")]
    #[must_use]
    pub fn on_disk(mut self, directory: impl Into<std::path::PathBuf>) -> Self {
        let directory = directory.into();
        self.open = Box::new(move |stores, budget, of| {
            let directory = match of {
                DatabaseOf::Task => directory.clone(),
                DatabaseOf::Global => directory.join("global"),
            };
            Ok(Arc::new(state_store::RocksDatabase::open(&directory, stores, budget)?))
        });
        self
    }

    /// Decides on records that can't be read, in place of `deserialization.exception.handler`.
    #[must_use]
    pub fn deserialization_exception_handler(
        mut self,
        handler: impl DeserializationExceptionHandler + 'static,
    ) -> Self {
        self.handlers.deserialization = Some(Arc::new(handler));
        self
    }

    /// Decides on errors of user code, in place of `processing.exception.handler`.
    #[must_use]
    pub fn processing_exception_handler(
        mut self,
        handler: impl ProcessingExceptionHandler + 'static,
    ) -> Self {
        self.handlers.processing = Some(Arc::new(handler));
        self
    }

    /// Decides on records that can't be written, in place of `production.exception.handler`.
    #[must_use]
    pub fn production_exception_handler(
        mut self,
        handler: impl ProductionExceptionHandler + 'static,
    ) -> Self {
        self.handlers.production = Some(Arc::new(handler));
        self
    }

    /// Builds the driver, and calls every processor's `init`.
    ///
    /// # Errors
    /// `Config` if the configuration has problems, `State` if the stores can't be opened, and
    /// errors of a processor's `init`.
    pub fn build(self) -> Result<TopologyTestDriver> {
        let writes = task::written_topics(self.topology, &self.config, &self.handlers)?;
        let tasks = task::configured(self.topology, &self.config, self.handlers, &self.open)?;
        let names = task::store_names(self.topology);
        TopologyTestDriver::start(tasks, names, Log::shared(writes), self.wall_clock_ms)
    }
}

impl fmt::Debug for TestDriverBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestDriverBuilder")
            .field("config", &self.config)
            .field("wall_clock_ms", &self.wall_clock_ms)
            .finish_non_exhaustive()
    }
}
