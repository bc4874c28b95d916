//! Folds of aggregations: the parts in which `count`, `reduce` and `aggregate` differ.

use streams_core::BoxError;

/// Folds the records of a key, one by one, into an aggregate of type `VA`.
pub(crate) trait Aggregation<K, V, VA>: Send + Sync + 'static {
    /// True if the operator takes a number when its store is described but unnamed, as Java's
    /// `count` does.
    const TAKES_A_NUMBER: bool = false;

    /// The aggregate that a key has before its first record, if there is one.
    fn initial(&self) -> Result<Option<VA>, BoxError>;

    /// The aggregate after one more record; `None` deletes it. `aggregate` is what is stored, else
    /// what [`initial`](Self::initial) returned.
    fn add(&self, key: &K, value: &V, aggregate: Option<VA>) -> Result<Option<VA>, BoxError>;

    /// Merges two aggregates of a key, as those of sessions that become one: `one` is the result of
    /// the merges so far, at first that of [`initial`](Self::initial). An error if the program gave
    /// no merger.
    fn merge(&self, key: &K, one: Option<VA>, other: VA) -> Result<Option<VA>, BoxError> {
        let _ = (key, one, other);
        Err("two aggregates would have to become one, and there is no merger".into())
    }
}

/// An aggregation from which a record can be taken back, as the rows of a table are when they
/// change.
pub(crate) trait Reversible<K, V, VA>: Aggregation<K, V, VA> {
    /// The aggregate after one record less; `None` deletes it.
    fn subtract(&self, key: &K, value: &V, aggregate: VA) -> Result<Option<VA>, BoxError>;
}
