//! The committed offsets of a group, for members of both protocols.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kafka_client::{ErrorKind, GroupMember, TopicPartition as ClientPartition};

use super::{ControlPlane, convert_partitions, partitions_of};
use crate::{
    TopicPartition,
    client::{Answer, GroupMetadata, OffsetAndMetadata},
};

/// `REBALANCE_IN_PROGRESS`: between `JoinGroup` and `SyncGroup`.
const REBALANCE_IN_PROGRESS: i16 = 27;
/// `ILLEGAL_GENERATION`.
const ILLEGAL_GENERATION: i16 = 22;
/// `STALE_MEMBER_EPOCH`.
const STALE_MEMBER_EPOCH: i16 = 113;

/// Pause before a commit that met a rebalance is retried.
const PAUSE: Duration = Duration::from_millis(20);

/// The current identity of a member, and whether the group is about to give it another generation.
pub(super) trait Identity: Send + Sync + 'static {
    /// The member with its newest epoch or generation.
    fn metadata(&self) -> GroupMetadata;

    /// Returns whether a new generation or epoch may be on its way to this member.
    fn changes(&self) -> bool;
}

/// Commits and fetches offsets of a group.
#[derive(Clone, Debug)]
pub(super) struct GroupOffsets {
    control: ControlPlane,
    /// Time for which a commit waits for a rebalance to end.
    patience: Duration,
}

impl GroupOffsets {
    pub(super) fn new(control: ControlPlane, patience: Duration) -> Self {
        Self { control, patience }
    }

    /// Commits under the newest generation. A refusal that the member's next generation may cure is
    /// retried for a while, since giving up means dropping work. Answers with `Fenced` if the
    /// member is a zombie, with `Unavailable` if the group rebalances for long.
    pub(super) fn commit(
        &self,
        identity: Arc<impl Identity>,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Answer<()> {
        let client = self.control.client().clone();
        let offsets: Vec<_> = offsets.iter().map(offset).collect();
        let mut tries = self.patience.as_millis() / PAUSE.as_millis();
        self.control.begin(async move {
            loop {
                let before = identity.metadata();
                let committed = client.commit_offsets(&member(&before), &offsets).await;
                let Err(error) = committed else { return Ok(()) };
                let curable = match error.code() {
                    Some(REBALANCE_IN_PROGRESS) => true,
                    Some(ILLEGAL_GENERATION | STALE_MEMBER_EPOCH) => {
                        identity.changes() || identity.metadata() != before
                    }
                    _ => false,
                };
                if !curable {
                    return Err(error);
                }
                if tries == 0 {
                    let text = "the group rebalances for too long";
                    return Err(kafka_client::Error::with_source(
                        ErrorKind::Retriable,
                        text,
                        error,
                    ));
                }
                tries -= 1;
                tokio::time::sleep(PAUSE).await;
            }
        })
    }

    /// Requests the committed offsets of the group. Answers with `Unavailable` while a transaction
    /// holds an offset back.
    pub(super) fn committed(
        &self,
        group_id: &str,
        partitions: &[TopicPartition],
    ) -> Answer<BTreeMap<TopicPartition, OffsetAndMetadata>> {
        let client = self.control.client().clone();
        let group_id = group_id.to_owned();
        let partitions = partitions_of(partitions);
        let found = self
            .control
            .begin(async move { client.committed_offsets(&group_id, &partitions).await });
        let convert = |(partition, committed): (_, kafka_client::OffsetAndMetadata)| {
            let kafka_client::OffsetAndMetadata { offset, metadata, leader_epoch } = committed;
            (partition, OffsetAndMetadata { offset, metadata, leader_epoch })
        };
        found.map(move |found| convert_partitions(found).into_iter().map(convert).collect())
    }
}

fn member(metadata: &GroupMetadata) -> GroupMember {
    GroupMember {
        group_id: metadata.group_id.clone(),
        member_id: metadata.member_id.clone(),
        epoch: metadata.member_epoch,
        group_instance_id: metadata.group_instance_id.clone(),
    }
}

fn offset(
    (partition, committed): &(TopicPartition, OffsetAndMetadata),
) -> (ClientPartition, kafka_client::OffsetAndMetadata) {
    let OffsetAndMetadata { offset, metadata, leader_epoch } = committed.clone();
    let partition = ClientPartition::new(&*partition.topic, partition.partition);
    (partition, kafka_client::OffsetAndMetadata { offset, metadata, leader_epoch })
}
