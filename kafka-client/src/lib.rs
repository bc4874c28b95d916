//! A Kafka client for what librdkafka cannot do: groups by both of Kafka's protocols for them, committed offsets
//! with a member's epoch, admin calls.
//!
//! It knows nothing of streams: user data of group members is bytes to it. Invariant: only this crate names the
//! protocol codec.
#![forbid(unsafe_code)]
