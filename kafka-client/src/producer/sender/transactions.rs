//! The transaction of a producer, as its task sees it.

use std::collections::HashSet;

use super::{Done, Sender, Standing};
use crate::{
    Error, ErrorKind, GroupMember, OffsetAndMetadata, Result, TopicPartition,
    producer::{command::Reply, identity::Identity, lane::Lane},
};

/// What happened in the open transaction, if one is open.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    phase: Phase,
    /// Whether partitions are added by a call, as before KIP-890.
    is_first_protocol: bool,
    /// Slots of partitions that were added.
    added: HashSet<usize>,
    is_adding: bool,
    /// Whether the cluster may know of it.
    pub(super) has_begun: bool,
    /// Why it can only be aborted.
    doom: Option<Error>,
    /// It ends when no batch is on its way any more.
    ending: Option<(bool, Reply)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Closed,
    Open,
    /// The call that ends it is on its way.
    Ending,
}

impl Transaction {
    /// Whether batches of a partition may go out.
    pub(super) fn admits(&self, slot: usize) -> bool {
        self.phase != Phase::Ending && (!self.is_first_protocol || self.added.contains(&slot))
    }

    pub(super) fn is_first_protocol(&self) -> bool {
        self.is_first_protocol
    }

    /// Has the transaction end by an abort. Only the first reason counts.
    pub(super) fn doom(&mut self, error: &Error) {
        if self.phase != Phase::Closed {
            self.doom.get_or_insert_with(|| error.clone());
        }
    }
}

impl Sender {
    pub(super) fn init(&mut self, reply: Reply) {
        let Some(transactions) = self.transactions.clone() else {
            return say(
                reply,
                Err(Error::new(ErrorKind::Invalid, "the producer has no transactional id")),
            );
        };
        self.standing = Standing::Asking;
        self.jobs.spawn(async move {
            let outcome = async {
                let identity = transactions.init(None).await?;
                Ok((identity, transactions.has_second_protocol().await?))
            };
            Done::Initialised(reply, outcome.await)
        });
    }

    pub(super) fn initialised(&mut self, reply: Reply, outcome: Result<(Identity, bool)>) {
        match outcome {
            Ok((identity, is_second_protocol)) => {
                self.standing = Standing::Known(identity);
                self.must_renew = false;
                self.transaction.is_first_protocol = !is_second_protocol;
                self.begin_anew(false);
                say(reply, Ok(()));
            }
            Err(error) => {
                self.standing = Standing::Unknown;
                say(reply, Err(error));
            }
        }
    }

    pub(super) fn begin_transaction(&mut self) {
        let is_first_protocol = self.transaction.is_first_protocol;
        self.transaction =
            Transaction { phase: Phase::Open, is_first_protocol, ..Transaction::default() };
    }

    /// Adds partitions to a transaction of the first protocol that have batches and are not in it. Returns whether batches
    /// may go out at all.
    pub(super) fn add_partitions(&mut self, identity: Identity) -> bool {
        let Some(transactions) = self.transactions.clone() else { return true };
        if self.transaction.phase != Phase::Open {
            return false;
        }
        if let Some(doom) = self.transaction.doom.clone() {
            self.refuse_everything(&doom);
            return false;
        }
        if !self.transaction.is_first_protocol || self.transaction.is_adding {
            return true;
        }
        let is_new = |(slot, lane): &(usize, &Lane)| {
            !lane.queue.is_empty() && !self.transaction.added.contains(slot)
        };
        let (slots, names): (Vec<usize>, Vec<TopicPartition>) = self
            .lanes
            .iter()
            .enumerate()
            .filter(is_new)
            .map(|(slot, lane)| (slot, lane.name.clone()))
            .unzip();
        if !slots.is_empty() {
            self.transaction.is_adding = true;
            self.transaction.has_begun = true;
            self.jobs.spawn(async move {
                let outcome = transactions.add_partitions(identity, &names).await;
                Done::Added(slots, outcome)
            });
        }
        true
    }

    pub(super) fn added(&mut self, slots: Vec<usize>, outcome: Result) {
        self.transaction.is_adding = false;
        match outcome {
            Ok(()) => self.transaction.added.extend(slots),
            Err(error) => {
                if error.kind() == ErrorKind::Fenced {
                    self.shared.set_fatal(&error);
                }
                self.transaction.doom(&error);
                for slot in slots {
                    self.refuse_all(slot, &error);
                }
            }
        }
    }

    pub(super) fn add_offsets(
        &mut self,
        member: GroupMember,
        offsets: Vec<(TopicPartition, OffsetAndMetadata)>,
        reply: Reply,
    ) {
        let Some((transactions, identity)) = self.in_transaction() else {
            return say(reply, Err(not_open()));
        };
        self.transaction.has_begun = true;
        let is_second_protocol = !self.transaction.is_first_protocol;
        self.jobs.spawn(async move {
            let outcome =
                transactions.add_offsets(identity, is_second_protocol, &member, &offsets).await;
            Done::Offsets(reply, outcome)
        });
    }

    pub(super) fn offsets_added(&mut self, reply: Reply, outcome: Result) {
        if let Err(error) = &outcome {
            self.transaction.doom(error);
        }
        say(reply, outcome);
    }

    pub(super) fn end_transaction(&mut self, commit: bool, reply: Reply) {
        if self.in_transaction().is_none() {
            return say(reply, Err(not_open()));
        }
        self.transaction.ending = Some((commit, reply));
        if !commit {
            let aborted = Error::new(ErrorKind::Timeout, "the transaction was aborted");
            self.refuse_everything(&aborted);
        }
    }

    /// Ends the transaction when nothing of it is on its way any more.
    pub(super) fn finish_transaction(&mut self) {
        let is_on_its_way =
            self.transaction.is_adding || self.lanes.iter().any(|lane| !lane.queue.is_empty());
        if self.transaction.ending.is_none() {
            return;
        }
        if is_on_its_way {
            if matches!(self.transaction.ending, Some((false, _))) {
                let aborted = Error::new(ErrorKind::Timeout, "the transaction was aborted");
                self.refuse_everything(&aborted);
            }
            if self.transaction.is_adding || self.lanes.iter().any(|lane| !lane.queue.is_empty()) {
                return;
            }
        }
        let Some((commit, reply)) = self.transaction.ending.take() else { return };
        if commit && let Some(doom) = self.transaction.doom.clone() {
            let text = "the transaction has failed and can only be aborted";
            let kind = if doom.kind() == ErrorKind::Fenced {
                ErrorKind::Fenced
            } else {
                ErrorKind::Timeout
            };
            return say(reply, Err(doom.meaning(kind, text)));
        }
        if let Err(fatal) = self.shared.check() {
            return say(reply, Err(fatal));
        }
        let Some((transactions, identity)) = self.in_transaction() else {
            return say(reply, Err(not_open()));
        };
        if !self.transaction.has_begun {
            // The cluster knows nothing of it.
            self.transaction.phase = Phase::Closed;
            return say(reply, Ok(()));
        }
        self.transaction.phase = Phase::Ending;
        let is_second_protocol = !self.transaction.is_first_protocol;
        let must_renew = self.must_renew;
        self.jobs.spawn(async move {
            let outcome = async {
                let next = transactions.end(identity, is_second_protocol, commit).await?;
                if next.is_none() && must_renew {
                    // Sequence numbers have a gap: they begin anew under another epoch.
                    return transactions.init(Some(identity)).await.map(Some);
                }
                Ok(next)
            };
            Done::Ended { reply, commit, outcome: outcome.await }
        });
    }

    pub(super) fn ended(&mut self, reply: Reply, commit: bool, outcome: Result<Option<Identity>>) {
        self.transaction.phase = Phase::Open;
        match outcome {
            Ok(next) => {
                if let Some(identity) = next {
                    let before = std::mem::replace(&mut self.standing, Standing::Known(identity));
                    self.must_renew = false;
                    let is_same = |before: Identity| before.producer_id == identity.producer_id;
                    self.begin_anew(matches!(before, Standing::Known(before) if is_same(before)));
                }
                self.transaction.phase = Phase::Closed;
                if !commit {
                    // What became of the records is of no interest any more.
                    drop(self.shared.take_reports());
                }
                say(reply, Ok(()));
            }
            Err(error) => {
                if error.kind() == ErrorKind::Fenced {
                    self.shared.set_fatal(&error);
                }
                say(reply, Err(error));
            }
        }
    }

    fn in_transaction(&self) -> Option<(crate::producer::transaction::Transactions, Identity)> {
        let transactions = self.transactions.clone()?;
        match self.standing {
            Standing::Known(identity) if self.transaction.phase == Phase::Open => {
                Some((transactions, identity))
            }
            _ => None,
        }
    }
}

fn not_open() -> Error {
    Error::new(ErrorKind::Invalid, "no transaction is open")
}

fn say(reply: Reply, outcome: Result) {
    // Whoever asked may have stopped waiting.
    let _ = reply.send(outcome);
}
