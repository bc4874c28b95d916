//! The client crate's interface to Kafka Streams in a classic group.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use kafka_client::group::classic::{AssignFuture, GroupProtocol, MemberSubscription};
use parking_lot::Mutex;

use super::{super::leading::Leading, state::MemberState};
use crate::client::java_protocol::PROTOCOL_NAME;

/// Subscriptions and assignments of Kafka Streams.
#[derive(Debug)]
pub(super) struct StreamsProtocol {
    state: Arc<Mutex<MemberState>>,
    leading: Arc<Leading>,
}

impl StreamsProtocol {
    pub(super) fn new(state: Arc<Mutex<MemberState>>, leading: Arc<Leading>) -> Self {
        Self { state, leading }
    }
}

impl GroupProtocol for StreamsProtocol {
    fn name(&self) -> &str {
        PROTOCOL_NAME
    }

    fn subscription(&self) -> Bytes {
        let matched = self.leading.matched_topics();
        self.state.lock().subscription(matched).into()
    }

    fn assign(&self, members: Vec<MemberSubscription>) -> AssignFuture<'_> {
        let metadata = members.into_iter().map(|member| (member.member_id, member.metadata.into()));
        let metadata: BTreeMap<String, Vec<u8>> = metadata.collect();
        Box::pin(async move {
            let told = self.leading.assign(metadata).await?;
            Ok(told.into_iter().map(|(id, bytes)| (id, bytes.into())).collect())
        })
    }
}
