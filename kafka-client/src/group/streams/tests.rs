//! Golden bytes of the messages, and the task against a coordinator that answers from a script, in virtual time.

mod bytes;
mod heartbeats;
