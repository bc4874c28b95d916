//! The bytes of the keys of sessions on a topic: the key, then the session's end and its start as
//! big-endian `i64`s.

use std::{fmt, sync::Arc};

use streams_core::{
    BoxError,
    serde::{Serde, SerdeRef, UnexpectedNull, Written},
};

use super::{Window, Windowed};

/// Writes and reads the keys of sessions. Java's `SessionWindowedSerde`.
pub struct SessionWindowedSerde<K> {
    inner: SerdeRef<K>,
}

/// The serde of keys in sessions, made of that of the keys.
///
/// ```
/// use streams_core::serde::string;
/// use streams_dsl::{Window, session_windowed};
///
/// let serde = session_windowed(string());
/// let key = serde.deserialize("topic", Some(b"A\0\0\0\0\0\0\x27\x10\0\0\0\0\0\0\0\x05"))?;
/// assert_eq!((key.key.as_str(), key.window), ("A", Window::new(5, 10_000)));
/// # Ok::<(), streams_core::BoxError>(())
/// ```
pub fn session_windowed<K: 'static>(inner: SerdeRef<K>) -> SerdeRef<Windowed<K>> {
    Arc::new(SessionWindowedSerde { inner })
}

impl<K> Serde<Windowed<K>> for SessionWindowedSerde<K> {
    fn serialize(
        &self,
        topic: &str,
        data: &Windowed<K>,
        out: &mut Vec<u8>,
    ) -> Result<Written, BoxError> {
        if self.inner.serialize(topic, &data.key, out)? == Written::Null {
            return Err("the key of a session is null".into());
        }
        out.extend_from_slice(&data.window.end.to_be_bytes());
        out.extend_from_slice(&data.window.start.to_be_bytes());
        Ok(Written::Bytes)
    }

    fn deserialize(&self, topic: &str, data: Option<&[u8]>) -> Result<Windowed<K>, BoxError> {
        let data = data.ok_or(UnexpectedNull)?;
        let parts = data
            .split_last_chunk()
            .and_then(|(front, start)| Some((front.split_last_chunk()?, start)));
        let Some(((key, end), start)) = parts else {
            let text =
                format!("{} bytes are too few for the start and end of a session", data.len());
            return Err(text.into());
        };
        let window = Window::new(i64::from_be_bytes(*start), i64::from_be_bytes(*end));
        if window.start < 0 || window.end < window.start {
            return Err(format!("{window} can't be a session").into());
        }
        Ok(Windowed::new(self.inner.deserialize(topic, Some(key))?, window))
    }
}

impl<K> fmt::Debug for SessionWindowedSerde<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionWindowedSerde")
    }
}

#[cfg(test)]
mod tests {
    use streams_core::serde::{option, string};

    use super::*;

    /// Key, start, end and bytes as Java writes them.
    const VECTORS: &[(&str, i64, i64, &[u8])] = &[
        ("A", 0, 10_000, b"\x41\0\0\0\0\0\0\x27\x10\0\0\0\0\0\0\0\0"),
        ("", 10_000, 10_000, b"\0\0\0\0\0\0\x27\x10\0\0\0\0\0\0\x27\x10"),
    ];

    #[test]
    fn the_end_comes_before_the_start() {
        let serde = session_windowed(string());
        for (key, start, end, bytes) in VECTORS {
            let windowed = Windowed::new((*key).to_owned(), Window::new(*start, *end));
            let mut out = Vec::new();
            assert_eq!(serde.serialize("t", &windowed, &mut out).unwrap(), Written::Bytes);
            assert_eq!(out, *bytes, "{windowed}");
            assert_eq!(serde.deserialize("t", Some(bytes)).unwrap(), windowed);
        }
    }

    #[test]
    fn what_is_no_key_of_a_session_is_an_error() {
        let serde = session_windowed(string());
        assert!(serde.deserialize("t", None).is_err());
        assert!(serde.deserialize("t", Some(b"fifteen bytes !")).is_err());
        assert!(serde.deserialize("t", Some(&[0xff; 17])).is_err());
        let serde = session_windowed(option(string()));
        let windowed = Windowed::new(None, Window::new(0, 10_000));
        assert!(serde.serialize("t", &windowed, &mut Vec::new()).is_err());
    }
}
