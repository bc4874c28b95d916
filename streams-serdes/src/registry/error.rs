//! Errors of a registry, and the remedy of each.

use std::fmt;

/// An error of a [`SchemaRegistry`](crate::SchemaRegistry): what was asked, of which URL, what came
/// back, what to do.
///
/// A handler of records finds it as the root of an error's causes:
/// `error.root_cause().downcast_ref::<RegistryError>()`.
#[derive(Clone, Debug)]
pub struct RegistryError(Box<(RegistryErrorKind, String)>);

/// Kind of a [`RegistryError`], which says what the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistryErrorKind {
    /// The registry did not answer, or said that it can't for now: it was asked again for a while.
    /// Start it, or correct its URL; the record can be read or written then.
    Unreachable,
    /// No TLS connection comes about: the registry's certificate is not trusted, not for this host
    /// or not valid now, the registry refuses the client's, or one side alone speaks TLS. Correct
    /// the certificates or the URL.
    Tls,
    /// The registry refuses these credentials. Correct them.
    Unauthorized,
    /// No schema has the id that the record names. It was written with another registry, or has
    /// been deleted there.
    UnknownId,
    /// The subject is not there, or does not have the schema. Register it, or permit the serde to.
    UnknownSubject,
    /// The schema can't follow those of the subject. Make it compatible, or change what the subject
    /// demands.
    Incompatible,
    /// The registry does not take the schema as one.
    InvalidSchema,
    /// The registry said something else; the text has it.
    Unexpected,
}

impl RegistryError {
    pub(crate) fn new(kind: RegistryErrorKind, text: String) -> Self {
        Self(Box::new((kind, text)))
    }

    /// Kind of the failure, which says what the caller can do.
    pub fn kind(&self) -> RegistryErrorKind {
        self.0.0
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.1)
    }
}

impl std::error::Error for RegistryError {}
