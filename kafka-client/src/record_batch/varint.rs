//! Numbers of variable length: seven bits per byte, the least significant first, zigzag-coded.

/// Size of the longest number of 64 bits.
const BYTES_MAX: u32 = 10;

/// Appends a number to `buffer`.
pub(super) fn write(buffer: &mut Vec<u8>, value: i64) {
    let mut rest = zigzag(value);
    while rest >= 0x80 {
        buffer.push(low_byte(rest) | 0x80);
        rest >>= 7;
    }
    buffer.push(low_byte(rest));
}

/// Bytes that a number takes.
pub(super) fn len(value: i64) -> usize {
    let bits = u64::BITS - (zigzag(value) | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Takes a number from the front of `bytes`. `None`, with `bytes` undefined, if it ends early or is
/// too long.
pub(super) fn read(bytes: &mut &[u8]) -> Option<i64> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    if *first < 0x80 {
        return Some(unzigzag(u64::from(*first)));
    }
    read_long(u64::from(*first & 0x7f), bytes)
}

/// The rest of a number of several bytes.
fn read_long(first: u64, bytes: &mut &[u8]) -> Option<i64> {
    let mut value = first;
    for index in 1..BYTES_MAX {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(*byte & 0x7f);
        // The last byte has room for one bit.
        if index == BYTES_MAX - 1 && bits > 1 {
            return None;
        }
        value |= bits << (7 * index);
        if *byte < 0x80 {
            return Some(unzigzag(value));
        }
    }
    None
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

fn low_byte(value: u64) -> u8 {
    let [.., low] = value.to_be_bytes();
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes are those of Kafka's `ByteUtilsTest`.
    #[test]
    fn numbers_are_written_as_java_writes_them() {
        let cases: [(i64, &[u8]); 10] = [
            (0, &[0]),
            (-1, &[1]),
            (1, &[2]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (8_191, &[0xfe, 0x7f]),
            (i64::from(i32::MAX), &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i64::MAX, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
            (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ];
        for (value, expected) in cases {
            let mut buffer = Vec::new();
            write(&mut buffer, value);
            assert_eq!(buffer, expected, "{value}");
            assert_eq!(len(value), expected.len(), "{value}");
            let mut rest = expected;
            assert_eq!(read(&mut rest), Some(value));
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn a_number_that_ends_early_or_never_is_refused() {
        for mut bytes in [
            &[][..],
            &[0x80],
            &[0xff; 11],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
        ] {
            assert_eq!(read(&mut bytes), None);
        }
    }
}
