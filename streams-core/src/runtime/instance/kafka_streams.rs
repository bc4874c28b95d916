//! One instance of an application.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;

use super::{
    State, StateRestoreListener, StreamsMetrics, ThreadMetadata, UncaughtExceptionResponse,
    app::App, builder::KafkaStreamsBuilder, lifecycle::Lifecycle,
};
use crate::{
    Error, ErrorKind, Result, client::ClientSupplier, config::StreamsConfig, topology::Topology,
};

/// One instance of an application: it runs its share of a topology's tasks on its stream threads.
/// Instances with the same application id share the work. Java's `KafkaStreams`.
///
/// Dropping it without [`close`](Self::close) is like a crash: nothing more is committed, and
/// others take over when the session times out.
pub struct KafkaStreams {
    pub(super) app: Arc<App>,
    pub(super) lifecycle: Arc<Lifecycle>,
    /// Held while a thread is added.
    pub(super) adding: Mutex<()>,
    #[cfg(feature = "metrics")]
    pub(super) endpoint: Mutex<Option<super::driver::Endpoint>>,
}

impl std::fmt::Debug for KafkaStreams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KafkaStreams({}, {})", self.app.application_id(), self.state())
    }
}

impl KafkaStreamsBuilder {
    /// Makes the instance, without starting it. It locks its state directory.
    ///
    /// # Errors
    /// `Config` with every problem of the configuration; `State` if the state directory is in use
    /// by another process or can't be written.
    pub fn build(self) -> Result<KafkaStreams> {
        let app = self.into_app()?;
        Ok(KafkaStreams {
            app: Arc::new(app),
            lifecycle: Arc::new(Lifecycle::new()),
            adding: Mutex::default(),
            #[cfg(feature = "metrics")]
            endpoint: Mutex::default(),
        })
    }
}

impl KafkaStreams {
    /// Makes an instance of `topology` on the Kafka cluster of `bootstrap.servers`, without
    /// starting it. `client.data.plane` chooses the clients.
    ///
    /// # Errors
    /// The errors of [`KafkaStreamsBuilder::build`], or `Config` if settings of the clients are
    /// wrong.
    #[cfg(feature = "rdkafka")]
    pub fn new(topology: Topology, config: StreamsConfig) -> Result<Self> {
        let clients = crate::client::clients_for(&config)?;
        Self::with_client_supplier(topology, config, clients)
    }

    /// Makes an instance of `topology` on the cluster that `clients` reach, without starting it.
    /// Java's constructor with a `KafkaClientSupplier`.
    ///
    /// # Errors
    /// The errors of [`KafkaStreamsBuilder::build`].
    pub fn with_client_supplier(
        topology: Topology,
        config: StreamsConfig,
        clients: impl ClientSupplier + 'static,
    ) -> Result<Self> {
        Self::builder(topology, config, clients).build()
    }

    /// Starts a builder, for handlers and a clock given in code.
    pub fn builder(
        topology: Topology,
        config: StreamsConfig,
        clients: impl ClientSupplier + 'static,
    ) -> KafkaStreamsBuilder {
        KafkaStreamsBuilder::new(topology, config, Arc::new(clients))
    }

    /// Stops processing, punctuations and restore, but keeps the tasks: the instance stays in its
    /// group and its state does not change. Processed records are still committed, and global
    /// stores are kept up to date. Java's `pause` (KIP-834).
    pub fn pause(&self) {
        if self.app.shared.pause(true) {
            tracing::info!("paused");
        }
    }

    /// Continues after [`pause`](Self::pause).
    pub fn resume(&self) {
        if self.app.shared.pause(false) {
            tracing::info!("resumed");
        }
    }

    /// Returns whether the instance is paused.
    pub fn is_paused(&self) -> bool {
        self.app.is_paused()
    }

    /// The state.
    pub fn state(&self) -> State {
        self.lifecycle.state()
    }

    /// Calls `listener` with the new and old state on every change.
    pub fn on_state_change(&self, listener: impl Fn(State, State) + Send + Sync + 'static) {
        self.lifecycle.listen(Arc::new(listener));
    }

    /// Lets `handler` decide what follows when a stream thread fails; without one the instance is
    /// closed. The handler also hears about a failure of global stores, which always closes the
    /// instance.
    pub fn on_uncaught_exception(
        &self,
        handler: impl Fn(&Error) -> UncaughtExceptionResponse + Send + Sync + 'static,
    ) {
        self.lifecycle.ask_of_failures(Arc::new(handler));
    }

    /// Tells `listener` about the restore of stores, and about the filling of global stores.
    pub fn on_restore(&self, listener: impl StateRestoreListener + 'static) {
        self.app.shared.set_restore_listener(Arc::new(listener));
    }

    /// Waits until the instance is in one of `states`, or for `timeout`. Returns the state at that
    /// time.
    pub async fn wait_for(&self, states: &[State], timeout: Duration) -> State {
        let mut watch = self.lifecycle.watch();
        let reached = watch.wait_for(|state| states.contains(state));
        let _ = tokio::time::timeout(timeout, reached).await; // The state says which it was.
        self.state()
    }

    /// The error that ended the instance, if one did.
    pub fn error(&self) -> Option<Error> {
        self.lifecycle.error()
    }

    /// The stream threads that are alive, with their tasks.
    pub fn metadata_for_local_threads(&self) -> Vec<ThreadMetadata> {
        self.lifecycle.threads().metadata()
    }

    /// Counters since the instance was made. [`all_metrics`](Self::all_metrics) has more.
    pub fn metrics(&self) -> StreamsMetrics {
        self.app.shared.counters.snapshot()
    }

    /// Commits, gives up all tasks, leaves the group and waits for the threads, for at most
    /// `timeout`.
    ///
    /// # Errors
    /// `Timeout` if threads are still working then; they end on their own. The error of a thread
    /// that could not commit.
    pub async fn close(&self, timeout: Duration) -> Result {
        let failed = self.state() == State::Error;
        self.lifecycle.transition(State::PendingShutdown);
        self.lifecycle.close_all();
        if !self.lifecycle.wait_all_ended(timeout).await {
            let at = self.lifecycle.threads().whereabouts();
            let text = format!("threads are still at work after {timeout:?}{at}");
            return Err(Error::new(ErrorKind::Timeout, text));
        }
        self.lifecycle.transition(State::NotRunning);
        #[cfg(feature = "metrics")]
        self.close_endpoint();
        match self.error() {
            Some(error) if !failed => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes the local state of all tasks. Only possible while the instance is not running.
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
        let threads = self.lifecycle.threads().abandon_all();
        self.lifecycle.global().stop().abandon();
        for (handle, watchdog) in threads {
            while !handle.is_finished() && !watchdog.is_stuck() {
                // The thread that watched it is told to end, too.
                let _ = watchdog.look(self.app.clock.now_ms()); // Said below.
                std::thread::park_timeout(Duration::from_millis(5));
            }
            if !handle.is_finished() {
                tracing::error!(
                    "user code never came back, and its thread is left behind{}",
                    self.lifecycle.threads().whereabouts()
                );
                continue;
            }
            // A panic of user code was caught inside; there is nothing left to report.
            let _ = handle.join();
        }
        if let Some(handle) = self.lifecycle.global().take_handle() {
            let _ = handle.join(); // As above.
        }
    }
}
