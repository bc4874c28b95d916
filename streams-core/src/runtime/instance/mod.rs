//! An instance of an application: its lifecycle, its threads, and their shared data.
//!
//! `app` holds the constant part, `shared` the part that changes. Only `driver` starts threads.

pub(super) mod app;
mod banner;
mod builder;
pub(super) mod driver;
mod global_slot;
mod housekeeping;
mod idle;
mod kafka_streams;
mod lifecycle;
pub(super) mod listener;
mod local_state;
mod measured;
pub(super) mod metrics;
mod run;
mod shared;
mod start;
mod state;
mod stop_signal;
mod threads;
mod watchdog;

pub(crate) use self::{
    app::App,
    driver::{give_up, guarded},
};
pub use self::{
    builder::KafkaStreamsBuilder,
    kafka_streams::KafkaStreams,
    listener::{RestoreProgress, StateRestoreListener, UncaughtExceptionResponse},
    metrics::{StreamsMetrics, ThreadMetadata},
    state::State,
};
