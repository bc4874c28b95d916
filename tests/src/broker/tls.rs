//! The files that a client with TLS is configured with.

use std::path::{Path, PathBuf};

/// The files that a client with TLS is configured with, all PEM.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate of the authority that signed the broker's, to trust.
    pub authority: PathBuf,
    /// The certificate of an authority that signed nothing here: a client that trusts it alone must
    /// refuse the broker.
    pub stranger_authority: PathBuf,
    /// A certificate of the client `carol`, for the address that demands one.
    pub client_certificate: PathBuf,
    /// The client's key, not encrypted.
    pub client_key: PathBuf,
}

impl Tls {
    pub(super) fn in_directory(directory: &Path) -> Self {
        Self {
            authority: directory.join("ca.crt"),
            stranger_authority: directory.join("stranger-ca.crt"),
            client_certificate: directory.join("client.crt"),
            client_key: directory.join("client.key"),
        }
    }
}
