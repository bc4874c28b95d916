//! Waiting until there is no work left.

use std::time::Duration;

use super::{KafkaStreams, State};
use crate::Result;

/// Interval between two checks of the progress.
const TICK: Duration = Duration::from_millis(10);

impl KafkaStreams {
    /// Waits until the instance runs and has processed no record for `quiet`, or has ended. For
    /// programs that process the existing records and stop; a topic that is still being written may
    /// fall quiet between two records.
    ///
    /// # Errors
    /// The error that ended the instance.
    pub async fn wait_until_idle(&self, quiet: Duration) -> Result {
        let mut processed = self.metrics().processed;
        let mut still = Duration::ZERO;
        while still < quiet {
            tokio::time::sleep(TICK).await;
            match self.state() {
                State::Running => {}
                State::Created | State::Rebalancing => {
                    still = Duration::ZERO;
                    continue;
                }
                State::PendingShutdown | State::NotRunning | State::PendingError | State::Error => {
                    return self.error().map_or(Ok(()), Err);
                }
            }
            let now = self.metrics().processed;
            still = if now == processed { still + TICK } else { Duration::ZERO };
            processed = now;
        }
        Ok(())
    }
}
