//! Record batches as they come from a broker, and as they are written.
#![no_main]

use kafka_client::record_batch::{
    BatchBuilder, BatchSeal, Compression, ControlRecord, RecordBatch, RecordBatches,
};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};

#[derive(Debug, Arbitrary)]
enum Input<'a> {
    /// What stands in an answer.
    Bytes(&'a [u8]),
    /// The records of a batch whose header is right: their bytes, their number and how they are compressed.
    Records(&'a [u8], i32, u8),
    /// Records to write and read again.
    Written(Vec<Record<'a>>, u8),
}

#[derive(Debug, Arbitrary)]
struct Record<'a> {
    timestamp: i64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: Vec<(&'a [u8], Option<&'a [u8]>)>,
}

const ALL: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

/// Walks over all that can be read of a batch; the number of its records that could.
fn walk(batch: &RecordBatch) -> usize {
    let _ = (batch.check(), batch.header().next_offset(), batch.byte_len());
    let Ok(records) = batch.records() else { return 0 };
    let mut read = 0;
    for entry in records.entries() {
        let Ok(entry) = entry else { break };
        read += 1;
        assert_eq!(records.header_spans(&entry).count(), entry.headers);
        for span in [entry.key, entry.value].into_iter().flatten() {
            assert_eq!(records.slice(span.clone()).len(), span.len());
            let _ = ControlRecord::from_key(records.slice(span));
        }
    }
    read
}

fn read_bytes(bytes: &[u8]) {
    let mut batches = RecordBatches::new(bytes.to_vec().into());
    let read: usize = batches.by_ref().map_while(Result::ok).map(|batch| batch.byte_len()).sum();
    assert!(read + batches.rest().len() <= bytes.len());
    for batch in RecordBatches::new(bytes.to_vec().into()).map_while(Result::ok) {
        walk(&batch);
    }
}

/// Puts a header before the records.
fn read_records(records: &[u8], count: i32, compression: u8) {
    let empty = BatchBuilder::new(Vec::new()).seal(&BatchSeal::PLAIN, Compression::None, None);
    let mut bytes = empty.expect("an empty batch can be sealed").to_vec();
    bytes.extend_from_slice(records);
    let length = u32::try_from(bytes.len() - 12).expect("the input is short");
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[22] = compression % 16;
    bytes[57..61].copy_from_slice(&count.to_be_bytes());
    let batch = RecordBatches::new(bytes.into()).next().expect("it is whole").expect("it is right");
    assert!(walk(&batch) <= usize::try_from(count).unwrap_or(0));
}

fn write_and_read(records: &[Record<'_>], compression: u8) {
    let compression = ALL[usize::from(compression) % ALL.len()];
    let mut builder = BatchBuilder::new(Vec::new());
    let mut taken = Vec::new();
    for record in records {
        let headers = record.headers.iter().copied();
        let Record { timestamp, key, value, .. } = *record;
        if builder.append(timestamp, key, value, headers, usize::MAX).expect("it is short") {
            taken.push(record);
        }
    }
    let sealed = builder.seal(&BatchSeal::PLAIN, compression, None).expect("it can be compressed");
    let batch = RecordBatches::new(sealed).next().expect("it is whole").expect("it is right");
    batch.check().expect("its checksum is right");
    let found = batch.records().expect("it can be decompressed");
    let mut entries = found.entries();
    for (record, offset) in taken.iter().zip(0..) {
        let entry = entries.next().expect("it was written").expect("it can be read");
        assert_eq!((entry.offset, entry.timestamp), (offset, record.timestamp));
        assert_eq!(entry.key.clone().map(|span| found.slice(span)), record.key);
        assert_eq!(entry.value.clone().map(|span| found.slice(span)), record.value);
        let headers = found
            .header_spans(&entry)
            .map(|(name, value)| (found.slice(name), value.map(|span| found.slice(span))));
        assert!(headers.eq(record.headers.iter().copied()));
    }
    assert!(entries.next().is_none());
}

fuzz_target!(|input: Input<'_>| match input {
    Input::Bytes(bytes) => read_bytes(bytes),
    Input::Records(records, count, compression) => read_records(records, count, compression),
    Input::Written(records, compression) => write_and_read(&records, compression),
});
