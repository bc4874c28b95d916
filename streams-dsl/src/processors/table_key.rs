//! Which streams can look a table up by their key.

/// A table keyed by `Self` can be joined by a stream keyed by `K`: `K` is the same type, or an
/// `Option` of it.
///
/// A stream record whose key is null has no row in the table: an inner join drops it, a left join
/// joins it with nothing.
#[diagnostic::on_unimplemented(
    message = "a stream keyed by `{K}` cannot join a table keyed by `{Self}`",
    label = "the keys of both sides must be of one type",
    note = "re-key the stream first, with `select_key`"
)]
pub trait TableKey<K>: Sized {
    /// The table's key in a stream's key, unless that is null.
    fn of(key: &K) -> Option<&Self>;
}

impl<K> TableKey<K> for K {
    #[inline]
    fn of(key: &K) -> Option<&K> {
        Some(key)
    }
}

impl<K> TableKey<Option<K>> for K {
    #[inline]
    fn of(key: &Option<K>) -> Option<&K> {
        key.as_ref()
    }
}
