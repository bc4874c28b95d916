//! The left table's side: changes become subscriptions. Java's `SubscriptionSendProcessorSupplier`.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

use super::{super::table_rows::OUT_OF_ORDER, Pseudonym};
use crate::{
    change::Change,
    foreign_key::{Instruction, RowHash, Subscription, murmur3_128},
};

/// The hash of a row by the bytes of its value.
#[derive(Clone)]
pub(super) struct Hasher<V> {
    pub(super) values: Pseudonym<V>,
    buffer: Vec<u8>,
}

impl<V> Hasher<V> {
    pub(super) const fn new(values: Pseudonym<V>) -> Self {
        Self { values, buffer: Vec::new() }
    }

    pub(super) fn hash(&mut self, value: &V) -> Result<RowHash, BoxError> {
        self.values.write(value, &mut self.buffer)?;
        let [first, second] = murmur3_128(&self.buffer).map(i64::to_be_bytes);
        let mut hash = [0; 16];
        for (to, from) in hash.iter_mut().zip(first.into_iter().chain(second)) {
            *to = from;
        }
        Ok(hash)
    }
}

/// The message to a foreign key, if there is one.
type Instructed<KO> = Option<(Option<KO>, Instruction)>;

/// Sends subscriptions for the changes of rows, and ends those to foreign keys that rows no longer
/// have.
pub(super) struct Subscriber<E, K, KO, V> {
    pub(super) extractor: Arc<E>,
    pub(super) left: bool,
    pub(super) keys: Pseudonym<K>,
    pub(super) foreign_keys: Pseudonym<KO>,
    pub(super) hasher: Hasher<V>,
    /// The serialised foreign keys of the row now and before.
    pub(super) buffers: [Vec<u8>; 2],
}

impl<E, K, KO, V> Subscriber<E, K, KO, V> {
    /// Returns whether both foreign keys have the same bytes.
    fn is_same(&mut self, new: Option<&KO>, old: &KO) -> Result<bool, BoxError> {
        let Some(new) = new else { return Ok(false) };
        let [new_bytes, old_bytes] = &mut self.buffers;
        self.foreign_keys.write(new, new_bytes)?;
        self.foreign_keys.write(old, old_bytes)?;
        Ok(new_bytes == old_bytes)
    }

    /// The messages to foreign keys `new` and `old`, of which the first may be that of a deleted
    /// row.
    fn instructions(
        &mut self,
        new: Option<KO>,
        old: Option<KO>,
    ) -> Result<[Instructed<KO>; 2], BoxError> {
        let Some(old) = old else {
            return Ok(match new {
                // An inner join needs no answer without a row; a left one is joined with nothing.
                _ if self.left => [None, Some((new, Instruction::Answer))],
                Some(new) => [None, Some((Some(new), Instruction::AnswerIfThere))],
                None => [None, None],
            });
        };
        let is_same = self.is_same(new.as_ref(), &old)?;
        let unsubscribe = (!is_same).then_some((Some(old), Instruction::Delete));
        Ok(match (new, unsubscribe) {
            (new, unsubscribe) if self.left => [unsubscribe, Some((new, Instruction::Answer))],
            (None, Some((old, _))) => [Some((old, Instruction::DeleteAndAnswer)), None],
            (new, None) => [None, Some((new, Instruction::AnswerIfThere))],
            (new, unsubscribe) => [unsubscribe, Some((new, Instruction::Answer))],
        })
    }
}

impl<E, K, KO, V> Processor<K, Change<V>, Option<KO>, Subscription> for Subscriber<E, K, KO, V>
where
    E: Fn(&K, &V) -> Result<Option<KO>, BoxError> + Send + Sync,
    K: 'static,
    V: 'static,
{
    fn init(
        &mut self,
        context: &mut Context<'_, Option<KO>, Subscription>,
    ) -> Result<(), BoxError> {
        self.keys.init(context.application_id());
        self.foreign_keys.init(context.application_id());
        self.hasher.values.init(context.application_id());
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, Option<KO>, Subscription>,
    ) -> Result<(), BoxError> {
        let Change { new, old, is_latest } = record.value;
        if !is_latest {
            context.drop_record(OUT_OF_ORDER);
            return Ok(());
        }
        if new.is_none() && old.is_none() {
            return Ok(());
        }
        let extract = |value: &Option<V>| match value {
            Some(value) => (self.extractor)(record.key, value),
            None => Ok(None),
        };
        let (new_key, old_key) = (extract(new)?, extract(old)?);
        if !self.left && new.is_some() && new_key.is_none() {
            context.drop_record("its foreign key is null");
        }
        let instructions = self.instructions(new_key, old_key)?;
        if instructions.iter().all(Option::is_none) {
            return Ok(());
        }
        let mut primary_key = Vec::new();
        self.keys.write(record.key, &mut primary_key)?;
        let mut subscription = Subscription {
            instruction: Instruction::Delete,
            hash: new.as_ref().map(|value| self.hasher.hash(value)).transpose()?,
            primary_key,
            partition: Some(context.task_id().partition),
        };
        for (foreign_key, instruction) in instructions.into_iter().flatten() {
            subscription.instruction = instruction;
            let (timestamp, headers) = (record.timestamp, record.headers);
            context.forward(Record::new(&foreign_key, &subscription, timestamp, headers))?;
        }
        Ok(())
    }
}
