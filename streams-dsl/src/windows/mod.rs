//! Windows of time: their definition, their place in a key, and the bytes of windowed keys.
//!
//! A window covers the milliseconds from its start, included, to its end, excluded. Which windows a
//! record falls in is a function of its timestamp alone; which of them still take it is decided by
//! the processor, by its stream time. Invariant: the bytes of windowed keys are Java's.

mod join_windows;
mod partitioner;
mod time_windowed;
mod time_windows;
mod window;
mod windowed;

pub(crate) use self::partitioner::windowed_partitioner;
pub use self::{
    join_windows::JoinWindows,
    time_windowed::{TimeWindowedSerde, time_windowed},
    time_windows::TimeWindows,
    window::Window,
    windowed::Windowed,
};
