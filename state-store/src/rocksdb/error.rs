//! Translation of the engine's errors into kinds of failure.
//!
//! The engine gives text: a class, then the operation and file, then the operating system's
//! message.

use std::path::Path;

use crate::{Error, ErrorKind};

/// The operation that failed, and its database.
pub(super) struct Context<'a> {
    pub(super) doing: &'static str,
    pub(super) directory: &'a Path,
}

impl Context<'_> {
    pub(super) fn error(&self, error: ::rocksdb::Error) -> Error {
        let Self { doing, directory } = *self;
        let kind = kind(&error.kind(), error.as_ref());
        let directory_name = directory.display();
        let context = match kind {
            ErrorKind::DiskFull => return Error::disk_full(directory).with_source(error),
            ErrorKind::Locked => return Error::locked(directory).with_source(error),
            ErrorKind::Corrupt => format!(
                "the state in {directory_name} is damaged; remove it to restore the task anew"
            ),
            _ => format!("failed to {doing} the state in {directory_name}"),
        };
        Error::new(kind, context).with_source(error)
    }
}

fn kind(class: &::rocksdb::ErrorKind, message: &str) -> ErrorKind {
    let says = |text: &str| message.contains(text);
    let full = says("No space left on device")
        || says("Disk quota exceeded")
        || says("Space limit reached")
        || says("not enough space");
    if full {
        return ErrorKind::DiskFull;
    }
    // "IO error: While lock file: …/LOCK: Resource temporarily unavailable" from another process,
    // "IO error: lock hold by current process, acquire time …" from this one.
    if says("While lock file") || says("lock hold by current process") {
        return ErrorKind::Locked;
    }
    match class {
        ::rocksdb::ErrorKind::Corruption => ErrorKind::Corrupt,
        ::rocksdb::ErrorKind::IOError => ErrorKind::Io,
        ::rocksdb::ErrorKind::InvalidArgument => ErrorKind::InvalidArgument,
        _ => ErrorKind::Engine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_failures_of_the_file_system() {
        let io = ::rocksdb::ErrorKind::IOError;
        let append = "IO error: No space left on device: While appending to file: /data/000012.sst";
        assert_eq!(kind(&io, append), ErrorKind::DiskFull);
        assert_eq!(kind(&io, "IO error: Space limit reached"), ErrorKind::DiskFull);
        let denied = "IO error: Permission denied: While opening a file for sequentially reading";
        assert_eq!(kind(&io, denied), ErrorKind::Io);
    }

    #[test]
    fn a_lock_is_told_whoever_holds_it() {
        let io = ::rocksdb::ErrorKind::IOError;
        let other = "IO error: While lock file: /data/LOCK: Resource temporarily unavailable";
        assert_eq!(kind(&io, other), ErrorKind::Locked);
        let own = "IO error: lock hold by current process, acquire time 1 acquiring thread 2";
        assert_eq!(kind(&io, own), ErrorKind::Locked);
    }

    #[test]
    fn damage_and_the_rest_keep_their_class() {
        let corruption = ::rocksdb::ErrorKind::Corruption;
        assert_eq!(kind(&corruption, "Corruption: block checksum mismatch"), ErrorKind::Corrupt);
        let busy = ::rocksdb::ErrorKind::Busy;
        assert_eq!(kind(&busy, "Resource busy: "), ErrorKind::Engine);
    }
}
