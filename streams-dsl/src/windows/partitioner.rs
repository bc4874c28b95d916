//! Partitions of windowed keys.

use std::{cell::Cell, sync::Arc};

use streams_core::{partition_for_key, serde::SerdeRef};

use super::Windowed;
use crate::plan::KeyPartitioner;

/// Partitions windowed keys by their inner key alone, so that all windows of a key are in the
/// partition of the key. Java's `WindowedStreamPartitioner`.
pub(crate) fn windowed_partitioner<K: 'static>(inner: SerdeRef<K>) -> KeyPartitioner<Windowed<K>> {
    thread_local! {
        /// Kept from call to call, so that a record costs no allocation.
        static BYTES: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    }
    Arc::new(move |topic, windowed, partitions| {
        let mut bytes = BYTES.take();
        bytes.clear();
        // The sink has serialised the whole key before it asks, so this can't fail where that did
        // not.
        let written = inner.serialize(topic, &windowed.key, &mut bytes);
        let partition = written.is_ok().then(|| partition_for_key(&bytes, partitions));
        BYTES.set(bytes);
        partition
    })
}

#[cfg(test)]
mod tests {
    use streams_core::serde::string;

    use super::*;
    use crate::windows::Window;

    #[test]
    fn all_windows_of_a_key_are_in_its_partition() {
        let partitioner = windowed_partitioner(string());
        for start in [0, 10_000, 1_700_000_000_000] {
            let key = Windowed::new("customer-42".to_owned(), Window::new(start, start + 10_000));
            assert_eq!(partitioner("t", &key, 10), Some(3));
        }
    }
}
