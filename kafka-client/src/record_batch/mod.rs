//! Record batches: Kafka's message format 2, read and written in place.
//!
//! A fetched run of bytes is read batch by batch ([`RecordBatches`]); the records of a batch are
//! spans of its bytes, and nothing is copied or allocated per record. An open batch
//! ([`BatchBuilder`]) collects records as the bytes that go over the wire; its header is written
//! when it is sealed. Formats 0 and 1, which producers before Kafka 0.11 wrote and Kafka 4 no
//! longer stores, are refused.
//!
//! Invariant: bytes from outside never cause a panic, and no length in them is trusted: memory
//! grows with the bytes that exist.

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
