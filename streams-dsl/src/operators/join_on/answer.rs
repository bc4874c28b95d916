//! The right table's side: subscriptions are kept and answered. Java's
//! `SubscriptionReceiveProcessorSupplier`, `SubscriptionJoinProcessorSupplier` and
//! `ForeignTableJoinProcessorSupplier`.

use streams_core::{
    BoxError, Direction, Record,
    processor::{Context, Processor},
    store::{StoreRef, TimestampedKeyValueStore, ValueAndTimestamp},
};

use super::{super::table_rows::OUT_OF_ORDER, Pseudonym};
use crate::{
    change::Change,
    foreign_key::{Instruction, Response, Subscription, subscriber_key, subscribers_prefix},
    plan::{Asked, TableGetter},
};

/// The subscriptions by foreign and primary key.
pub(super) type Subscriptions = TimestampedKeyValueStore<Vec<u8>, Subscription>;

/// Number of subscriptions read at a time, which bounds memory when a row has many subscribers.
const SUBSCRIBERS_AT_A_TIME: usize = 256;

/// Keeps the subscriptions, and hands them on.
pub(super) struct Receiver<KO> {
    pub(super) store: StoreRef<Subscriptions>,
    pub(super) foreign_keys: Pseudonym<KO>,
    /// A serialised foreign key, and a key of the store.
    pub(super) buffers: [Vec<u8>; 2],
}

impl<KO: 'static> Processor<Option<KO>, Subscription, Option<KO>, Subscription> for Receiver<KO> {
    fn init(
        &mut self,
        context: &mut Context<'_, Option<KO>, Subscription>,
    ) -> Result<(), BoxError> {
        self.foreign_keys.init(context.application_id());
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<'_, Option<KO>, Subscription>,
        context: &mut Context<'_, Option<KO>, Subscription>,
    ) -> Result<(), BoxError> {
        let subscription = record.value;
        let Some(foreign_key) = record.key else {
            if subscription.instruction == Instruction::Answer {
                return Ok(context.forward(record)?);
            }
            context.drop_record("its foreign key is null");
            return Ok(());
        };
        let [bytes, key] = &mut self.buffers;
        self.foreign_keys.write(foreign_key, bytes)?;
        key.clear();
        subscriber_key(bytes, &subscription.primary_key, key)?;
        let keeps = !subscription.instruction.deletes();
        let row = keeps.then(|| ValueAndTimestamp {
            value: subscription.clone(),
            timestamp: record.timestamp,
        });
        context.store(self.store)?.put(key, row)?;
        Ok(context.forward(record)?)
    }
}

/// Answers each subscription with the foreign row.
pub(super) struct Answerer<K, KO, VO> {
    pub(super) rows: TableGetter<KO, VO>,
    pub(super) keys: Pseudonym<K>,
}

impl<K, KO, VO> Processor<Option<KO>, Subscription, K, Response<VO>> for Answerer<K, KO, VO>
where
    KO: 'static,
    VO: Clone + 'static,
{
    fn init(&mut self, context: &mut Context<'_, K, Response<VO>>) -> Result<(), BoxError> {
        self.keys.init(context.application_id());
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<'_, Option<KO>, Subscription>,
        context: &mut Context<'_, K, Response<VO>>,
    ) -> Result<(), BoxError> {
        let Subscription { instruction, hash, primary_key, partition } = record.value;
        if *instruction == Instruction::Delete {
            return Ok(());
        }
        let row = match record.key {
            Some(key) => self.rows.with(&mut context.stores(), key, Asked::Followed, |row| {
                Ok(row.map(|(value, timestamp)| (value.clone(), timestamp)))
            })?,
            None => None,
        };
        let timestamp = row.as_ref().map_or(record.timestamp, |row| row.1.max(record.timestamp));
        let foreign = match (instruction, row) {
            (Instruction::AnswerIfThere, None) => return Ok(()),
            (Instruction::DeleteAndAnswer, _) => None,
            (_, row) => row.map(|row| row.0),
        };
        let response = Response { hash: *hash, foreign, partition: *partition };
        let key = self.keys.read(primary_key)?;
        context.forward(Record::new(&key, &response, timestamp, record.headers))?;
        Ok(())
    }
}

/// Tells all subscribers of a row that changed.
pub(super) struct Teller<K, KO> {
    pub(super) store: StoreRef<Subscriptions>,
    pub(super) keys: Pseudonym<K>,
    pub(super) foreign_keys: Pseudonym<KO>,
    /// A serialised foreign key.
    pub(super) buffer: Vec<u8>,
}

impl<K, KO> Teller<K, KO> {
    /// The next subscriptions that begin with `prefix`, from `from` on, with the key of the last
    /// one in the store if there may be more.
    fn next<VO>(
        &self,
        prefix: &[u8],
        from: &Vec<u8>,
        context: &mut Context<'_, K, Response<VO>>,
    ) -> Result<(Vec<Subscription>, Option<Vec<u8>>), BoxError> {
        let mut found = Vec::new();
        let store = context.store(self.store)?;
        for row in store.range(Some(from), None, Direction::Forward)? {
            let (key, subscription) = row?;
            if !key.starts_with(prefix) {
                return Ok((found, None));
            }
            found.push(subscription.value);
            if found.len() == SUBSCRIBERS_AT_A_TIME {
                return Ok((found, Some(key)));
            }
        }
        Ok((found, None))
    }
}

impl<K, KO, VO> Processor<KO, Change<VO>, K, Response<VO>> for Teller<K, KO>
where
    K: 'static,
    KO: 'static,
    VO: Clone + 'static,
{
    fn init(&mut self, context: &mut Context<'_, K, Response<VO>>) -> Result<(), BoxError> {
        self.keys.init(context.application_id());
        self.foreign_keys.init(context.application_id());
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<'_, KO, Change<VO>>,
        context: &mut Context<'_, K, Response<VO>>,
    ) -> Result<(), BoxError> {
        if !record.value.is_latest {
            context.drop_record(OUT_OF_ORDER);
            return Ok(());
        }
        let mut prefix = Vec::new();
        self.foreign_keys.write(record.key, &mut self.buffer)?;
        subscribers_prefix(&self.buffer, &mut prefix)?;
        let mut response =
            Response { hash: None, foreign: record.value.new.clone(), partition: None };
        let mut from = Some(prefix.clone());
        while let Some(first) = from {
            let (subscriptions, last) = self.next(&prefix, &first, context)?;
            for subscription in subscriptions {
                response.hash = subscription.hash;
                response.partition = subscription.partition;
                let key = self.keys.read(&subscription.primary_key)?;
                let (timestamp, headers) = (record.timestamp, record.headers);
                context.forward(Record::new(&key, &response, timestamp, headers))?;
            }
            // The least key behind the last one.
            from = last.map(|mut last| {
                last.push(0);
                last
            });
        }
        Ok(())
    }
}
