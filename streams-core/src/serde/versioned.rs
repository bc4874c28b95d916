//! Data of several versions in one topic or store, all read as the newest version.

use std::sync::Arc;

use super::{Serde, SerdeRef, Written, not_null};
use crate::BoxError;

/// Precedes the number of the version. No UTF-8 text begins with it, so text without a version can
/// be told apart.
const MARK: u8 = 0xf5;

/// The versions of a type, oldest first, made by [`versioned`] or [`unversioned`];
/// [`serde`](Self::serde) writes the newest and reads all of them.
pub struct Versioned<T> {
    newest: SerdeRef<T>,
    /// Number of the newest version; zero is written without the mark and the number.
    number: u8,
    /// True if data without a number are of the first version.
    unversioned: bool,
    older: Arc<dyn Older<T>>,
}

/// Reads an older version as the newest one.
trait Older<T>: Send + Sync {
    fn read(&self, version: u8, topic: &str, data: &[u8]) -> Result<T, BoxError>;
}

/// The (empty) past of the first version.
struct Nothing;

impl<T> Older<T> for Nothing {
    fn read(&self, version: u8, _: &str, _: &[u8]) -> Result<T, BoxError> {
        Err(format!("there is no version {version} of the data").into())
    }
}

/// The version before the newest, and its predecessors.
struct Upcast<Old, F> {
    old: SerdeRef<Old>,
    number: u8,
    older: Arc<dyn Older<Old>>,
    convert: F,
}

impl<Old, New, F> Older<New> for Upcast<Old, F>
where
    F: Fn(Old) -> New + Send + Sync,
{
    fn read(&self, version: u8, topic: &str, data: &[u8]) -> Result<New, BoxError> {
        let old = if version == self.number {
            self.old.deserialize(topic, Some(data))?
        } else {
            self.older.read(version, topic, data)?
        };
        Ok((self.convert)(old))
    }
}

/// The first version of a type whose data begin with a number from the first record on, at a cost
/// of two bytes. For formats whose bytes do not tell how they were written, such as
/// [`bincode`](super::bincode) and plain Avro, and for stores that outlive a change of their type.
/// Without a counterpart in Java.
///
/// ```
/// use streams_core::serde::{self, Serde};
///
/// // The first program counted in pieces, the next one counts in grams.
/// let first = serde::versioned(serde::long()).serde();
/// let next = serde::versioned(serde::long()).upcast(serde::double(), |pieces| pieces as f64 * 2.5).serde();
///
/// let mut bytes = Vec::new();
/// first.serialize("topic", &4, &mut bytes)?;
/// assert_eq!(bytes, [0xf5, 1, 0, 0, 0, 0, 0, 0, 0, 4]);
/// assert_eq!(next.deserialize("topic", Some(&bytes))?, 10.0);
/// # Ok::<(), streams_core::BoxError>(())
/// ```
pub fn versioned<T: 'static>(first: SerdeRef<T>) -> Versioned<T> {
    Versioned { newest: first, number: 1, unversioned: false, older: Arc::new(Nothing) }
}

/// The version of a type whose existing data have no number; the versions added by
/// [`upcast`](Versioned::upcast) have one. The existing data must be text, such as JSON, or must
/// never begin with the byte `0xf5`; in other formats every row must have a number, by
/// [`versioned`]. Without a counterpart in Java.
///
/// ```
/// use streams_core::serde::{self, Serde};
///
/// let names = serde::unversioned(serde::string()).upcast(serde::string(), |old| old.to_uppercase()).serde();
/// assert_eq!(names.deserialize("topic", Some(b"ann"))?, "ANN");
/// let mut bytes = Vec::new();
/// names.serialize("topic", &"bob".to_owned(), &mut bytes)?;
/// assert_eq!(bytes, b"\xf5\x01bob");
/// assert_eq!(names.deserialize("topic", Some(&bytes))?, "bob");
/// # Ok::<(), streams_core::BoxError>(())
/// ```
pub fn unversioned<T: 'static>(first: SerdeRef<T>) -> Versioned<T> {
    Versioned { newest: first, number: 0, unversioned: true, older: Arc::new(Nothing) }
}

impl<T: 'static> Versioned<T> {
    /// Adds the next version: its serde, and the conversion of data from the version before.
    ///
    /// # Panics
    /// If there are 255 versions already.
    #[must_use]
    #[track_caller]
    pub fn upcast<New: 'static>(
        self,
        new: SerdeRef<New>,
        upcast: impl Fn(T) -> New + Send + Sync + 'static,
    ) -> Versioned<New> {
        let number = self.number.checked_add(1);
        assert!(number.is_some(), "a type has at most 255 versions");
        let older =
            Upcast { old: self.newest, number: self.number, older: self.older, convert: upcast };
        Versioned {
            newest: new,
            number: number.unwrap_or(u8::MAX),
            unversioned: self.unversioned,
            older: Arc::new(older),
        }
    }

    /// The serde that writes the newest version and reads all of them.
    pub fn serde(self) -> SerdeRef<T> {
        Arc::new(self)
    }

    /// Splits bytes into the version and the data after its number.
    fn split<'a>(&self, data: &'a [u8]) -> Result<(u8, &'a [u8]), BoxError> {
        match data {
            [MARK, version, data @ ..] if (1..=self.number).contains(version) => Ok((*version, data)),
            data if self.unversioned && data.first() != Some(&MARK) => Ok((0, data)),
            [MARK, version, ..] => Err(format!(
                "the data are of version {version}, and this program knows versions up to {}: they were written by a \
                 newer one",
                self.number
            )
            .into()),
            _ => Err("the data have no version in front of them; if they are text that was written before there were \
                      versions, begin with `unversioned`"
                .into()),
        }
    }
}

impl<T: 'static> Serde<T> for Versioned<T> {
    fn serialize(&self, topic: &str, data: &T, out: &mut Vec<u8>) -> Result<Written, BoxError> {
        let begin = out.len();
        if self.number > 0 {
            out.extend_from_slice(&[MARK, self.number]);
        }
        let written = self.newest.serialize(topic, data, out);
        if !matches!(written, Ok(Written::Bytes)) {
            out.truncate(begin);
        }
        written
    }

    fn deserialize(&self, topic: &str, data: Option<&[u8]>) -> Result<T, BoxError> {
        let (version, data) = self.split(not_null(data)?)?;
        if version == self.number {
            return self.newest.deserialize(topic, Some(data));
        }
        self.older.read(version, topic, data)
    }
}

impl<T> std::fmt::Debug for Versioned<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Versioned({})", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serde::{double, integer, long, option, string};

    fn bytes_of<T>(serde: &SerdeRef<T>, data: &T) -> Vec<u8> {
        let mut out = Vec::new();
        serde.serialize("t", data, &mut out).unwrap();
        out
    }

    #[test]
    fn every_version_is_read_as_the_newest() {
        let one = || versioned(integer());
        let two = || one().upcast(long(), i64::from);
        let three = two().upcast(string(), |number| number.to_string()).serde();
        for bytes in [bytes_of(&one().serde(), &7), bytes_of(&two().serde(), &7)] {
            assert_eq!(three.deserialize("t", Some(&bytes)).unwrap(), "7");
        }
        assert_eq!(bytes_of(&three, &"7".to_owned()), b"\xf5\x037");
        assert_eq!(three.deserialize("t", Some(b"\xf5\x037")).unwrap(), "7");
    }

    #[test]
    fn a_newer_version_is_an_error_that_says_so() {
        let newer = bytes_of(&versioned(integer()).upcast(long(), i64::from).serde(), &7);
        let error = versioned(integer()).serde().deserialize("t", Some(&newer)).unwrap_err();
        assert!(error.to_string().contains("version 2"), "{error}");
        for bytes in [&b"\xf5\0"[..], b"\xf5", b"", b"text"] {
            assert!(
                versioned(string()).serde().deserialize("t", Some(bytes)).is_err(),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn data_from_before_there_were_versions_are_the_first() {
        let serde = unversioned(string()).upcast(string(), |old| format!("old {old}")).serde();
        assert_eq!(serde.deserialize("t", Some(b"")).unwrap(), "old ");
        assert_eq!(serde.deserialize("t", Some(b"a")).unwrap(), "old a");
        assert_eq!(serde.deserialize("t", Some(b"\xf5\x01a")).unwrap(), "a");
        assert!(serde.deserialize("t", Some(b"\xf5\x02a")).is_err());
        assert_eq!(bytes_of(&unversioned(string()).serde(), &"a".to_owned()), b"a");
    }

    #[test]
    fn a_null_has_no_version() {
        let serde = versioned(option(double())).serde();
        let mut out = b"before".to_vec();
        assert_eq!(serde.serialize("t", &None, &mut out).unwrap(), Written::Null);
        assert_eq!(out, b"before");
        assert_eq!(option(versioned(double()).serde()).deserialize("t", None).unwrap(), None);
    }
}
