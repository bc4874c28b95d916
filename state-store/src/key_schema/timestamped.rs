//! Values with the timestamp of the record that made them. Java's `ValueAndTimestampSerializer`.

/// Appends `i64 timestamp ‖ value`.
pub fn write_timestamped_value(out: &mut Vec<u8>, timestamp: i64, value: &[u8]) {
    out.reserve(value.len() + 8);
    out.extend_from_slice(&timestamp.to_be_bytes());
    out.extend_from_slice(value);
}

/// Splits a timestamped value into timestamp and value.
#[must_use]
pub fn split_timestamped_value(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (timestamp, value) = bytes.split_first_chunk::<8>()?;
    Some((i64::from_be_bytes(*timestamp), value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_timestamp_comes_first_in_big_endian() {
        let mut bytes = Vec::new();
        write_timestamped_value(&mut bytes, 0x0102, b"v");
        assert_eq!(bytes, b"\0\0\0\0\0\0\x01\x02v");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn a_timestamped_value_splits_into_its_parts(timestamp: i64, value: Vec<u8>) {
            let mut bytes = Vec::new();
            write_timestamped_value(&mut bytes, timestamp, &value);
            prop_assert_eq!(split_timestamped_value(&bytes), Some((timestamp, value.as_slice())));
        }

        #[test]
        fn any_bytes_split_or_do_not(bytes: Vec<u8>) {
            prop_assert_eq!(split_timestamped_value(&bytes).is_some(), bytes.len() >= 8);
        }
    }
}
