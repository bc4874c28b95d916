//! Snappy in the frames of Java's `snappy-java`: a magic number and two versions, then blocks with
//! their lengths.
//!
//! Producers in other languages send a single block without a frame, which Java reads too.

use std::io;

use super::compression::too_long;

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// Version and the oldest version that reads it.
const VERSIONS: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];
/// Uncompressed bytes of a block, Java's default.
const BLOCK_BYTES: usize = 32 << 10;

/// Appends `records`, compressed and framed, to `buffer`.
pub(super) fn compress(records: &[u8], buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.extend_from_slice(&MAGIC);
    buffer.extend_from_slice(&VERSIONS);
    let mut encoder = snap::raw::Encoder::new();
    let mut block = vec![0; snap::raw::max_compress_len(BLOCK_BYTES)];
    for chunk in records.chunks(BLOCK_BYTES) {
        let len = encoder.compress(chunk, &mut block)?;
        let length = u32::try_from(len).map_err(|_| too_long())?;
        buffer.extend_from_slice(&length.to_be_bytes());
        buffer.extend_from_slice(block.get(..len).unwrap_or_default());
    }
    Ok(())
}

/// Decompresses `compressed`, framed or not.
pub(super) fn decompress(compressed: &[u8], bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut decompressed = Vec::new();
    let Some(mut rest) =
        compressed.strip_prefix(&MAGIC).and_then(|framed| framed.get(VERSIONS.len()..))
    else {
        append(compressed, bytes_max, &mut decompressed)?;
        return Ok(decompressed);
    };
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| too_long())?;
        let block = behind.get(..length).ok_or(io::ErrorKind::UnexpectedEof)?;
        append(block, bytes_max, &mut decompressed)?;
        rest = behind.get(length..).unwrap_or_default();
    }
    Ok(decompressed)
}

/// Decompresses a block and appends it.
fn append(block: &[u8], bytes_max: u64, decompressed: &mut Vec<u8>) -> io::Result<()> {
    let len = snap::raw::decompress_len(block)?;
    let from = decompressed.len();
    // A byte of Snappy stands for no more than 64, in copies of three bytes; a block that claims
    // more is malformed.
    if (from + len) as u64 > bytes_max || len / 64 > block.len() {
        return Err(too_long());
    }
    decompressed.resize(from + len, 0);
    let into = decompressed.get_mut(from..).unwrap_or_default();
    snap::raw::Decoder::new().decompress(block, into)?;
    Ok(())
}
