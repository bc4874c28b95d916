//! Headers as bytes: laid out as in a record of Kafka's format 2, so that fetched ones are read in
//! place.
//!
//! Each header has the length of its name, the name, the length of its value and the value. Lengths
//! are numbers of variable length (seven bits per byte, the least significant first, zigzag-coded);
//! -1 stands for a null.

/// Largest size of a length, which is a number of 32 bits.
const LENGTH_BYTES_MAX: usize = 5;

/// Appends a header to `buffer`.
pub(super) fn write(buffer: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    write_part(buffer, Some(name.as_bytes()));
    write_part(buffer, value);
}

fn write_part(buffer: &mut Vec<u8>, part: Option<&[u8]>) {
    let Some(part) = part else { return buffer.push(1) };
    let mut rest = (part.len() as u64) << 1;
    while rest >= 0x80 {
        buffer.push(low_byte(rest) | 0x80);
        rest >>= 7;
    }
    buffer.push(low_byte(rest));
    buffer.extend_from_slice(part);
}

fn low_byte(value: u64) -> u8 {
    let [.., low] = value.to_be_bytes();
    low
}

/// A known number of headers in bytes, read in sequence.
#[derive(Clone, Debug)]
pub(super) struct HeaderReader<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> HeaderReader<'a> {
    pub(super) const fn new(bytes: &'a [u8], headers: usize) -> Self {
        Self { rest: bytes, left: headers }
    }

    fn read(&mut self) -> Option<(&'a str, Option<&'a [u8]>)> {
        let name = read_part(&mut self.rest)??;
        let value = read_part(&mut self.rest)?;
        Some((std::str::from_utf8(name).unwrap_or_default(), value))
    }
}

impl<'a> Iterator for HeaderReader<'a> {
    type Item = (&'a str, Option<&'a [u8]>);

    /// The next header. A truncated one, which the reader of the batch has ruled out, is empty.
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some(self.read().unwrap_or_default())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for HeaderReader<'_> {}

#[expect(clippy::option_option, reason = "bytes that end early are not a null")]
fn read_part<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let mut folded = 0_u64;
    for index in 0..LENGTH_BYTES_MAX {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        folded |= u64::from(*byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            if folded == 1 {
                return Some(None);
            }
            // Any other odd number is negative.
            let length = usize::try_from(folded >> 1).ok().filter(|_| folded & 1 == 0)?;
            let (part, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            return Some(Some(part));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes are worked out by hand, following Java's `DefaultRecord.writeTo`.
    #[test]
    fn headers_lie_as_in_a_record_of_format_2() {
        let zeros = [0; 64];
        let mut expected = vec![2, b'a', 4, b'x', b'y', 0, 1, 2, b'b', 0x80, 0x01];
        expected.extend(zeros);
        let headers = [("a", Some(&b"xy"[..])), ("", None), ("b", Some(&zeros[..]))];
        let mut bytes = Vec::new();
        for (name, value) in headers {
            write(&mut bytes, name, value);
        }
        assert_eq!(bytes, expected);
        let reader = HeaderReader::new(&bytes, 3);
        assert_eq!(reader.len(), 3);
        assert!(reader.eq(headers));
    }

    #[test]
    fn a_header_that_is_cut_short_or_malformed_reads_as_empty() {
        let malformed: [&[u8]; 6] =
            [&[], &[2], &[2, b'a', 3], &[1, 0], &[0x80, 0x80, 0x80, 0x80, 0x80, 0], &[4, b'a']];
        for bytes in malformed {
            assert!(HeaderReader::new(bytes, 1).eq([("", None)]), "{bytes:?}");
        }
        assert!(HeaderReader::new(&[2, 0xff, 0], 1).eq([("", Some(&[][..]))]));
    }
}
