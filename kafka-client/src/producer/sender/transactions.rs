//! The transaction of a producer, as seen by its task.

use std::collections::HashSet;

use super::{Done, Sender, Standing};
use crate::{
    Error, ErrorKind, GroupMember, OffsetAndMetadata, Result, TopicPartition,
    producer::{command::Reply, identity::Identity, lane::Lane},
};

/// The state of the open transaction, if there is one.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    phase: Phase,
    /// True if partitions are added by a call, as before KIP-890.
    is_first_protocol: bool,
    /// Slots of the partitions that were added.
    added: HashSet<usize>,
    is_adding: bool,
    /// Number of calls that add offsets and have not been answered.
    offsets_being_added: usize,
    /// True if the cluster may know of it.
    pub(super) has_begun: bool,
    /// The reason why it can only be aborted.
    doom: Option<Error>,
    /// Its end, which comes when no batch is in transit any more.
    ending: Option<(bool, Reply)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Closed,
    Open,
    /// The call that ends it is in transit.
    Ending,
}

impl Transaction {
    /// Returns whether batches of a partition may be sent.
    pub(super) fn admits(&self, slot: usize) -> bool {
        self.phase != Phase::Ending && (!self.is_first_protocol || self.added.contains(&slot))
    }

    pub(super) fn is_first_protocol(&self) -> bool {
        self.is_first_protocol
    }

    /// Returns whether its end was requested and is not known yet.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.is_some() || self.phase == Phase::Ending
    }

    /// Returns whether it will be committed when its batches are written.
    pub(super) fn waits_to_commit(&self) -> bool {
        matches!(self.ending, Some((true, _)))
    }
}

impl Sender {
    /// Makes the open transaction end by an abort. Only the first reason counts.
    pub(super) fn doom(&mut self, error: &Error) {
        if self.transaction.phase != Phase::Closed && self.transaction.doom.is_none() {
            self.transaction.doom = Some(error.clone());
            self.shared.set_doom(Some(error));
        }
    }

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

    /// Refuses all batches of a transaction that can only be aborted. Returns whether it can.
    pub(super) fn refuses_doomed(&mut self) -> bool {
        let doom = self.transaction.doom.clone();
        let is_open = self.transaction.phase == Phase::Open;
        doom.filter(|_| is_open).inspect(|doom| self.refuse_everything(doom)).is_some()
    }

    /// Adds partitions that have batches to a transaction of the first protocol. Returns whether
    /// batches may be sent at all.
    pub(super) fn add_partitions(&mut self, identity: Identity) -> bool {
        let Some(transactions) = self.transactions.clone() else { return true };
        if self.transaction.phase != Phase::Open {
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
                self.doom(&error);
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
        self.transaction.offsets_being_added += 1;
        let is_second_protocol = !self.transaction.is_first_protocol;
        self.jobs.spawn(async move {
            let outcome =
                transactions.add_offsets(identity, is_second_protocol, &member, &offsets).await;
            Done::Offsets(reply, outcome)
        });
    }

    pub(super) fn offsets_added(&mut self, reply: Reply, outcome: Result) {
        self.transaction.offsets_being_added -= 1;
        if let Err(error) = &outcome {
            self.doom(error);
        }
        say(reply, outcome);
    }

    pub(super) fn end_transaction(&mut self, commit: bool, reply: Reply) {
        if self.in_transaction().is_none() {
            return say(reply, Err(not_open()));
        }
        self.transaction.ending = Some((commit, reply));
        if !commit {
            self.refuse_everything(&aborted());
        }
    }

    /// Aborts a transaction whose commit still waits for batches.
    pub(super) fn abort_instead(&mut self, reply: Reply) {
        if let Some((_, committing)) = self.transaction.ending.take() {
            say(committing, Err(aborted()));
        }
        self.end_transaction(false, reply);
    }

    /// Ends the transaction when none of it is in transit any more.
    pub(super) fn finish_transaction(&mut self) {
        let Some((commit, _)) = &self.transaction.ending else { return };
        if !commit {
            self.refuse_everything(&aborted());
        }
        if self.is_writing() {
            return;
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
            self.close_transaction(commit);
            return say(reply, Ok(()));
        }
        self.transaction.phase = Phase::Ending;
        let is_second_protocol = !self.transaction.is_first_protocol;
        let must_renew = self.must_renew;
        self.jobs.spawn(async move {
            let outcome = async {
                let next = transactions.end(identity, is_second_protocol, commit).await?;
                if next.is_none() && must_renew {
                    // Sequence numbers have a gap: they restart under another epoch.
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
                self.close_transaction(commit);
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

    fn close_transaction(&mut self, is_committed: bool) {
        self.transaction.phase = Phase::Closed;
        self.shared.set_doom(None);
        if !is_committed {
            // The results of the records are of no interest any more.
            drop(self.shared.take_reports(u64::MAX));
        }
    }

    /// Returns whether the transaction is to end, and none of it is in transit any more.
    pub(super) fn can_finish_transaction(&self) -> bool {
        self.transaction.ending.is_some() && !self.is_writing()
    }

    /// Returns whether something of the transaction is in transit.
    fn is_writing(&self) -> bool {
        let Transaction { is_adding, offsets_being_added, .. } = self.transaction;
        is_adding || offsets_being_added > 0 || self.lanes.iter().any(|lane| !lane.queue.is_empty())
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

fn aborted() -> Error {
    Error::new(ErrorKind::Timeout, "the transaction was aborted")
}

fn say(reply: Reply, outcome: Result) {
    // The caller may have stopped waiting.
    let _ = reply.send(outcome);
}
