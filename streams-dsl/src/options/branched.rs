//! What becomes of a branch.

use std::fmt;

use super::Named;
use crate::kstream::KStream;

type Consume<K, V> = Box<dyn FnOnce(KStream<K, V>)>;
type Chain<K, V> = Box<dyn FnOnce(KStream<K, V>) -> KStream<K, V>>;

/// What is done with the stream of a branch.
pub(crate) enum Then<K, V> {
    /// It is returned.
    Keep,
    /// It is handed over, and not returned.
    Consume(Consume<K, V>),
    /// What is made of it is returned in its place.
    Chain(Chain<K, V>),
}

/// The name of a branch, and what is done with its stream. Java's `Branched`.
pub struct Branched<K, V> {
    pub(crate) name: Option<Named>,
    pub(crate) then: Then<K, V>,
}

impl<K, V> Branched<K, V> {
    /// The branch is named after the split, followed by this.
    pub fn named(name: impl Into<Named>) -> Self {
        Self { name: Some(name.into()), then: Then::Keep }
    }

    /// The branch is named after the split, followed by its number: 1 for the first, 0 for the
    /// default.
    pub const fn unnamed() -> Self {
        Self { name: None, then: Then::Keep }
    }

    /// Hands the branch over to `consumer`; it is not among what the split returns.
    #[must_use]
    pub fn with_consumer(mut self, consumer: impl FnOnce(KStream<K, V>) + 'static) -> Self {
        self.then = Then::Consume(Box::new(consumer));
        self
    }

    /// The split returns what `function` makes of the branch, in its place.
    #[must_use]
    pub fn with_function(
        mut self,
        function: impl FnOnce(KStream<K, V>) -> KStream<K, V> + 'static,
    ) -> Self {
        self.then = Then::Chain(Box::new(function));
        self
    }
}

impl<K, V> Default for Branched<K, V> {
    fn default() -> Self {
        Self::unnamed()
    }
}

impl<K, V> From<&str> for Branched<K, V> {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

impl<K, V> From<String> for Branched<K, V> {
    fn from(name: String) -> Self {
        Self::named(name)
    }
}

impl<K, V> fmt::Debug for Branched<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Branched({:?})", self.name)
    }
}
