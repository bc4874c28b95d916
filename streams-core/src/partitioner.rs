//! Kafka's default partitioner, which maps keys to partitions.
//!
//! Every byte of the hash is Java's, because records that other applications wrote must be found
//! where Java would put them. Records without a key are not handled here.

/// The murmur2 hash of Java's `org.apache.kafka.common.utils.Utils.murmur2`.
///
/// ```
/// assert_eq!(streams_core::murmur2(b"abc"), 479_470_107);
/// ```
pub fn murmur2(data: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const MULTIPLIER: u32 = 0x5bd1_e995;
    const SHIFT: u32 = 24;

    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let (words, tail) = data.as_chunks::<4>();
    let mut hash = SEED ^ length;
    for word in words {
        let mut mixed = read_word(*word).wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> SHIFT;
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed.wrapping_mul(MULTIPLIER);
    }
    if !tail.is_empty() {
        for (index, byte) in (0_u32..).zip(tail) {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^= hash >> 15;
    hash.cast_signed()
}

#[expect(clippy::little_endian_bytes, reason = "the hash is defined over little-endian words")]
const fn read_word(word: [u8; 4]) -> u32 {
    u32::from_le_bytes(word)
}

/// Returns the partition for a record with this key in a topic with `partitions` partitions, as
/// Java's default partitioner chooses it.
///
/// # Panics
/// If `partitions` is not positive.
///
/// ```
/// assert_eq!(streams_core::partition_for_key(b"customer-42", 10), 3);
/// ```
pub fn partition_for_key(key: &[u8], partitions: i32) -> i32 {
    assert!(partitions > 0, "a topic has at least one partition, not {partitions}");
    (murmur2(key) & i32::MAX) % partitions
}

#[cfg(test)]
mod tests {
    use super::*;

    type Vector = (&'static [u8], i32, [i32; 7]);

    /// Hash, and partition out of 1, 2, 3, 7, 10, 50 and 1,000, all computed by Java.
    const VECTORS: &[Vector] = &[
        (b"", 275_646_681, [0, 1, 0, 2, 1, 31, 681]),
        (b"a", -1_563_381_124, [0, 0, 1, 5, 4, 24, 524]),
        (b"A", 1_592_744_578, [0, 0, 1, 5, 8, 28, 578]),
        (b"ab", 316_155_434, [0, 0, 2, 0, 4, 34, 434]),
        (b"abc", 479_470_107, [0, 1, 0, 4, 7, 7, 107]),
        (b"abcd", -1_323_649_548, [0, 0, 2, 5, 0, 0, 100]),
        (b"abcde", 461_995_741, [0, 1, 1, 4, 1, 41, 741]),
        (b"key", -1_079_937_367, [0, 1, 1, 4, 1, 31, 281]),
        (b"key-1", 193_331_640, [0, 0, 0, 5, 0, 40, 640]),
        (b"key-2", 852_269_702, [0, 0, 2, 4, 2, 2, 702]),
        (b"orders", -1_029_842_276, [0, 0, 0, 1, 2, 22, 372]),
        (b"customer-42", -542_987_495, [0, 1, 0, 1, 3, 3, 153]),
        (b"0", 971_027_396, [0, 0, 2, 3, 6, 46, 396]),
        (b"1", -1_993_445_489, [0, 1, 0, 2, 9, 9, 159]),
        (b"21", -973_932_308, [0, 0, 0, 3, 0, 40, 340]),
        (b"foobar", -790_332_482, [0, 0, 0, 0, 6, 16, 166]),
        (b"a-little-bit-long-string", -985_981_536, [0, 0, 2, 1, 2, 12, 112]),
        (b"a-little-bit-longer-string", -1_486_304_829, [0, 1, 2, 0, 9, 19, 819]),
        (b"\xc3\xa9\xc3\xa8\xe4\xb8\xad", -336_972_031, [0, 1, 1, 5, 7, 17, 617]),
        (
            b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
            -58_897_971,
            [0, 1, 2, 3, 7, 27, 677],
        ),
        (b"\x00\x00\x00\x00\x00\x00\x00\x00", -522_759_933, [0, 1, 2, 6, 5, 15, 715]),
        (b"\x00\x00\x00\x00\x00\x00\x00\x01", 2_100_486_060, [0, 0, 0, 1, 0, 10, 60]),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff", 185_950_397, [0, 1, 2, 3, 7, 47, 397]),
        (b"\x00\x00\x00\x00\x00\x00\x00*", 506_863_552, [0, 0, 1, 6, 2, 2, 552]),
        (b"\x7f\xff\xff\xff\xff\xff\xff\xff", -1_236_687_672, [0, 0, 2, 6, 6, 26, 976]),
    ];

    #[test]
    fn hashes_and_partitions_are_those_of_java() {
        for (key, hash, partitions) in VECTORS {
            assert_eq!(murmur2(key), *hash, "{key:?}");
            let ours = [1, 2, 3, 7, 10, 50, 1_000].map(|count| partition_for_key(key, count));
            assert_eq!(ours, *partitions, "{key:?}");
        }
    }
}
