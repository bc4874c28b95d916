//! The primitive values of both protocols: big-endian, preceded by lengths.
//!
//! Invariant: a reader never trusts a length; it fails on bytes that end too early.

use uuid::Uuid;

use crate::{Error, ErrorKind, Result};

/// Appends values.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn i8(&mut self, value: i8) {
        self.0.extend(value.to_be_bytes());
    }

    pub(super) fn i16(&mut self, value: i16) {
        self.0.extend(value.to_be_bytes());
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.0.extend(value.to_be_bytes());
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.0.extend(value.to_be_bytes());
    }

    /// Begins an extension after the part that all readers know.
    pub(super) fn mark(&mut self, mark: [u8; 8]) {
        self.0.extend_from_slice(&mark);
    }

    pub(super) fn uuid(&mut self, value: Uuid) {
        self.0.extend(value.as_bytes());
    }

    /// The number of elements that follow; there are never more than the type can hold.
    pub(super) fn count(&mut self, count: usize) {
        self.i32(i32::try_from(count).unwrap_or(i32::MAX));
    }

    /// Bytes with a 4-byte length.
    pub(super) fn bytes(&mut self, value: &[u8]) {
        self.count(value.len());
        self.0.extend(value);
    }

    /// A text with a 2-byte length, or length -1. Topic and rack names are short enough for it.
    pub(super) fn string(&mut self, value: Option<&str>) {
        match value {
            Some(text) => {
                self.i16(i16::try_from(text.len()).unwrap_or(i16::MAX));
                self.0.extend(text.as_bytes());
            }
            None => self.i16(-1),
        }
    }

    /// Java's modified UTF-8 with a 2-byte length, as written by `DataOutputStream.writeUTF`.
    pub(super) fn utf(&mut self, text: &str) {
        let mut encoded = Vec::with_capacity(text.len());
        for unit in text.encode_utf16() {
            let [high, low] = unit.to_be_bytes();
            let continuation = 0x80 | (low & 0x3f);
            let middle = ((high & 0x0f) << 2) | (low >> 6);
            match unit {
                0x01..=0x7f => encoded.push(low),
                0 | 0x80..=0x7ff => encoded.extend([0xc0 | middle, continuation]),
                _ => encoded.extend([0xe0 | (high >> 4), 0x80 | middle, continuation]),
            }
        }
        let length = u16::try_from(encoded.len()).unwrap_or(u16::MAX);
        self.0.extend(length.to_be_bytes());
        self.0.extend(encoded);
    }
}

/// Takes values from the front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`, which errors call `what`.
    pub(super) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, rest: bytes }
    }

    /// The rest of the bytes, if it begins with this mark. Readers that don't know the mark stop
    /// before it.
    pub(super) fn behind_mark(mut self, mark: [u8; 8]) -> Option<Self> {
        (self.take::<8>().ok()? == mark).then_some(self)
    }

    pub(super) fn malformed(&self, why: &str) -> Error {
        let text = format!("malformed {} of a group member: {why}", self.what);
        Error::new(ErrorKind::Fatal, text)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.malformed("it ends too early"));
        };
        self.rest = rest;
        Ok(*taken)
    }

    fn slice(&mut self, length: usize) -> Result<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(self.malformed("it ends too early"));
        };
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn i8(&mut self) -> Result<i8> {
        self.take().map(i8::from_be_bytes)
    }

    pub(super) fn i16(&mut self) -> Result<i16> {
        self.take().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32> {
        self.take().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64> {
        self.take().map(i64::from_be_bytes)
    }

    pub(super) fn uuid(&mut self) -> Result<Uuid> {
        self.take().map(Uuid::from_bytes)
    }

    /// A number of elements.
    pub(super) fn count(&mut self) -> Result<usize> {
        usize::try_from(self.i32()?).map_err(|_| self.malformed("a count is negative"))
    }

    /// Bytes with a 4-byte length; length -1 reads as none.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8]> {
        match self.i32()? {
            -1 => Ok(&[]),
            length => {
                let length = usize::try_from(length);
                let length = length.map_err(|_| self.malformed("a length is negative"))?;
                self.slice(length)
            }
        }
    }

    /// A text with a 2-byte length, or `None` for length -1.
    pub(super) fn string(&mut self) -> Result<Option<&'a str>> {
        match self.i16()? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length);
                let length = length.map_err(|_| self.malformed("a length is negative"))?;
                let bytes = self.slice(length)?;
                self.text(bytes).map(Some)
            }
        }
    }

    /// The bytes as text.
    pub(super) fn text(&self, bytes: &'a [u8]) -> Result<&'a str> {
        std::str::from_utf8(bytes).map_err(|_| self.malformed("a text is not UTF-8"))
    }

    /// Java's modified UTF-8 with a 2-byte length.
    pub(super) fn utf(&mut self) -> Result<String> {
        let length = usize::from(u16::from_be_bytes(self.take()?));
        let mut bytes = Reader::new(self.what, self.slice(length)?);
        let mut units = Vec::with_capacity(length);
        while !bytes.rest.is_empty() {
            let [first] = bytes.take()?;
            let unit = match first {
                0..0x80 => u16::from(first),
                0xc0..0xe0 => {
                    let [second] = bytes.take()?;
                    (u16::from(first & 0x1f) << 6) | u16::from(second & 0x3f)
                }
                _ => {
                    let [second, third] = bytes.take()?;
                    (u16::from(first & 0x0f) << 12)
                        | (u16::from(second & 0x3f) << 6)
                        | u16::from(third & 0x3f)
                }
            };
            units.push(unit);
        }
        String::from_utf16(&units).map_err(|_| self.malformed("a text is not UTF-8"))
    }

    /// Characters of two bytes with a 4-byte count, as written by `DataOutputStream.writeChars`.
    pub(super) fn chars(&mut self) -> Result<String> {
        let count = self.count()?;
        let mut units = Vec::new();
        for _ in 0..count {
            units.push(u16::from_be_bytes(self.take()?));
        }
        String::from_utf16(&units).map_err(|_| self.malformed("a text is not UTF-16"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_any_characters_is_read_as_it_was_written() {
        let text = "a\0ü€😀";
        let mut writer = Writer::default();
        writer.utf(text);
        let bytes = writer.into_bytes();
        // 1 + 2 (a null is two bytes) + 2 + 3 + 6 (a pair of surrogates).
        assert_eq!(bytes.len(), 2 + 14);
        assert_eq!(Reader::new("text", &bytes).utf().unwrap(), text);
    }
}
