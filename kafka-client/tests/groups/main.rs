//! Groups on a real broker, by both protocols.
//!
//! The broker's address is in `KAFKA_STREAMS_TEST_BOOTSTRAP`; without it these tests say so and pass. They go by real
//! time: what they wait for they ask for until it is there, for up to half a minute.

#[cfg(test)]
mod broker;
#[cfg(test)]
mod classic;
#[cfg(test)]
mod streams;
