//! `process_values`: a processor of the user's that keeps the keys.

use super::{FixedKeyProcessor, KStream, fixed_key::FixedKey};
use crate::{
    ConnectedStores,
    graph::{Slot, prefix},
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// Puts a processor into the stream that keeps each record's key; `supplier` makes one for each
    /// task. Java's `processValues`. See [`FixedKeyProcessor`] for an example.
    #[track_caller]
    pub fn process_values<P, V2>(
        &self,
        supplier: impl Fn() -> P + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        P: FixedKeyProcessor<K, V, V2> + 'static,
        V2: Send + 'static,
    {
        self.process_values_with((), move |()| supplier())
    }

    /// As [`process_values`](Self::process_values), with stores: `supplier` gets a reference to
    /// each.
    #[track_caller]
    pub fn process_values_with<P, V2, S: ConnectedStores>(
        &self,
        stores: S,
        supplier: impl Fn(S::Refs) -> P + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        P: FixedKeyProcessor<K, V, V2> + 'static,
        V2: Send + 'static,
    {
        let placed = self.next_processor(prefix::PROCESS_VALUES);
        let supplier = move |refs| FixedKey(supplier(refs));
        let node = self.add_user_processor::<_, K, V2, S>(&placed, stores, supplier);
        self.with_values(placed, node, Slot::unknown())
    }
}
