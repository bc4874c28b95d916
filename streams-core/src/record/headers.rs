//! Record headers.

/// The headers of a record, in order; names may repeat and a value may be null.
///
/// Java's `org.apache.kafka.common.header.Headers`.
///
/// ```
/// use streams_core::Headers;
///
/// let mut headers = Headers::new();
/// headers.add("trace", Some(b"t-1"));
/// headers.add("trace", Some(b"t-2"));
/// assert_eq!(headers.last("trace"), Some(Some(&b"t-2"[..])));
/// headers.remove("trace");
/// assert!(headers.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<Header>);

type Header = (Box<str>, Option<Box<[u8]>>);

/// Overhead of the allocator for shared headers.
const HEAP_BYTES: usize = 64;

impl Headers {
    /// Creates empty headers; does not allocate.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Appends a header.
    pub fn add(&mut self, name: &str, value: Option<&[u8]>) {
        self.0.push((name.into(), value.map(Into::into)));
    }

    /// Removes all headers of this name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(key, _)| **key != *name);
    }

    /// The value of the last header with this name: `None` if there is none, `Some(None)` if it is
    /// null.
    pub fn last(&self, name: &str) -> Option<Option<&[u8]>> {
        self.iter().rfind(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// All headers, in order.
    pub fn iter(
        &self,
    ) -> impl DoubleEndedIterator<Item = (&str, Option<&[u8]>)> + ExactSizeIterator + Clone {
        self.0.iter().map(|(name, value)| (&**name, value.as_deref()))
    }

    /// Number of headers.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no headers.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Approximate size in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let of =
            |(name, value): &Header| name.len() + value.as_ref().map_or(0, |value| value.len());
        self.0.iter().map(of).sum::<usize>() + self.0.capacity() * size_of::<Header>() + HEAP_BYTES
    }

    /// Removes all headers and keeps the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
