//! Record batches: Kafka's message format 2, read where it lies and written in place.
//!
//! A fetched run of bytes is walked batch by batch ([`RecordBatches`]); the records of a batch are spans in its bytes,
//! and nothing is copied or allocated for one of them. An open batch ([`BatchBuilder`]) takes records as the bytes that
//! go over the wire; its header is written when it is sealed. Formats 0 and 1, which producers before Kafka 0.11 wrote and
//! Kafka 4 no longer keeps, are refused.
//!
//! Invariant: bytes from outside never panic, and no length in them is trusted: memory grows with what is there.

mod batch;
mod builder;
mod compression;
mod control;
mod entry;
mod header;
mod reader;
#[cfg(test)]
mod tests;
mod varint;
mod xerial;

pub(crate) use self::builder::seal_anew;
pub use self::{
    batch::{RecordBatch, RecordBatches},
    builder::{BatchBuilder, BatchSeal, RecordHeader},
    compression::Compression,
    control::ControlRecord,
    entry::{RecordEntries, RecordEntry, RecordsOfBatch},
    header::BatchHeader,
};
