//! Rows in blocks of memory, found by key: the last row of a key wins.
//!
//! Single rows are not allocated, so that the buffer knows what it takes. What a row that was
//! replaced took stays taken until the buffer is dropped.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Sizes of blocks, unless a row is larger: each as large as all before it, within these.
const BLOCK_BYTES_MIN: usize = 2 * 1024;
const BLOCK_BYTES_MAX: usize = 64 * 1024;
/// Rows that the first allocation has room for.
const ROWS_MIN: usize = 32;

/// Rows by key.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    blocks: Vec<Vec<u8>>,
    rows: Vec<Row>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    block_bytes: usize,
}

/// Position of a row: its key, followed by the value.
#[derive(Clone, Copy, Debug)]
struct Row {
    block: u32,
    start: u32,
    key_len: u32,
    /// `None` is a tombstone.
    value_len: Option<u32>,
    /// Room for a value.
    value_room: u32,
}

impl Buffer {
    /// Sets the row of a key; no value is a tombstone. Returns whether it has room: nothing has
    /// changed otherwise.
    pub(super) fn put(&mut self, key: &[u8], value: Option<&[u8]>) -> bool {
        let size = key.len() + value.map_or(0, <[u8]>::len);
        let Ok(size) = u32::try_from(size) else { return false };
        let Ok(number) = u32::try_from(self.rows.len()) else { return false };
        let hash = self.hasher.hash_one(key);
        let (blocks, rows) = (&self.blocks, &self.rows);
        let is_same = |number: &u32| key_of(blocks, rows, *number) == Some(key);
        let known = self.index.find(hash, is_same).copied();
        let value_len = value.and_then(|value| u32::try_from(value.len()).ok());
        if let Some(row) = known.and_then(|number| self.rows.get_mut(number as usize))
            && value_len.is_none_or(|len| len <= row.value_room)
        {
            let start = (row.start + row.key_len) as usize;
            row.value_len = value_len;
            let value = value.unwrap_or_default();
            let block = self.blocks.get_mut(row.block as usize);
            let room = block.and_then(|block| block.get_mut(start..start + value.len()));
            if let Some(room) = room {
                room.copy_from_slice(value);
            }
            return true;
        }
        let (block, start) = self.append(key, value.unwrap_or_default(), size as usize);
        let key_len = u32::try_from(key.len()).unwrap_or(u32::MAX);
        let row = Row { block, start, key_len, value_len, value_room: value_len.unwrap_or(0) };
        if let Some(known) = known.and_then(|number| self.rows.get_mut(number as usize)) {
            *known = row;
            return true;
        }
        if self.rows.len() == self.rows.capacity() {
            // Not twice as much: what is moved is there twice for a moment.
            self.rows.reserve_exact((self.rows.len() / 16).max(ROWS_MIN));
        }
        self.rows.push(row);
        let (blocks, rows, hasher) = (&self.blocks, &self.rows, &self.hasher);
        self.index.insert_unique(hash, number, |number| {
            hasher.hash_one(key_of(blocks, rows, *number).unwrap_or_default())
        });
        true
    }

    /// Copies a row behind the last one. Returns its block and where it starts.
    fn append(&mut self, key: &[u8], value: &[u8], size: usize) -> (u32, u32) {
        let has_room = |block: &Vec<u8>| block.capacity() - block.len() >= size;
        if !self.blocks.last().is_some_and(has_room) {
            let usual = self.block_bytes.clamp(BLOCK_BYTES_MIN, BLOCK_BYTES_MAX);
            let block = Vec::with_capacity(size.max(usual));
            self.block_bytes += block.capacity();
            self.blocks.push(block);
        }
        let number = u32::try_from(self.blocks.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let Some(block) = self.blocks.last_mut() else { return (0, 0) };
        let start = u32::try_from(block.len()).unwrap_or(u32::MAX);
        block.extend_from_slice(key);
        block.extend_from_slice(value);
        (number, start)
    }

    /// Number of keys.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Bytes of memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        let blocks = self.block_bytes + self.blocks.capacity() * size_of::<Vec<u8>>();
        // When the rows grow, they are there twice for a moment.
        blocks + 2 * self.rows.capacity() * size_of::<Row>() + self.index.allocation_size()
    }

    /// The rows in the order of their keys; no value is a tombstone.
    pub(super) fn sorted(&mut self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        // The numbers in the index are not the rows' any more.
        self.index = HashTable::new();
        let blocks = &self.blocks;
        self.rows.sort_unstable_by(|one, other| row_key(blocks, one).cmp(&row_key(blocks, other)));
        self.rows.iter().filter_map(|row| {
            let key = row_key(blocks, row)?;
            let Some(len) = row.value_len else { return Some((key, None)) };
            let start = (row.start + row.key_len) as usize;
            let value = blocks.get(row.block as usize)?.get(start..start + len as usize)?;
            Some((key, Some(value)))
        })
    }
}

fn row_key<'b>(blocks: &'b [Vec<u8>], row: &Row) -> Option<&'b [u8]> {
    let (start, len) = (row.start as usize, row.key_len as usize);
    blocks.get(row.block as usize)?.get(start..start + len)
}

fn key_of<'b>(blocks: &'b [Vec<u8>], rows: &[Row], number: u32) -> Option<&'b [u8]> {
    row_key(blocks, rows.get(number as usize)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_of_a_key_wins_whether_it_fits_in_place_or_not() {
        let mut buffer = Buffer::default();
        let large = vec![7; BLOCK_BYTES_MAX + 1];
        let rows: [(&[u8], Option<&[u8]>); 8] = [
            (b"shrinks", Some(b"long")),
            (b"grows", Some(b"1")),
            (b"deleted", Some(b"gone")),
            (b"", Some(b"no key")),
            (b"shrinks", Some(b"s")),
            (b"grows", Some(&large)),
            (b"deleted", None),
            (b"never", None),
        ];
        for (key, value) in rows {
            assert!(buffer.put(key, value));
        }
        assert_eq!(buffer.len(), 5);
        let sorted: Vec<_> = buffer.sorted().collect();
        assert_eq!(sorted[0], (&b""[..], Some(&b"no key"[..])));
        assert_eq!(sorted[1], (&b"deleted"[..], None));
        assert_eq!(sorted[2], (&b"grows"[..], Some(&large[..])));
        assert_eq!(sorted[3], (&b"never"[..], None));
        assert_eq!(sorted[4], (&b"shrinks"[..], Some(&b"s"[..])));
    }

    #[test]
    fn a_tombstone_can_be_replaced_by_a_row() {
        let mut buffer = Buffer::default();
        for value in [Some(&b"12"[..]), None, Some(b"3"), None, Some(b"4567")] {
            buffer.put(b"k", value);
        }
        assert_eq!(buffer.sorted().collect::<Vec<_>>(), [(&b"k"[..], Some(&b"4567"[..]))]);
    }

    #[test]
    fn it_knows_what_it_takes() {
        let mut buffer = Buffer::default();
        assert_eq!(buffer.bytes(), 0);
        for number in 0_u32..10_000 {
            buffer.put(&number.to_be_bytes(), Some(&[0; 8]));
        }
        let payload = 10_000 * 12;
        assert!((payload..10 * payload).contains(&buffer.bytes()), "{}", buffer.bytes());
    }
}
