//! Execution of a topology: instances, stream threads, restore.
//!
//! [`KafkaStreams`] is one instance of an application. Its stream threads loop over
//! `run_once(now)`: membership, restored tasks, poll, process, punctuate, commit. Each is paired
//! with a restorer, which fills local state from changelogs. Invariant: only `instance/driver`
//! starts threads and only the clock trait tells the time, so `run_once` can be stepped from
//! outside.

mod dead_letters;
mod global_thread;
mod instance;
mod measure;
mod restore;
mod restore_worker;
mod storage;
mod stored_state;
#[cfg(test)]
mod test_disk;
mod thread;

pub use self::instance::{
    KafkaStreams, KafkaStreamsBuilder, RestoreProgress, State, StateRestoreListener,
    StreamsMetrics, ThreadMetadata, UncaughtExceptionResponse,
};
use self::instance::{app, listener, metrics};
#[cfg(feature = "metrics")]
pub use self::measure::MetricsCollector;
pub use self::measure::{Metric, MetricKind};
pub(crate) use self::{
    global_thread::GlobalThread,
    instance::{App, give_up, guarded},
    restore_worker::RestoreWorker,
    storage::TaskStorage,
    thread::StreamThread,
};
#[cfg(feature = "metrics")]
pub use prometheus_client;
