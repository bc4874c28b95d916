//! The hash of a row that a subscription carries: Java's `Murmur3.hash128`.

const SEED: u64 = 104_729;
const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

/// The 128-bit `MurmurHash3` for 64-bit machines of `bytes`, with the seed that Java's joins by
/// foreign key use.
///
/// ```
/// use streams_dsl::murmur3_128;
///
/// assert_eq!(murmur3_128(b"a"), [3_702_349_557_448_790_408, -1_601_067_453_332_442_517]);
/// ```
pub fn murmur3_128(bytes: &[u8]) -> [i64; 2] {
    let (mut h1, mut h2) = (SEED, SEED);
    let mut blocks = bytes.chunks_exact(16);
    for block in &mut blocks {
        let (k1, k2) = block.split_at(8);
        h1 = (h1 ^ mix1(word(k1))).rotate_left(27).wrapping_add(h2);
        h1 = h1.wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 = (h2 ^ mix2(word(k2))).rotate_left(31).wrapping_add(h1);
        h2 = h2.wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    // What is not there of the last block counts as zeros, which mix to nothing.
    let tail = blocks.remainder();
    let (k1, k2) = tail.split_at(tail.len().min(8));
    h1 ^= mix1(word(k1));
    h2 ^= mix2(word(k2));
    let length = bytes.len() as u64;
    h1 ^= length;
    h2 ^= length;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = finish(h1);
    h2 = finish(h2);
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    [h1.cast_signed(), h2.cast_signed()]
}

/// Up to eight bytes as a number, the lowest first.
fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte))
}

fn mix1(k: u64) -> u64 {
    k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn mix2(k: u64) -> u64 {
    k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn finish(mut h: u64) -> u64 {
    h ^= h >> 33;
    h = h.wrapping_mul(0xff51_afd7_ed55_8ccd);
    h ^= h >> 33;
    h = h.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ (h >> 33)
}
