//! Running a topology: instances, stream threads, restore.
//!
//! [`KafkaStreams`] is one instance of an application. Its stream threads loop over `run_once(now)`: membership,
//! restored tasks, poll, process, punctuate, commit. Beside each runs a restorer, which fills local
//! state from changelogs. Invariant: only `driver` starts threads and only the clock trait tells the
//! time, so that `run_once` can be stepped from outside.

mod app;
mod banner;
mod dead_letters;
mod driver;
mod global_thread;
mod housekeeping;
mod idle;
mod kafka_streams;
mod lifecycle;
mod listener;
mod metrics;
mod restore_worker;
mod restorer;
mod state;
mod storage;
mod stored_state;
mod thread;

pub(crate) use self::{
    app::App,
    driver::{give_up, guarded},
    global_thread::GlobalThread,
    kafka_streams::Handlers,
    restore_worker::RestoreWorker,
    storage::TaskStorage,
    thread::StreamThread,
};
pub use self::{
    kafka_streams::{KafkaStreams, KafkaStreamsBuilder},
    listener::{RestoreProgress, StateRestoreListener, UncaughtExceptionResponse},
    metrics::{StreamsMetrics, ThreadMetadata},
    state::State,
};
