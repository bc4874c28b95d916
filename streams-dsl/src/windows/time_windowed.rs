//! The bytes of windowed keys on a topic: the key, then the window's start as a big-endian `i64`.

use std::{fmt, sync::Arc, time::Duration};

use streams_core::{
    BoxError,
    serde::{Serde, SerdeRef, UnexpectedNull, Written},
    time::duration_ms,
};

use super::{Window, Windowed};

/// Writes and reads the keys of time windows. Java's `TimeWindowedSerde`.
pub struct TimeWindowedSerde<K> {
    inner: SerdeRef<K>,
    size_ms: i64,
}

/// The serde of keys in time windows of `size`, made of that of the keys. The bytes have the
/// window's start but not its end: that is `size` later.
///
/// ```
/// use std::time::Duration;
/// use streams_core::serde::string;
/// use streams_dsl::{Window, time_windowed};
///
/// let serde = time_windowed(string(), Duration::from_secs(10));
/// let key = serde.deserialize("topic", Some(b"A\0\0\0\0\0\0\x27\x10"))?;
/// assert_eq!((key.key.as_str(), key.window), ("A", Window::new(10_000, 20_000)));
/// # Ok::<(), streams_core::BoxError>(())
/// ```
pub fn time_windowed<K: 'static>(inner: SerdeRef<K>, size: Duration) -> SerdeRef<Windowed<K>> {
    Arc::new(TimeWindowedSerde { inner, size_ms: duration_ms(size) })
}

impl<K> Serde<Windowed<K>> for TimeWindowedSerde<K> {
    fn serialize(
        &self,
        topic: &str,
        data: &Windowed<K>,
        out: &mut Vec<u8>,
    ) -> Result<Written, BoxError> {
        if self.inner.serialize(topic, &data.key, out)? == Written::Null {
            return Err("the key in a window is null".into());
        }
        out.extend_from_slice(&data.window.start.to_be_bytes());
        Ok(Written::Bytes)
    }

    fn deserialize(&self, topic: &str, data: Option<&[u8]>) -> Result<Windowed<K>, BoxError> {
        let data = data.ok_or(UnexpectedNull)?;
        let Some((key, start)) = data.split_last_chunk() else {
            return Err(
                format!("{} bytes are too few for the start of a window", data.len()).into()
            );
        };
        let start = i64::from_be_bytes(*start);
        if start < 0 {
            return Err(format!("a window can't start at {start}, before the epoch").into());
        }
        let key = self.inner.deserialize(topic, Some(key))?;
        Ok(Windowed::new(key, Window::new(start, start.saturating_add(self.size_ms))))
    }
}

impl<K> fmt::Debug for TimeWindowedSerde<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeWindowedSerde({} ms)", self.size_ms)
    }
}

#[cfg(test)]
mod tests {
    use streams_core::serde::{option, string};

    use super::*;

    /// Key, start and bytes as Java writes them.
    const VECTORS: &[(&str, i64, &[u8])] = &[
        ("A", 0, b"\x41\0\0\0\0\0\0\0\0"),
        ("A", 10_000, b"\x41\0\0\0\0\0\0\x27\x10"),
        ("A", 1_700_000_000_000, b"\x41\0\0\x01\x8b\xcf\xe5\x68\0"),
        ("", 0, b"\0\0\0\0\0\0\0\0"),
        ("", 10_000, b"\0\0\0\0\0\0\x27\x10"),
        ("abc", 1_700_000_000_000, b"abc\0\0\x01\x8b\xcf\xe5\x68\0"),
    ];

    #[test]
    fn the_bytes_are_those_of_java() {
        let serde = time_windowed(string(), Duration::from_secs(10));
        for (key, start, bytes) in VECTORS {
            let windowed = Windowed::new((*key).to_owned(), Window::new(*start, start + 10_000));
            let mut out = Vec::new();
            assert_eq!(serde.serialize("t", &windowed, &mut out).unwrap(), Written::Bytes);
            assert_eq!(out, *bytes, "{windowed}");
            assert_eq!(serde.deserialize("t", Some(bytes)).unwrap(), windowed);
        }
    }

    #[test]
    fn what_is_no_windowed_key_is_an_error() {
        let serde = time_windowed(string(), Duration::from_secs(10));
        assert!(serde.deserialize("t", None).is_err());
        assert!(serde.deserialize("t", Some(b"short")).is_err());
        assert!(serde.deserialize("t", Some(&[0xff; 9])).is_err());
        let serde = time_windowed(option(string()), Duration::from_secs(10));
        let windowed = Windowed::new(None, Window::new(0, 10_000));
        assert!(serde.serialize("t", &windowed, &mut Vec::new()).is_err());
    }
}
