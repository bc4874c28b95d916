//! A topic and the types of its records, stated once.

use std::{fmt, sync::Arc};

use crate::serde::SerdeRef;

/// A topic's name, with the serdes of its keys and values.
///
/// Accepted wherever a topic is named: a stream or a table reads it, a sink writes it, a test pipes
/// records into it, and the in-process cluster returns its contents. A program thus states name and
/// types of a topic in one line.
///
/// ```
/// use streams_core::{Topic, serde};
///
/// let orders = Topic::new("orders", serde::string(), serde::long());
/// assert_eq!(orders.name(), "orders");
/// assert_eq!(orders.value_serde().deserialize("orders", Some(&[0, 0, 0, 0, 0, 0, 0, 7]))?, 7);
/// # Ok::<(), streams_core::BoxError>(())
/// ```
pub struct Topic<K, V> {
    name: Arc<str>,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
}

impl<K, V> Topic<K, V> {
    /// Names a topic whose keys and values are written and read with these serdes.
    pub fn new(name: impl Into<Arc<str>>, key: SerdeRef<K>, value: SerdeRef<V>) -> Self {
        Self { name: name.into(), key_serde: key, value_serde: value }
    }

    /// Name of the topic on the cluster.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Serde of the keys.
    pub fn key_serde(&self) -> &SerdeRef<K> {
        &self.key_serde
    }

    /// Serde of the values.
    pub fn value_serde(&self) -> &SerdeRef<V> {
        &self.value_serde
    }
}

impl<K, V> Clone for Topic<K, V> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
        }
    }
}

impl<K, V> fmt::Debug for Topic<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic").field("name", &self.name).finish_non_exhaustive()
    }
}
