//! Compression of the records of a batch, compatible with Java's clients and brokers.

use std::io::{self, Read, Write};

use super::xerial;
use crate::{Error, ErrorKind, Result};

/// Longest run of records that is decompressed. A batch that a broker accepted was no larger than
/// its socket's limit (100 MB) before compression; anything that claims to be longer would only
/// fill the memory.
const RECORDS_BYTES_MAX: u64 = 128 << 20;

/// Compression of the records of a batch (`compression.type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// No compression.
    #[default]
    None,
    /// Gzip.
    Gzip,
    /// Snappy, in the frames of Java's `snappy-java`.
    Snappy,
    /// LZ4, in its frame format with independent blocks.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// The compression with this name (`compression.type`): `none`, `gzip`, `snappy`, `lz4` or
    /// `zstd`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "none" => Self::None,
            "gzip" => Self::Gzip,
            "snappy" => Self::Snappy,
            "lz4" => Self::Lz4,
            "zstd" => Self::Zstd,
            _ => return None,
        })
    }

    pub(super) fn from_bits(bits: i16) -> Option<Self> {
        Some(match bits {
            0 => Self::None,
            1 => Self::Gzip,
            2 => Self::Snappy,
            3 => Self::Lz4,
            4 => Self::Zstd,
            _ => return None,
        })
    }

    pub(super) fn bits(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// Appends `records`, compressed, to `buffer`. Snappy and LZ4 have no levels here.
    pub(super) fn compress(
        self,
        level: Option<i32>,
        records: &[u8],
        mut buffer: Vec<u8>,
    ) -> io::Result<Vec<u8>> {
        match self {
            Self::None => buffer.extend_from_slice(records),
            Self::Gzip => {
                let level =
                    level.and_then(|level| u32::try_from(level).ok()).filter(|level| *level <= 9);
                let level =
                    level.map_or_else(flate2::Compression::default, flate2::Compression::new);
                let mut encoder = flate2::write::GzEncoder::new(buffer, level);
                encoder.write_all(records)?;
                buffer = encoder.finish()?;
            }
            Self::Snappy => xerial::compress(records, &mut buffer)?,
            Self::Lz4 => {
                use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
                // Java's decoder does not accept blocks that depend on each other.
                let info = FrameInfo::new()
                    .block_mode(BlockMode::Independent)
                    .block_size(BlockSize::Max64KB);
                let mut encoder = FrameEncoder::with_frame_info(info, buffer);
                encoder.write_all(records)?;
                buffer = encoder.finish()?;
            }
            Self::Zstd => {
                let level = level.unwrap_or(zstd::DEFAULT_COMPRESSION_LEVEL);
                let mut encoder = zstd::stream::write::Encoder::new(buffer, level)?;
                encoder.write_all(records)?;
                buffer = encoder.finish()?;
            }
        }
        Ok(buffer)
    }

    /// Decompresses `compressed`; not for [`Compression::None`], whose bytes are already plain.
    ///
    /// # Errors
    /// `Protocol` if it is not compressed this way, or is longer than any batch.
    pub(super) fn decompress(self, compressed: &[u8]) -> Result<Vec<u8>> {
        let decompressed = match self {
            Self::None => Ok(compressed.to_vec()),
            Self::Gzip => read(flate2::read::MultiGzDecoder::new(compressed)),
            Self::Snappy => xerial::decompress(compressed, RECORDS_BYTES_MAX),
            Self::Lz4 => read(lz4_flex::frame::FrameDecoder::new(compressed)),
            Self::Zstd => zstd::stream::read::Decoder::with_buffer(compressed).and_then(read),
        };
        decompressed.map_err(|error| {
            let text = format!("the records can't be decompressed ({self:?})");
            Error::with_source(ErrorKind::Protocol, text, error)
        })
    }
}

/// Reads everything, up to the limit.
fn read(decoder: impl Read) -> io::Result<Vec<u8>> {
    let mut decompressed = Vec::new();
    decoder.take(RECORDS_BYTES_MAX + 1).read_to_end(&mut decompressed)?;
    if decompressed.len() as u64 > RECORDS_BYTES_MAX {
        return Err(too_long());
    }
    Ok(decompressed)
}

pub(super) fn too_long() -> io::Error {
    let text = format!("decompressed they are longer than {RECORDS_BYTES_MAX} bytes");
    io::Error::new(io::ErrorKind::InvalidData, text)
}
