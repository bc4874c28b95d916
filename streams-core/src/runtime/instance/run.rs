//! Running an instance from its start to its end.

use std::{pin::pin, time::Duration};

use super::{KafkaStreams, State};
use crate::Result;

/// Time for threads to commit and leave. As long as most supervisors wait before they kill a
/// program, and long enough for a commit that the cluster delays.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(60);

impl KafkaStreams {
    /// Starts the instance, runs it until `signal` completes, and closes it; or returns the error
    /// that ended it before. This is the whole of a `main`, where Java needs a shutdown hook, a
    /// latch and a handler that opens it.
    ///
    /// Closing works as in [`close`](Self::close) with 60 seconds. A signal that comes while the
    /// start waits for the cluster ends that too. If something else closes the instance, this
    /// returns as well. Dropping the future closes nothing once the instance has started.
    ///
    /// ```no_run
    /// # use streams_core::{KafkaStreams, client::embedded::EmbeddedCluster, config::StreamsConfig, topology::Topology};
    /// # async fn run(topology: Topology, config: StreamsConfig, cluster: EmbeddedCluster) -> streams_core::Result {
    /// let streams = KafkaStreams::with_client_supplier(topology, config, cluster)?;
    /// streams.run_until(tokio::signal::ctrl_c()).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// The errors of [`start`](Self::start), the error that ended the instance, or the errors of
    /// [`close`](Self::close).
    pub async fn run_until(&self, signal: impl Future) -> Result {
        let mut signal = pin!(signal);
        let is_stopped = tokio::select! {
            started = self.start() => started.map(|()| false)?,
            _ = &mut signal => true,
        };
        if !is_stopped {
            let mut states = self.lifecycle.watch();
            tokio::select! {
                _ = states.wait_for(|state| is_ending(*state)) => {}
                _ = signal => {}
            }
        }
        let closed = self.close(CLOSE_TIMEOUT).await;
        self.error().map_or(closed, Err)
    }
}

/// Returns whether an instance in `state` will not run again.
fn is_ending(state: State) -> bool {
    match state {
        State::Created | State::Rebalancing | State::Running => false,
        State::PendingShutdown | State::NotRunning | State::PendingError | State::Error => true,
    }
}
