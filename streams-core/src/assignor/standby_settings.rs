//! Settings of the assignment of tasks.

use std::time::Duration;

/// Settings of the assignor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandbySettings {
    /// `num.standby.replicas`.
    pub num_standby_replicas: usize,
    /// `acceptable.recovery.lag`, in records.
    pub acceptable_recovery_lag: i64,
    /// `max.warmup.replicas`.
    pub max_warmup_replicas: usize,
    /// `probing.rebalance.interval.ms`.
    pub probing_rebalance_interval: Duration,
    /// `replication.factor` of internal topics; -1 leaves it to the cluster.
    pub replication_factor: i16,
}
