//! Starting an instance, and stream threads that come and go while it runs (KIP-663).

use std::time::Duration;

use super::{
    super::{global_thread::GlobalThread, thread::StreamThread},
    KafkaStreams, State,
    banner::log_start,
    driver,
};
use crate::{Error, ErrorKind, Result};

impl KafkaStreams {
    /// Starts the instance. First it fills the global stores with everything that their topics have
    /// now, and waits for that. Then it starts the stream threads, which join the group, restore
    /// state and process until [`close`](Self::close); this returns as soon as they run. A topology
    /// of nothing but global stores has no stream threads, and runs at once. A start that is
    /// abandoned, by dropping the future or by `close` from elsewhere, closes the instance.
    ///
    /// # Errors
    /// `InvalidState` if it was started before, or closed meanwhile; `Config` if it can't listen at
    /// `metrics.listen`; `Unavailable` if the cluster can't be reached, `State` if state on disk
    /// can't be read, `MissingSourceTopic` if the topic of a global store does not exist, or the
    /// error that prevented the store from being filled. After all but the first the instance is in
    /// error; make another one.
    pub async fn start(&self) -> Result {
        if self.state() != State::Created {
            let text = format!("the instance is {}; it can be started once", self.state());
            return Err(Error::new(ErrorKind::InvalidState, text));
        }
        log_start(&self.app.config);
        self.lifecycle.transition(State::Rebalancing);
        let starting = self.lifecycle.starting();
        let started = self.start_all().await;
        if let Err(error) = &started {
            // The threads already started stop with it.
            self.lifecycle.close_all();
            // Closing it meanwhile is not an error.
            let closed =
                self.state() == State::PendingShutdown || self.state() == State::NotRunning;
            self.lifecycle.ended(0, Some(error.clone()).filter(|_| !closed));
        }
        starting.ended();
        tokio::task::yield_now().await;
        started
    }

    async fn start_all(&self) -> Result {
        #[cfg(feature = "metrics")]
        self.open_endpoint()?;
        self.start_global().await?;
        self.start_threads()
    }

    /// Starts the thread of the global stores, if there are any, and waits until it has filled
    /// them.
    async fn start_global(&self) -> Result {
        if self.app.topology.global_stores().is_empty() {
            return Ok(());
        }
        tracing::info!(
            stores = self.app.topology.global_stores().len(),
            "filling the global stores"
        );
        driver::spawn_global(&self.app, &self.lifecycle, GlobalThread::new(self.app.clone())?)?;
        if self.lifecycle.wait_filled(&self.app.config).await && self.state() == State::Rebalancing
        {
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
            // It was closed, or the global stores failed, before all threads were there to learn of
            // it.
            self.lifecycle.close_all();
        }
        Ok(())
    }

    /// Starts one more stream thread and returns its name (KIP-663).
    ///
    /// # Errors
    /// `InvalidState` if the instance is not running or its topology has no tasks, `Unavailable` if
    /// the cluster can't be reached.
    pub fn add_stream_thread(&self) -> Result<String> {
        // One at a time, because a number stays free until its thread exists.
        let _adding = self.adding.lock();
        self.must_run()?;
        if self.app.group_topology.subtopologies.is_empty() {
            let text = "the topology has global stores alone, and no task for a stream thread";
            return Err(Error::new(ErrorKind::InvalidState, text));
        }
        let thread = StreamThread::new(&self.app, self.lifecycle.threads().free_index())?;
        let name = thread.0.name().to_owned();
        driver::spawn(&self.app, &self.lifecycle, thread)?;
        Ok(name)
    }

    /// Closes the stream thread with the highest number, waits for it for at most `timeout`, and
    /// returns its name: `None` if there is none (KIP-663).
    ///
    /// # Errors
    /// `InvalidState` if the instance is not running, `Timeout` if the thread is still working; it
    /// ends on its own.
    pub async fn remove_stream_thread(&self, timeout: Duration) -> Result<Option<String>> {
        self.must_run()?;
        let last = self.lifecycle.threads().close_last();
        let Some((removed, name)) = last else { return Ok(None) };
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
}
