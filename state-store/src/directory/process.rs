//! The identity of the process that owns a state directory, which the assignor knows it by after a
//! restart.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Error, Result};

const PROCESS_FILE: &str = "kafka-streams-process-metadata";

/// Java's file to the letter; fields that a later version added are passed over.
#[derive(Serialize, Deserialize)]
struct ProcessMetadata {
    #[serde(rename = "processId")]
    process_id: String,
}

/// Reads the identity of a directory, or gives it a new one.
pub(super) fn load_or_create(directory: &Path) -> Result<Uuid> {
    let path = directory.join(PROCESS_FILE);
    match fs::read(&path) {
        Ok(bytes) => match parse(&bytes) {
            Ok(process_id) => return Ok(process_id),
            Err(error) => {
                // Losing the identity costs a less sticky assignment once, so it is no reason to
                // stop.
                let path = path.display();
                tracing::warn!(%path, %error, "unreadable process metadata is replaced");
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::from_io("read", &path, error)),
    }
    let process_id = Uuid::new_v4();
    store(&path, process_id).map_err(|error| Error::from_io("write", &path, error))?;
    Ok(process_id)
}

/// The identity in the bytes of the file.
pub(crate) fn parse(bytes: &[u8]) -> serde_json::Result<Uuid> {
    let metadata: ProcessMetadata = serde_json::from_slice(bytes)?;
    Uuid::parse_str(&metadata.process_id).map_err(serde::de::Error::custom)
}

/// The bytes of the file.
pub(crate) fn format(process_id: Uuid) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&ProcessMetadata { process_id: process_id.to_string() })
}

/// Replaces the file in one step, so that a crash leaves the old one or the new one.
fn store(path: &Path, process_id: Uuid) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(&format(process_id)?)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}
