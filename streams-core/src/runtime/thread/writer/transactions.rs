//! The transactions of a thread, and what it holds back for the next one.

use super::{super::member::Member, Writer};
use crate::{
    Result, TopicPartition,
    client::{Answer, GroupMetadata, OffsetAndMetadata},
};

impl Writer {
    /// Start of the open transaction.
    pub(in super::super) fn transaction_ms(&self) -> Option<i64> {
        self.transaction_ms
    }

    pub(in super::super) fn in_transaction(&self) -> bool {
        self.transaction_ms.is_some()
    }

    /// Ensures a producer and, for exactly-once, an open transaction, or that of a commit in
    /// transit, after which another begins; returns whether they exist.
    pub(in super::super) fn begin(&mut self, member: &Member, now_ms: i64) -> Result<bool> {
        if !self.ensure(member)? {
            return Ok(false);
        }
        if self.is_holding() {
            self.has_next = true;
        } else if self.transaction_ms.is_none() {
            self.begin_transaction(now_ms)?;
        }
        Ok(true)
    }

    fn begin_transaction(&mut self, now_ms: i64) -> Result {
        if let Some(collector) = self.producing.collector().as_mut()
            && self.transactional_id.is_some()
        {
            collector.producer().begin_transaction()?;
            self.transaction_ms = Some(now_ms);
        }
        Ok(())
    }

    /// Returns whether tasks may work while a commit is in transit: not if another producer is to
    /// continue after it.
    pub(in super::super) fn can_hold(&self) -> bool {
        self.refusals.is_clean()
    }

    /// Holds what is written from now on, until the commit in transit lets it [go](Self::go_on).
    pub(in super::super) fn hold(&mut self) {
        let is_transactional = self.is_transactional();
        if let Some(collector) = self.producing.collector() {
            collector.hold(is_transactional);
        }
    }

    fn is_holding(&mut self) -> bool {
        self.producing.collector().as_ref().is_some_and(|collector| collector.is_held())
    }

    /// Writes what was held, in the next transaction if there are transactions.
    pub(in super::super) fn go_on(&mut self, now_ms: i64) -> Result {
        if std::mem::take(&mut self.has_next) && self.transaction_ms.is_none() {
            self.begin_transaction(now_ms)?;
        }
        if let Some(collector) = self.producing.collector() {
            collector.release();
        }
        // What is left waits for room: `is_full` tells.
        self.producing.has_room().map(drop)
    }

    /// Returns whether it writes in transactions.
    pub(in super::super) fn is_transactional(&self) -> bool {
        self.transactional_id.is_some()
    }

    /// Begins to add offsets to the transaction.
    pub(in super::super) fn begin_send_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        group: &GroupMetadata,
    ) -> Answer<()> {
        match self.producing.collector().as_mut().filter(|_| !offsets.is_empty()) {
            Some(collector) => collector.producer().begin_send_offsets(offsets, group),
            None => Answer::ready(Ok(())),
        }
    }

    /// Begins to end the transaction.
    pub(in super::super) fn begin_commit(&mut self) -> Answer<()> {
        match self.producing.collector() {
            Some(collector) => collector.producer().begin_commit(),
            None => Answer::ready(Ok(())),
        }
    }

    /// Notes that the transaction has ended.
    pub(in super::super) fn has_ended(&mut self) {
        self.transaction_ms = None;
    }
}
