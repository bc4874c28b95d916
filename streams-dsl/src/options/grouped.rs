//! How records are grouped.

use std::fmt;

use streams_core::serde::SerdeRef;

use super::Named;

/// The name and serdes of a grouping. Java's `Grouped`.
///
/// The name is that of the repartition topic, if there is one, and of the node that changes the
/// key.
pub struct Grouped<K, V> {
    pub(crate) name: Option<Named>,
    pub(crate) key_serde: Option<SerdeRef<K>>,
    pub(crate) value_serde: Option<SerdeRef<V>>,
}

impl<K, V> Grouped<K, V> {
    /// Names the grouping.
    pub fn named(name: impl Into<Named>) -> Self {
        Self { name: Some(name.into()), ..Self::unnamed() }
    }

    /// A generated name.
    pub const fn unnamed() -> Self {
        Self { name: None, key_serde: None, value_serde: None }
    }

    /// Writes keys and values to the repartition topic with these serdes.
    #[must_use]
    pub fn with(self, key: SerdeRef<K>, value: SerdeRef<V>) -> Self {
        self.with_key_serde(key).with_value_serde(value)
    }

    /// The serde of the keys.
    #[must_use]
    pub fn with_key_serde(mut self, serde: SerdeRef<K>) -> Self {
        self.key_serde = Some(serde);
        self
    }

    /// The serde of the values.
    #[must_use]
    pub fn with_value_serde(mut self, serde: SerdeRef<V>) -> Self {
        self.value_serde = Some(serde);
        self
    }
}

impl<K, V> Default for Grouped<K, V> {
    fn default() -> Self {
        Self::unnamed()
    }
}

impl<K, V> From<&str> for Grouped<K, V> {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

impl<K, V> From<String> for Grouped<K, V> {
    fn from(name: String) -> Self {
        Self::named(name)
    }
}

impl<K, V> fmt::Debug for Grouped<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grouped({:?})", self.name)
    }
}
