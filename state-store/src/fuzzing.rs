//! Decoders of this crate that are not public, for the fuzz targets. Not part of the API.

use uuid::Uuid;

use crate::directory::process;

/// The process id in the bytes of a state directory's process file.
///
/// # Errors
///
/// A description of the mistake in the text.
pub fn parse_process_file(bytes: &[u8]) -> serde_json::Result<Uuid> {
    process::parse(bytes)
}

/// The bytes of the process file.
///
/// # Errors
///
/// None that is known of.
pub fn format_process_file(process_id: Uuid) -> serde_json::Result<Vec<u8>> {
    process::format(process_id)
}
