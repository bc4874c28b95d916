//! Windows of time: their definition, their place in a key, and the bytes of windowed keys.
//!
//! A window of time covers the milliseconds from its start, included, to its end, excluded; sliding
//! windows and sessions include their ends. Which windows a record falls in is a function of its
//! timestamp, and of those of other records for sliding windows and sessions; which of them still
//! take it is decided by the processor, by its stream time. Invariant: the bytes of windowed keys
//! are Java's.

mod join_windows;
mod partitioner;
mod session_windowed;
mod session_windows;
mod sliding_windows;
mod spans;
mod time_windowed;
mod time_windows;
mod unlimited_windows;
mod window;
mod windowed;

pub(crate) use self::partitioner::windowed_partitioner;
pub use self::{
    join_windows::JoinWindows,
    session_windowed::{SessionWindowedSerde, session_windowed},
    session_windows::SessionWindows,
    sliding_windows::SlidingWindows,
    time_windowed::{TimeWindowedSerde, time_windowed},
    time_windows::TimeWindows,
    unlimited_windows::UnlimitedWindows,
    window::Window,
    windowed::Windowed,
};
