//! Decoders of this crate that are not public, for the fuzz targets. Not part of the API.

use streams_core::serde::SerdeRef;

use crate::{Change, change};

/// The serde of a table's changes on a repartition topic; with `split`, as while upgrading from 3.4
/// or older.
pub fn changed<V: 'static>(inner: SerdeRef<V>, split: bool) -> SerdeRef<Change<V>> {
    change::changed(inner, split)
}
