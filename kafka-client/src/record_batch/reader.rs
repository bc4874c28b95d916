//! A position in the bytes of a batch's records.

use std::ops::Range;

use super::varint;

/// Moves forward over bytes; it returns spans counted from their beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    end: usize,
}

impl<'a> Reader<'a> {
    /// A reader of the bytes in `range`, at its beginning. `None` if they do not exist.
    pub(super) fn new(bytes: &'a [u8], range: Range<usize>) -> Option<Self> {
        Some(Self { rest: bytes.get(range.clone())?, end: range.end })
    }

    /// Its position.
    pub(super) fn at(&self) -> usize {
        self.end - self.rest.len()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn skip(&mut self, bytes: usize) -> Option<()> {
        self.rest = self.rest.get(bytes..)?;
        Some(())
    }

    pub(super) fn number(&mut self) -> Option<i64> {
        varint::read(&mut self.rest)
    }

    /// A number of 32 bits.
    pub(super) fn int(&mut self) -> Option<i32> {
        i32::try_from(self.number()?).ok()
    }

    /// A length and as many bytes; the inner `None` is a null.
    #[expect(clippy::option_option, reason = "bytes that end early are not a null")]
    pub(super) fn span(&mut self) -> Option<Option<Range<usize>>> {
        let length = self.int()?;
        if length == -1 {
            return Some(None);
        }
        let from = self.at();
        self.skip(usize::try_from(length).ok()?)?;
        Some(Some(from..self.at()))
    }
}
