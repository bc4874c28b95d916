//! Our batches read by another codec, and its batches read by ours.

use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    protocol::StrBytes,
    records::{
        Compression as TheirCompression, Record, RecordBatchDecoder, RecordBatchEncoder,
        RecordEncodeOptions, TimestampType,
    },
};
use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::ErrorKind;

type Part = Option<Vec<u8>>;

/// The parts of a record in a test: timestamp, key, value, headers.
type Wanted = (i64, Part, Part, Vec<(String, Part)>);

const ALL: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

fn part() -> impl Strategy<Value = Part> {
    option::of(vec(any::<u8>(), 0..200))
}

fn wanted() -> impl Strategy<Value = Vec<Wanted>> {
    // kafka-protocol can't hold two headers with the same name.
    let headers = proptest::collection::btree_map("[a-z]{0,6}", part(), 0..4)
        .prop_map(|headers| headers.into_iter().collect());
    vec((0..i64::from(i32::MAX), part(), part(), headers), 1..40)
}

fn build(records: &[Wanted]) -> BatchBuilder {
    let mut builder = BatchBuilder::new(Vec::new());
    for (timestamp, key, value, headers) in records {
        let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_deref()));
        let (key, value) = (key.as_deref(), value.as_deref());
        assert!(builder.append(*timestamp, key, value, headers, usize::MAX).unwrap());
    }
    builder
}

/// The records that our reader returns, checked and decompressed.
fn read(bytes: &Bytes) -> Vec<(i64, Wanted)> {
    let mut found = Vec::new();
    for batch in RecordBatches::new(bytes.clone()) {
        let batch = batch.unwrap();
        batch.check().unwrap();
        let records = batch.records().unwrap();
        for entry in records.entries() {
            let entry = entry.unwrap();
            let slice = |span: Option<std::ops::Range<usize>>| {
                span.map(|span| records.slice(span).to_vec())
            };
            let headers = records.header_spans(&entry).map(|(name, value)| {
                (String::from_utf8(records.slice(name).to_vec()).unwrap(), slice(value))
            });
            let headers = headers.collect();
            found.push((
                entry.offset,
                (entry.timestamp, slice(entry.key.clone()), slice(entry.value.clone()), headers),
            ));
        }
    }
    found
}

fn theirs(records: &[Wanted], seal: &BatchSeal, base_offset: i64) -> Vec<Record> {
    let record = |((timestamp, key, value, headers), index): (&Wanted, i32)| {
        let mut record = Record {
            transactional: seal.is_transactional,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: seal.producer_id,
            producer_epoch: seal.producer_epoch,
            timestamp_type: TimestampType::Creation,
            offset: base_offset + i64::from(index),
            sequence: seal.base_sequence + index,
            timestamp: *timestamp,
            key: key.clone().map(Bytes::from),
            value: value.clone().map(Bytes::from),
            headers: std::iter::empty::<(StrBytes, Option<Bytes>)>().collect(),
        };
        for (name, value) in headers {
            record
                .headers
                .insert(StrBytes::from_string(name.clone()), value.clone().map(Bytes::from));
        }
        record
    };
    records.iter().zip(0..).map(record).collect()
}

const SEAL: BatchSeal =
    BatchSeal { producer_id: 7_000, producer_epoch: 3, base_sequence: 41, is_transactional: true };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn another_codec_reads_what_is_written(records in wanted()) {
        let mut sealed = build(&records).seal(&SEAL, Compression::None, None).unwrap();
        let set = RecordBatchDecoder::decode(&mut sealed).unwrap();
        prop_assert_eq!(set.records, theirs(&records, &SEAL, 0));
    }

    #[test]
    fn what_another_codec_writes_is_read(records in wanted(), base in 0..i64::MAX / 2, cut in 1..60_usize) {
        let mut bytes = BytesMut::new();
        let options = RecordEncodeOptions { version: 2, compression: TheirCompression::None };
        RecordBatchEncoder::encode(&mut bytes, &theirs(&records, &SEAL, base), &options).unwrap();
        let whole = bytes.len();
        RecordBatchEncoder::encode(&mut bytes, &theirs(&records, &SEAL, base), &options).unwrap();
        // The second batch ends early, as in a fetch.
        bytes.truncate((whole + cut).min(bytes.len() - 1));
        let found = read(&bytes.freeze());
        let expected: Vec<_> = (base..).zip(records).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn what_is_compressed_is_the_same_again(records in wanted(), level in option::of(1..4_i32)) {
        for compression in ALL {
            let sealed = build(&records).seal(&SEAL, compression, level).unwrap();
            let batch = RecordBatches::new(sealed.clone()).next().unwrap().unwrap();
            prop_assert_eq!(batch.header().compression().unwrap(), compression);
            prop_assert!(batch.header().is_transactional() && !batch.header().is_control());
            let expected: Vec<_> = (0..).zip(records.clone()).collect();
            prop_assert_eq!(read(&sealed), expected);
        }
    }

    #[test]
    fn no_byte_can_change_unnoticed(records in wanted(), at in any::<prop::sample::Index>(), with in 1..=255_u8) {
        let sealed = build(&records).seal(&BatchSeal::PLAIN, Compression::None, None).unwrap();
        let mut bytes = sealed.to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= with;
        let whole = RecordBatches::new(bytes.into()).next().is_some_and(|batch| {
            batch.is_ok_and(|batch| batch.check().is_ok())
        });
        // Base offset and leader's epoch are written by the broker.
        prop_assert_eq!(whole, at < 8 || (12..16).contains(&at));
    }
}

/// The batches are those of Kafka 4.3.1's console producer, as its broker stored them.
#[test]
fn what_java_wrote_is_read() {
    let golden: [(Compression, &[u8]); 5] = [
        (Compression::None, include_bytes!("golden/none")),
        (Compression::Gzip, include_bytes!("golden/gzip")),
        (Compression::Snappy, include_bytes!("golden/snappy")),
        (Compression::Lz4, include_bytes!("golden/lz4")),
        (Compression::Zstd, include_bytes!("golden/zstd")),
    ];
    for (compression, bytes) in golden {
        let bytes = Bytes::from_static(bytes);
        let batch = RecordBatches::new(bytes.clone()).next().unwrap().unwrap();
        assert_eq!(batch.header().compression().unwrap(), compression);
        assert!(batch.header().producer_id >= 0, "it is idempotent");
        let found = read(&bytes);
        assert_eq!(found.len(), 6);
        for ((offset, (_, key, value, headers)), number) in found.into_iter().zip(1..) {
            assert_eq!(offset, batch.header().base_offset + number - 1);
            assert_eq!(key.unwrap(), format!("key-{number}").into_bytes());
            let text = format!("value number {number} of the records that are compressed by java");
            assert_eq!(value.unwrap(), text.into_bytes());
            let first = ("h1".to_owned(), Some(format!("v{number}").into_bytes()));
            assert_eq!(headers, [first, ("h2".to_owned(), Some(Vec::new()))]);
        }
    }
}

#[test]
fn a_record_goes_into_the_next_batch_when_this_one_is_full() {
    let none = std::iter::empty::<RecordHeader<'_>>();
    let mut builder = BatchBuilder::new(vec![1; 100]);
    let value = [7_u8; 100];
    assert!(builder.append(5, None, Some(&value), none.clone(), 10).unwrap(), "the first is taken");
    assert_eq!((builder.len(), builder.byte_len()), (1, 61 + 109));
    assert!(!builder.append(5, None, Some(&value), none.clone(), 61 + 109 + 108).unwrap());
    assert!(builder.append(5, None, Some(&value), none.clone(), 61 + 109 + 109).unwrap());
    // The distance of the timestamps does not fit into 64 bits.
    assert!(!builder.append(i64::MIN, None, None, none.clone(), usize::MAX).unwrap());
    assert!(builder.append(1, None, None, none, usize::MAX).unwrap());
    let sealed = builder.seal(&BatchSeal::PLAIN, Compression::None, None).unwrap();
    let header = *RecordBatches::new(sealed).next().unwrap().unwrap().header();
    assert_eq!((header.base_timestamp, header.max_timestamp), (5, 5));
    assert_eq!((header.records, header.last_offset_delta, header.next_offset()), (3, 2, 3));
}

#[test]
fn the_broker_s_time_stands_for_those_of_the_records() {
    let records = [(5, None, None, vec![]), (9, None, None, vec![])];
    let sealed = build(&records).seal(&BatchSeal::PLAIN, Compression::None, None).unwrap();
    let mut bytes = sealed.to_vec();
    bytes[22] |= 1 << 3;
    bytes[35..43].copy_from_slice(&1_234_i64.to_be_bytes());
    let batch = RecordBatches::new(bytes.into()).next().unwrap().unwrap();
    let times = batch.records().unwrap();
    let times: Vec<_> = times.entries().map(|entry| entry.unwrap().timestamp).collect();
    assert_eq!(times, [1_234, 1_234]);
}

#[test]
fn a_batch_of_an_older_format_is_refused_with_its_offset() {
    let mut bytes = build(&[(5, None, None, vec![])])
        .seal(&BatchSeal::PLAIN, Compression::None, None)
        .unwrap()
        .to_vec();
    bytes[16] = 1;
    bytes[7] = 42;
    let mut batches = RecordBatches::new(bytes.into());
    let error = batches.next().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.to_string().contains("offset 42 is of message format 1"), "{error}");
    assert!(batches.next().is_none());
}

/// Producers of librdkafka and others send Snappy without Java's frame.
#[test]
fn snappy_without_a_frame_is_read() {
    let plain = vec![3; 1_000];
    let block = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
    assert_eq!(Compression::Snappy.decompress(&block).unwrap(), plain);
}

#[test]
fn what_claims_to_be_huge_is_refused() {
    // A block of Snappy of 4 GB, in five bytes.
    let error = Compression::Snappy.decompress(&[0xff, 0xff, 0xff, 0xff, 0x0f]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    let zeros = Compression::Zstd.compress(None, &vec![0; 129 << 20], Vec::new()).unwrap();
    assert!(zeros.len() < 32_000, "{}", zeros.len());
    let error = Compression::Zstd.decompress(&zeros).unwrap_err();
    assert!(error.to_string().contains("longer than"), "{error}");
}
