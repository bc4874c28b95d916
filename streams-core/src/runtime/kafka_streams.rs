//! One instance of an application.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use state_store::{MemoryBudget, StateDirectory};
use uuid::Uuid;

use super::{
    State, StateRestoreListener, StreamsMetrics, ThreadMetadata, UncaughtExceptionResponse,
    app::App, banner::log_start, driver, global_thread::GlobalThread, lifecycle::Lifecycle,
    metrics::Counters, storage::TaskStorage, stored_state::StoredState, thread::StreamThread,
};
use crate::{
    Error, ErrorKind, Result,
    client::ClientSupplier,
    config::{StreamsConfig, ValidConfig},
    handler::{
        DeserializationExceptionHandler, ProcessingExceptionHandler, ProductionExceptionHandler,
    },
    task::TaskSettings,
    time::{Clock, SystemClock},
    topology::Topology,
};

/// One instance of an application: it runs its share of a topology's tasks on its stream threads.
/// Instances with the same application id share the work. Java's `KafkaStreams`.
///
/// Dropping it without [`close`](Self::close) is like a crash: nothing more is committed, and others take
/// over when the session times out.
pub struct KafkaStreams {
    app: Arc<App>,
    lifecycle: Arc<Lifecycle>,
    /// Held while a thread is added.
    adding: Mutex<()>,
}

impl std::fmt::Debug for KafkaStreams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KafkaStreams({}, {})", self.app.application_id(), self.state())
    }
}

/// Handlers given in code instead of by configuration.
#[derive(Clone, Default)]
pub(crate) struct Handlers {
    pub(crate) deserialization: Option<Arc<dyn DeserializationExceptionHandler>>,
    pub(crate) processing: Option<Arc<dyn ProcessingExceptionHandler>>,
    pub(crate) production: Option<Arc<dyn ProductionExceptionHandler>>,
}

/// The parts of an instance that are code rather than settings, before it is made.
pub struct KafkaStreamsBuilder {
    topology: Topology,
    config: StreamsConfig,
    clients: Arc<dyn ClientSupplier>,
    clock: Arc<dyn Clock>,
    handlers: Handlers,
    /// In place of the state directory.
    storage: Option<Arc<dyn TaskStorage>>,
}

impl std::fmt::Debug for KafkaStreamsBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KafkaStreamsBuilder({:?})", self.topology)
    }
}

impl KafkaStreamsBuilder {
    /// Decides on records whose bytes can't be read, instead of `deserialization.exception.handler`.
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

    /// Takes the time from this clock instead of the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Keeps persistent state there instead of in the state directory.
    #[must_use]
    pub(crate) fn storage(mut self, storage: Arc<dyn TaskStorage>) -> Self {
        self.storage = Some(storage);
        self
    }

    /// What the threads of the instance share, for whoever drives them himself.
    pub(crate) fn into_app(self) -> Result<App> {
        make_app(self)
    }

    /// The instance, not started yet. It locks its state directory.
    ///
    /// # Errors
    /// `Config` with every problem of the configuration; `State` if the state directory is in use by
    /// another process or can't be written.
    pub fn build(self) -> Result<KafkaStreams> {
        let app = make_app(self)?;
        Ok(KafkaStreams {
            app: Arc::new(app),
            lifecycle: Arc::new(Lifecycle::new()),
            adding: Mutex::default(),
        })
    }
}

fn make_app(builder: KafkaStreamsBuilder) -> Result<App> {
    let KafkaStreamsBuilder { topology, config, clients, clock, handlers, storage } = builder;
    let config = config
        .validate()
        .map_err(|cause| Error::with_source(ErrorKind::Config, "wrong configuration", cause))?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    if let Some(store) = topology.stores.iter().find(|store| store.source_changelog.is_some()) {
        let text = format!(
            "table store `{}` has its source topic as changelog, which an instance can't restore yet; build the \
             topology without the optimisation reuse.ktable.source.topics",
            store.spec.name
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
        global_databases: Mutex::new(None),
        process_id,
        counters: Counters::default(),
        restore_listener: Mutex::new(None),
        housekeeping: Mutex::default(),
        stored_state: StoredState::default(),
        paused: AtomicBool::new(false),
    })
}

/// Locks the state directory; says what to do if it can't be written.
fn open_directory(base: &Path, application_id: &str) -> Result<StateDirectory> {
    StateDirectory::open(base, application_id).map_err(|cause| match cause.kind() {
        state_store::ErrorKind::Io => Error::from(cause)
            .in_context("set state.dir to a directory that this process can create and write"),
        _ => Error::from(cause),
    })
}

/// Overlays get the record caches' share. Without caching they still buffer each transaction, and get an eighth.
fn memory_budget(config: &ValidConfig) -> MemoryBudget {
    let total = config.state_memory_max_bytes();
    let overlays = match config.statestore_cache_max_bytes() {
        0 => total / 8,
        share => share,
    };
    MemoryBudget::new(total, overlays)
}

impl KafkaStreams {
    /// An instance of `topology` on the Kafka cluster of `bootstrap.servers`, not started yet.
    ///
    /// # Errors
    /// As [`KafkaStreamsBuilder::build`], or `Config` if settings of the clients are wrong.
    #[cfg(feature = "rdkafka")]
    pub fn new(topology: Topology, config: StreamsConfig) -> Result<Self> {
        let clients = crate::client::rdkafka::RdKafkaSupplier::new(&config)?;
        Self::with_client_supplier(topology, config, clients)
    }

    /// An instance of `topology` on the cluster that `clients` reach, not started yet. Java's constructor with a
    /// `KafkaClientSupplier`.
    ///
    /// # Errors
    /// As [`KafkaStreamsBuilder::build`].
    pub fn with_client_supplier(
        topology: Topology,
        config: StreamsConfig,
        clients: impl ClientSupplier + 'static,
    ) -> Result<Self> {
        Self::builder(topology, config, clients).build()
    }

    /// For handlers and a clock given in code.
    pub fn builder(
        topology: Topology,
        config: StreamsConfig,
        clients: impl ClientSupplier + 'static,
    ) -> KafkaStreamsBuilder {
        KafkaStreamsBuilder {
            topology,
            config,
            clients: Arc::new(clients),
            clock: Arc::new(SystemClock),
            handlers: Handlers::default(),
            storage: None,
        }
    }

    /// Stops processing, punctuations and restore, but keeps the tasks: the instance stays in its group and its state
    /// does not change. What was processed is still committed, and global stores are kept up to date. Java's `pause`
    /// (KIP-834).
    pub fn pause(&self) {
        if !self.app.paused.swap(true, Ordering::Relaxed) {
            tracing::info!("paused");
        }
    }

    /// Goes on after [`pause`](Self::pause).
    pub fn resume(&self) {
        if self.app.paused.swap(false, Ordering::Relaxed) {
            tracing::info!("resumed");
        }
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.app.is_paused()
    }

    /// The state.
    pub fn state(&self) -> State {
        self.lifecycle.state()
    }

    /// Has `listener` called with the new and the old state at each change.
    pub fn on_state_change(&self, listener: impl Fn(State, State) + Send + Sync + 'static) {
        *self.lifecycle.state_listener.lock() = Some(Arc::new(listener));
    }

    /// Has `handler` decide what follows when a stream thread fails; without one the instance is closed. It is told of
    /// a failure of global stores too, which always closes the instance.
    pub fn on_uncaught_exception(
        &self,
        handler: impl Fn(&Error) -> UncaughtExceptionResponse + Send + Sync + 'static,
    ) {
        *self.lifecycle.uncaught.lock() = Some(Arc::new(handler));
    }

    /// Has `listener` told of the restore of stores, and of how global stores are filled.
    pub fn on_restore(&self, listener: impl StateRestoreListener + 'static) {
        *self.app.restore_listener.lock() = Some(Arc::new(listener));
    }

    /// Waits until the instance is in one of `states`, or for `timeout`. Returns the state then.
    pub async fn wait_for(&self, states: &[State], timeout: Duration) -> State {
        let mut watch = self.lifecycle.watch();
        let reached = watch.wait_for(|state| states.contains(state));
        let _ = tokio::time::timeout(timeout, reached).await; // The state says which it was.
        self.state()
    }

    /// The error that ended the instance, if one did.
    pub fn error(&self) -> Option<Error> {
        self.lifecycle.error.lock().clone()
    }

    /// Starts the instance. First its global stores are filled with all that their topics have now, which this waits
    /// for. Then the stream threads are started: they join the group, restore state and process until
    /// [`close`](Self::close); this returns as soon as they run. A topology of nothing but global stores has no stream
    /// threads, and runs at once.
    ///
    /// # Errors
    /// `InvalidState` if it was started before, or closed meanwhile; `Unavailable` if the cluster can't be reached,
    /// `State` if state on disk can't be read, `MissingSourceTopic` if the topic of a global store does not exist, or
    /// what made it impossible to fill the store. After all but the first the instance is in error; make another one.
    pub async fn start(&self) -> Result {
        if self.state() != State::Created {
            let text = format!("the instance is {}; it can be started once", self.state());
            return Err(Error::new(ErrorKind::InvalidState, text));
        }
        log_start(&self.app.config);
        self.lifecycle.transition(State::Rebalancing);
        let started = match self.start_global().await {
            Ok(()) => self.start_threads(),
            Err(error) => Err(error),
        };
        if let Err(error) = &started {
            // Those that were started stop with it.
            self.lifecycle.close_all();
            // Whoever closed it meanwhile meant no error.
            let closed =
                self.state() == State::PendingShutdown || self.state() == State::NotRunning;
            self.lifecycle.ended(0, Some(error.clone()).filter(|_| !closed));
        }
        tokio::task::yield_now().await;
        started
    }

    /// Starts the thread of the global stores, if there are any, and waits until it has filled them.
    async fn start_global(&self) -> Result {
        if self.app.topology.global_stores().is_empty() {
            return Ok(());
        }
        driver::spawn_global(&self.app, &self.lifecycle, GlobalThread::new(self.app.clone())?)?;
        if self.lifecycle.wait_filled().await && self.state() == State::Rebalancing {
            return Ok(());
        }
        Err(self.error().unwrap_or_else(|| {
            let text = "the instance was closed while its global stores were filled";
            Error::new(ErrorKind::InvalidState, text)
        }))
    }

    fn start_threads(&self) -> Result {
        if self.app.group_topology.subtopologies.is_empty() {
            self.lifecycle.transition(State::Running);
            return Ok(());
        }
        self.app.find_stored_state()?;
        for index in 1..=self.app.config.num_stream_threads() {
            let thread = StreamThread::new(&self.app, index)?;
            driver::spawn(&self.app, &self.lifecycle, thread)?;
        }
        if !self.state().is_running_or_rebalancing() {
            // It was closed, or the global stores failed, when not all threads were there to hear of it.
            self.lifecycle.close_all();
        }
        Ok(())
    }

    /// Starts one more stream thread and returns its name (KIP-663).
    ///
    /// # Errors
    /// `InvalidState` if the instance is not running or its topology has no tasks, `Unavailable` if the cluster can't be
    /// reached.
    pub fn add_stream_thread(&self) -> Result<String> {
        // One at a time, for the number that is free now is taken only when the thread is there.
        let _adding = self.adding.lock();
        self.must_run()?;
        if self.app.group_topology.subtopologies.is_empty() {
            let text = "the topology has global stores alone, and no task for a stream thread";
            return Err(Error::new(ErrorKind::InvalidState, text));
        }
        let index = {
            let threads = self.lifecycle.threads.lock();
            // A dead thread's number is free again.
            let alive = |index: &usize| threads.get(index).is_some_and(|slot| slot.alive);
            (1..=threads.len()).find(|index| !alive(index)).unwrap_or(threads.len() + 1)
        };
        let thread = StreamThread::new(&self.app, index)?;
        let name = thread.0.name().to_owned();
        driver::spawn(&self.app, &self.lifecycle, thread)?;
        Ok(name)
    }

    /// Closes the stream thread with the highest number, waits for it at most for `timeout`, and returns its
    /// name: `None` if there is none (KIP-663).
    ///
    /// # Errors
    /// `InvalidState` if the instance is not running, `Timeout` if the thread is still at work; it ends on its own.
    pub async fn remove_stream_thread(&self, timeout: Duration) -> Result<Option<String>> {
        self.must_run()?;
        let (removed, name) = {
            let mut threads = self.lifecycle.threads.lock();
            let last = threads.iter_mut().rev().find(|(_, slot)| slot.alive && !slot.stop.is_set());
            let Some((index, slot)) = last else { return Ok(None) };
            slot.stop.close.store(true, Ordering::SeqCst);
            (*index, slot.metadata.thread_name.clone())
        };
        if self.lifecycle.wait_ended(|index| index == removed, timeout).await {
            return Ok(Some(name));
        }
        let text = format!("thread {name} is still at work after {timeout:?}");
        Err(Error::new(ErrorKind::Timeout, text))
    }

    fn must_run(&self) -> Result {
        if self.state().is_running_or_rebalancing() {
            return Ok(());
        }
        let text = format!("the instance is {}, not running", self.state());
        Err(Error::new(ErrorKind::InvalidState, text))
    }

    /// The stream threads that are alive, with their tasks.
    pub fn metadata_for_local_threads(&self) -> Vec<ThreadMetadata> {
        let threads = self.lifecycle.threads.lock();
        threads.values().filter(|slot| slot.alive).map(|slot| slot.metadata.clone()).collect()
    }

    /// Counters since the instance was made.
    pub fn metrics(&self) -> StreamsMetrics {
        self.app.counters.snapshot()
    }

    /// Commits, gives up all tasks, leaves the group and waits for the threads, at most for `timeout`.
    ///
    /// # Errors
    /// `Timeout` if threads are still at work then; they end on their own. The error of a thread that could
    /// not commit.
    pub async fn close(&self, timeout: Duration) -> Result {
        let failed = self.state() == State::Error;
        self.lifecycle.transition(State::PendingShutdown);
        self.lifecycle.close_all();
        if !self.lifecycle.wait_all_ended(timeout).await {
            let text = format!("threads are still at work after {timeout:?}");
            return Err(Error::new(ErrorKind::Timeout, text));
        }
        self.lifecycle.transition(State::NotRunning);
        match self.error() {
            Some(error) if !failed => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes the local state of all tasks. Only while the instance is not running.
    ///
    /// # Errors
    /// `InvalidState` while it runs, `State` if files can't be removed.
    pub fn clean_up(&self) -> Result {
        if !matches!(self.state(), State::Created | State::NotRunning | State::Error) {
            let text =
                format!("local state can't be removed while the instance is {}", self.state());
            return Err(Error::new(ErrorKind::InvalidState, text));
        }
        if let Some(storage) = &self.app.storage {
            storage.clean_up()?;
        }
        Ok(())
    }
}

impl Drop for KafkaStreams {
    fn drop(&mut self) {
        let handles: Vec<std::thread::JoinHandle<()>> = {
            let mut threads = self.lifecycle.threads.lock();
            for slot in threads.values() {
                slot.stop.abandon.store(true, Ordering::SeqCst);
            }
            threads.values_mut().filter_map(|slot| slot.handle.take()).collect()
        };
        self.lifecycle.global.stop.abandon.store(true, Ordering::SeqCst);
        let handles = handles.into_iter().chain(self.lifecycle.global.handle.lock().take());
        for handle in handles {
            // A panic of user code was caught inside; there is nothing left to report.
            let _ = handle.join();
        }
    }
}
