//! The orders application on a real Apache Kafka, its instances as processes: what comes out is compared with what
//! plain counting makes of the input, through scale-out, crashes, outages and whatever else happens to a cluster.
#![cfg(feature = "rdkafka")]
#![allow(clippy::unwrap_used, reason = "a test that can't set up its world has failed")]

mod brokers;
mod frozen;
mod global_tables;
mod kills;
mod late_writes;
mod orders;
mod outage;
mod outcome;
mod refused;
mod rolling;
mod scaling;
mod security;
mod slow_user_code;
mod standbys;
mod transactional_input;
mod world;
mod wrong_topics;
