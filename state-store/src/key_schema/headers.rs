//! Values with the headers and the timestamp of the record that made them: `i32 length ‖ headers ‖
//! i64 timestamp ‖ value`.
//!
//! The headers are `i32 n ‖ n × (i32 length ‖ name ‖ i32 length, or -1 for none ‖ value)`. A
//! changelog has them as the headers of its record. Java's stores with headers (KIP-1271) have
//! another layout on disk.

/// A header: its name, and its value unless that is null.
pub type HeaderRef<'a> = (&'a str, Option<&'a [u8]>);

const NULL: i32 = -1;

/// Appends what stands before the timestamp. What is longer than an `i32` can say is left out; no
/// record is so large.
pub fn write_headers<'h>(out: &mut Vec<u8>, headers: impl Iterator<Item = HeaderRef<'h>>) {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    let mut count = 0_i32;
    for (name, value) in headers {
        let (Ok(name_len), Ok(value_len)) =
            (i32::try_from(name.len()), value.map_or(Ok(NULL), |value| i32::try_from(value.len())))
        else {
            continue;
        };
        out.extend_from_slice(&name_len.to_be_bytes());
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&value_len.to_be_bytes());
        out.extend_from_slice(value.unwrap_or_default());
        count += 1;
    }
    let length = i32::try_from(out.len() - start - 4).unwrap_or(0);
    let numbers = [length.to_be_bytes(), count.to_be_bytes()].concat();
    if let Some(place) = out.get_mut(start..start + numbers.len()) {
        place.copy_from_slice(&numbers);
    }
}

/// Splits a value into its headers and what stands behind them: timestamp and value.
#[must_use]
pub fn split_headers(bytes: &[u8]) -> Option<(Vec<HeaderRef<'_>>, &[u8])> {
    let (length, rest) = take_i32(bytes)?;
    let (headers, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let (count, mut headers) = take_i32(headers)?;
    let mut found = Vec::new();
    for _ in 0..count {
        let (name, behind) = take(headers)?;
        let (value, behind) = take(behind)?;
        headers = behind;
        found.push((std::str::from_utf8(name?).ok()?, value));
    }
    (headers.is_empty() && count >= 0).then_some((found, rest))
}

/// Bytes behind their length, and what follows; a null has none.
fn take(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = take_i32(bytes)?;
    if length == NULL {
        return Some((None, rest));
    }
    let (taken, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((Some(taken), rest))
}

fn take_i32(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((i32::from_be_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn headers_come_out_as_they_went_in(
            headers: Vec<(String, Option<Vec<u8>>)>, rest: Vec<u8>,
        ) {
            let headers: Vec<HeaderRef<'_>> =
                headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
            let mut out = Vec::new();
            write_headers(&mut out, headers.iter().copied());
            out.extend_from_slice(&rest);
            prop_assert_eq!(split_headers(&out), Some((headers, rest.as_slice())));
        }

        #[test]
        fn any_bytes_are_split_or_not(bytes: Vec<u8>) {
            drop(split_headers(&bytes));
        }
    }
}
