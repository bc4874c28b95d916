//! What an aggregating node computes: the parts in which count, reduce and aggregate differ.

use streams_core::BoxError;

use super::Nullable;

/// Folds the records of a key, one by one, into an aggregate of type `VA`.
pub(crate) trait Aggregation<K, V, VA>: Send + Sync + 'static {
    /// The aggregate that a key has before its first record, if there is one.
    fn initial(&self) -> Result<Option<VA>, BoxError>;

    /// The aggregate after one more record; `None` deletes it. `aggregate` is what is stored, else
    /// what [`initial`](Self::initial) returned.
    fn add(&self, key: &K, value: &V, aggregate: Option<VA>) -> Result<Option<VA>, BoxError>;
}

/// Counts records, with or without a value.
pub(crate) struct Count;

impl<K, V> Aggregation<K, V, i64> for Count {
    fn initial(&self) -> Result<Option<i64>, BoxError> {
        Ok(Some(0))
    }

    fn add(&self, _key: &K, _value: &V, count: Option<i64>) -> Result<Option<i64>, BoxError> {
        Ok(Some(count.unwrap_or(0) + 1))
    }
}

/// Begins with the first value and combines it with each further one by `reducer(aggregate,
/// value)`.
///
/// In a window a value may be null: a null first value stores nothing, a later one is shown to the
/// reducer.
pub(crate) struct Reduce<F> {
    /// The user's reducer.
    pub(crate) reducer: F,
}

impl<K, V, VA, F> Aggregation<K, V, VA> for Reduce<F>
where
    V: Nullable<VA>,
    VA: Clone,
    F: Fn(VA, &V) -> Result<Option<VA>, BoxError> + Send + Sync + 'static,
{
    fn initial(&self) -> Result<Option<VA>, BoxError> {
        Ok(None)
    }

    fn add(&self, _key: &K, value: &V, aggregate: Option<VA>) -> Result<Option<VA>, BoxError> {
        match aggregate {
            Some(aggregate) => (self.reducer)(aggregate, value),
            None => Ok(value.as_value().cloned()),
        }
    }
}

/// Begins with `initializer()` and folds each value in by `aggregator(key, value, aggregate)`.
pub(crate) struct Aggregate<I, F> {
    /// The user's initializer.
    pub(crate) initializer: I,
    /// The user's aggregator.
    pub(crate) aggregator: F,
}

impl<K, V, VA, I, F> Aggregation<K, V, VA> for Aggregate<I, F>
where
    I: Fn() -> Result<VA, BoxError> + Send + Sync + 'static,
    F: Fn(&K, &V, VA) -> Result<Option<VA>, BoxError> + Send + Sync + 'static,
{
    fn initial(&self) -> Result<Option<VA>, BoxError> {
        (self.initializer)().map(Some)
    }

    fn add(&self, key: &K, value: &V, aggregate: Option<VA>) -> Result<Option<VA>, BoxError> {
        let aggregate = match aggregate {
            Some(aggregate) => aggregate,
            None => (self.initializer)()?,
        };
        (self.aggregator)(key, value, aggregate)
    }
}
