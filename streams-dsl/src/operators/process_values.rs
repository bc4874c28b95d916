//! `process_values`: a processor of the user's that keeps the keys.

use super::{
    fixed_key::{FixedKey, FixedKeyProcessor},
    process::Keys,
};
use crate::{ConnectedStores, KStream};

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

    /// Like [`process_values`](Self::process_values), with stores: `supplier` gets a reference to
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
        self.add_user_processor(stores, move |refs| FixedKey(supplier(refs)), Keys::Stay)
    }
}
