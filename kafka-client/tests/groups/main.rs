//! Groups on a real broker, by both protocols.
//!
//! The broker's address is in `KAFKA_STREAMS_TEST_BOOTSTRAP`; without it these tests report that
//! and pass. They run in real time: they poll for the expected state, for up to half a minute.

#[cfg(test)]
mod broker;
#[cfg(test)]
mod classic;
#[cfg(test)]
mod streams;
