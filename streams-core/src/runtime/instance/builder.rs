//! The parts of an instance under construction.

use std::{path::Path, sync::Arc};

use state_store::{MemoryBudget, StateDirectory};
use uuid::Uuid;

use super::{super::storage::TaskStorage, app::App, shared::Shared};
use crate::{
    Error, ErrorKind, Result,
    client::ClientSupplier,
    config::{GroupProtocol, StreamsConfig, ValidConfig},
    handler::{
        DeserializationExceptionHandler, Handlers, ProcessingExceptionHandler,
        ProductionExceptionHandler,
    },
    task::TaskSettings,
    time::{Clock, SystemClock},
    topology::Topology,
};

/// The parts of an instance that are code rather than settings, before it is made.
pub struct KafkaStreamsBuilder {
    topology: Topology,
    config: StreamsConfig,
    clients: Arc<dyn ClientSupplier>,
    clock: Arc<dyn Clock>,
    handlers: Handlers,
    /// Replaces the state directory.
    storage: Option<Arc<dyn TaskStorage>>,
}

impl std::fmt::Debug for KafkaStreamsBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KafkaStreamsBuilder({:?})", self.topology)
    }
}

impl KafkaStreamsBuilder {
    pub(super) fn new(
        topology: Topology,
        config: StreamsConfig,
        clients: Arc<dyn ClientSupplier>,
    ) -> Self {
        Self {
            topology,
            config,
            clients,
            clock: Arc::new(SystemClock),
            handlers: Handlers::default(),
            storage: None,
        }
    }

    /// Decides on records whose bytes can't be read, instead of
    /// `deserialization.exception.handler`.
    #[must_use]
    pub fn deserialization_exception_handler(
        mut self,
        handler: impl DeserializationExceptionHandler + 'static,
    ) -> Self {
        self.handlers.deserialization = Some(Arc::new(handler));
        self
    }

    /// Decides on errors of user code, instead of `processing.exception.handler`.
    #[must_use]
    pub fn processing_exception_handler(
        mut self,
        handler: impl ProcessingExceptionHandler + 'static,
    ) -> Self {
        self.handlers.processing = Some(Arc::new(handler));
        self
    }

    /// Decides on records that can't be written, instead of `production.exception.handler`.
    #[must_use]
    pub fn production_exception_handler(
        mut self,
        handler: impl ProductionExceptionHandler + 'static,
    ) -> Self {
        self.handlers.production = Some(Arc::new(handler));
        self
    }

    /// Uses this clock instead of the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Keeps persistent state in `storage` instead of the state directory.
    #[must_use]
    pub(crate) fn storage(mut self, storage: Arc<dyn TaskStorage>) -> Self {
        self.storage = Some(storage);
        self
    }

    /// The shared part of the instance, for callers that drive the threads themselves.
    pub(crate) fn into_app(self) -> Result<App> {
        make_app(self)
    }
}

fn make_app(builder: KafkaStreamsBuilder) -> Result<App> {
    let KafkaStreamsBuilder { topology, config, clients, clock, handlers, storage } = builder;
    let config = config
        .validate()
        .map_err(|cause| Error::with_source(ErrorKind::Config, "wrong configuration", cause))?;
    topology.check_config(&config)?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    if topology.has_patterns() && config.group_protocol() == GroupProtocol::Streams {
        // Java refuses it, too; its brokers accept patterns, but do not tell members which topics
        // match.
        let text = "a source by pattern can't be read with group.protocol=streams; set group.protocol=classic, or name \
                    the topics";
        return Err(Error::new(ErrorKind::Config, text));
    }
    if let Some(listen) = config.metrics_listen().filter(|_| !cfg!(feature = "metrics")) {
        let text = format!(
            "metrics.listen={listen} can't be served: this build is without the feature `metrics`; add it to the dependency, \
             or leave the setting out"
        );
        return Err(Error::new(ErrorKind::Config, text));
    }
    let persistent = topology.stores.iter().any(|store| store.spec.persistent);
    let storage: Option<Arc<dyn TaskStorage>> = match storage {
        None if persistent => {
            Some(Arc::new(open_directory(config.state_dir(), config.application_id())?))
        }
        given => given,
    };
    let process_id = storage.as_ref().map_or_else(Uuid::new_v4, |storage| storage.process_id());
    let overrides = config.topic_overrides().into_iter();
    let overrides = overrides.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let group_topology = topology.group_topology(
        config.application_id(),
        config.windowstore_changelog_additional_retention_ms(),
        &overrides,
    );
    let settings = TaskSettings::new(&config, handlers, memory_budget(&config));
    Ok(App {
        topology: Arc::new(topology),
        group_topology: Arc::new(group_topology),
        config,
        clients,
        clock,
        settings: Arc::new(settings),
        storage,
        process_id,
        shared: Shared::default(),
    })
}

/// Locks the state directory; an error tells what to do if it can't be written.
fn open_directory(base: &Path, application_id: &str) -> Result<StateDirectory> {
    StateDirectory::open(base, application_id).map_err(|cause| match cause.kind() {
        state_store::ErrorKind::Io => Error::from(cause)
            .in_context("set state.dir to a directory that this process can create and write"),
        _ => Error::from(cause),
    })
}

/// Overlays get the share of the record caches. Without caching they still buffer each transaction,
/// and get an eighth.
fn memory_budget(config: &ValidConfig) -> MemoryBudget {
    let total = config.state_memory_max_bytes();
    let overlays = match config.statestore_cache_max_bytes() {
        0 => total / 8,
        share => share,
    };
    MemoryBudget::new(total, overlays)
}
