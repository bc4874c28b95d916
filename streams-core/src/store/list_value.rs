//! A store with a list of values per key.

use std::{
    ops::{Bound, ControlFlow},
    sync::Arc,
};

use state_store::Direction;

use super::{
    ChangelogWriter, PlainCodec, RecordContext, StateStore, StoreContext, StoreUsage, rows::Rows,
};
use crate::{
    BoxError, Error, Result,
    serde::{Serde, SerdeRef, Written},
};

/// Several values per key, in the order in which they were put. Java's `ListValueStore`, which
/// keeps the unmatched records of outer stream joins.
///
/// Keys are in the order of their bytes. The changelog has the whole list of a key in Java's bytes.
pub struct ListValueStore<K, V> {
    rows: Rows<K, Vec<V>>,
}

impl<K, V: Clone + 'static> ListValueStore<K, V> {
    pub(super) fn new(name: Arc<str>, key_serde: SerdeRef<K>, value_serde: SerdeRef<V>) -> Self {
        let codec = PlainCodec::<Vec<V>>(Arc::new(ListSerde(value_serde)));
        Self { rows: Rows::new(name, key_serde, Arc::new(codec)) }
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.rows.name
    }

    /// Adds a value to those of a key.
    ///
    /// # Errors
    /// `Serialization` if the key can't be written, `State` or `Deserialization` if the row can't
    /// be read.
    pub fn push(&mut self, key: &K, value: V) -> Result {
        let mut row = self.rows.at(key)?;
        let mut values = row.read(|values| Ok::<_, Error>(values.cloned().unwrap_or_default()))?;
        values.push(value);
        row.write(Some(values));
        Ok(())
    }

    /// Removes all values of a key, if it has any.
    ///
    /// # Errors
    /// The errors of [`push`](Self::push).
    pub fn remove(&mut self, key: &K) -> Result {
        let mut row = self.rows.at(key)?;
        if row.read(|values| Ok::<_, Error>(values.is_some()))? {
            row.write(None);
        }
        Ok(())
    }

    /// The values of a key; none if it has no row.
    ///
    /// # Errors
    /// The errors of [`push`](Self::push).
    pub fn get(&mut self, key: &K) -> Result<&[V]> {
        Ok(self.rows.at(key)?.get()?.map_or(&[], Vec::as_slice))
    }

    /// Calls `visit` for each key with its values, in the order of the serialised keys, until it
    /// breaks. Keys after that are not read, and values are borrowed.
    ///
    /// # Errors
    /// `State` if the database fails, `Deserialization` if a row can't be read.
    pub fn visit(&mut self, mut visit: impl FnMut(K, &[V]) -> ControlFlow<()>) -> Result {
        let keys = self.rows.keys();
        let all = (Bound::Unbounded, Bound::Unbounded);
        // Nothing follows the scan, wherever it ends.
        let _ = self.rows.scan(all, Direction::Forward, &mut |key, values| {
            let key = keys.read(key)?;
            values.read(|values| visit(key, values))
        })?;
        Ok(())
    }

    /// Approximate number of keys at the last commit.
    ///
    /// # Errors
    /// `State` if the database fails.
    pub fn approximate_num_entries(&self) -> Result<u64> {
        let context = self.rows.context()?;
        Ok(context.database.approximate_entries(context.id)?)
    }
}

impl<K: 'static, V: Clone + Send + 'static> StateStore for ListValueStore<K, V> {
    fn name(&self) -> &str {
        Self::name(self)
    }

    fn open(&mut self, context: StoreContext) -> Result {
        self.rows.open(context);
        Ok(())
    }

    fn set_record_context(&mut self, context: &RecordContext) {
        self.rows.set_record_context(context);
    }

    fn is_dirty(&self) -> bool {
        self.rows.is_dirty()
    }

    fn has_pending(&self) -> bool {
        false
    }

    fn stage(&mut self, writer: &mut ChangelogWriter<'_>) -> Result {
        self.rows.stage(writer, |key| Some(key))
    }

    fn log_again(
        &mut self,
        key: &[u8],
        timestamp: i64,
        writer: &mut ChangelogWriter<'_>,
    ) -> Result {
        self.rows.log_again(key, key, timestamp, writer)
    }

    fn check(&self, key: &[u8], value: &[u8]) -> Result {
        self.rows.check(key, value)
    }

    fn usage(&self) -> StoreUsage {
        self.rows.usage()
    }

    fn committed(&mut self) {
        self.rows.committed();
    }

    fn begin_attempt(&mut self) {
        self.rows.begin_attempt();
    }

    fn can_undo(&self) -> bool {
        true
    }

    fn undo_attempt(&mut self) {
        self.rows.undo_attempt();
    }

    fn end_attempt(&mut self) {
        self.rows.end_attempt();
    }
}

impl<K, V> std::fmt::Debug for ListValueStore<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ListValueStore({})", self.rows.name)
    }
}

/// Each value's bytes follow their length.
const VARIABLE_SIZE: u8 = 1;
/// The length of a null.
const NULL: i32 = -1;

/// The bytes of a list: `u8 1 ‖ i32 n ‖ n × (i32 length ‖ value)`. Java's `ListSerializer` of byte
/// arrays.
struct ListSerde<V>(SerdeRef<V>);

impl<V> Serde<Vec<V>> for ListSerde<V> {
    fn serialize(
        &self,
        topic: &str,
        values: &Vec<V>,
        out: &mut Vec<u8>,
    ) -> Result<Written, BoxError> {
        out.push(VARIABLE_SIZE);
        out.extend_from_slice(&i32::try_from(values.len())?.to_be_bytes());
        for value in values {
            let start = out.len();
            out.extend_from_slice(&NULL.to_be_bytes());
            if self.0.serialize(topic, value, out)? == Written::Null {
                continue;
            }
            let length = i32::try_from(out.len() - start - size_of::<i32>())?;
            if let Some(length_bytes) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut::<4>)
            {
                *length_bytes = length.to_be_bytes();
            }
        }
        Ok(Written::Bytes)
    }

    fn deserialize(&self, topic: &str, data: Option<&[u8]>) -> Result<Vec<V>, BoxError> {
        let data = data.ok_or("a list of values is null")?;
        let Some((&VARIABLE_SIZE, mut rest)) = data.split_first() else {
            return Err("a list of values is not of values of variable size".into());
        };
        let count = take_i32(&mut rest)?;
        let mut values = Vec::new();
        for _ in 0..count {
            let bytes = match take_i32(&mut rest)? {
                NULL => None,
                length => {
                    let length = usize::try_from(length)?;
                    let split = rest.split_at_checked(length);
                    let (bytes, behind) = split.ok_or("a list of values ends early")?;
                    rest = behind;
                    Some(bytes)
                }
            };
            values.push(self.0.deserialize(topic, bytes)?);
        }
        if rest.is_empty() { Ok(values) } else { Err("there is more than a list of values".into()) }
    }
}

fn take_i32(bytes: &mut &[u8]) -> Result<i32, BoxError> {
    let split = bytes.split_first_chunk::<4>();
    let (number, rest) = split.ok_or("a list of values ends early")?;
    *bytes = rest;
    Ok(i32::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::serde::{bytes, option};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn a_list_comes_out_as_it_went_in(values: Vec<Option<Vec<u8>>>) {
            let serde = ListSerde(option(bytes()));
            let mut out = Vec::new();
            serde.serialize("topic", &values, &mut out).unwrap();
            prop_assert_eq!(serde.deserialize("topic", Some(&out)).unwrap(), values);
        }

        #[test]
        fn any_bytes_are_a_list_or_an_error(bytes: Vec<u8>) {
            let serde = ListSerde(crate::serde::bytes());
            drop(serde.deserialize("topic", Some(&bytes)));
        }
    }
}
