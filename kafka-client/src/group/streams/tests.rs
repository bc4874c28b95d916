//! Golden bytes of the messages, and the task against a coordinator with scripted answers, in
//! virtual time.

mod bytes;
mod heartbeats;
