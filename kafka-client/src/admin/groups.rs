//! Groups as tools see them.

use std::time::Duration;

use kafka_protocol::{
    messages::{
        DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
        GroupId,
    },
    protocol::StrBytes,
};

use crate::{Client, Error, ErrorKind, Result};

/// A group of the classic protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable` or `Dead`; a group that does
    /// not exist is `Dead`.
    pub state: String,
    /// Ids of its members.
    pub members: Vec<String>,
}

impl Client {
    /// State and members of a classic group.
    ///
    /// # Errors
    /// `NotFound` if the broker knows no classic group of this name (brokers from 4.0 on; older
    /// ones call it `Dead`).
    pub async fn describe_group(&self, group_id: &str) -> Result<GroupDescription> {
        self.retrying("DescribeGroups", || self.try_describe_group(group_id)).await
    }

    /// Deletes a group without members, with its committed offsets (Java's
    /// `Admin.deleteConsumerGroups`).
    ///
    /// # Errors
    /// `NotFound` if it does not exist, `Invalid` with code 68 while it has members.
    pub async fn delete_group(&self, group_id: &str) -> Result {
        self.retrying("DeleteGroups", || self.try_delete_group(group_id)).await
    }

    async fn try_describe_group(&self, group_id: &str) -> Result<GroupDescription> {
        let id = GroupId(StrBytes::from_string(group_id.to_owned()));
        let request = DescribeGroupsRequest::default().with_groups(vec![id]);
        let answer: DescribeGroupsResponse =
            self.call_coordinator(group_id, i16::MAX, request, Duration::ZERO).await?;
        let group = first(answer.groups, "DescribeGroups", group_id)?;
        let context = format_args!("DescribeGroups of group {group_id}");
        self.check_coordinator(group_id, group.error_code, context)?;
        let members = group.members.into_iter().map(|member| member.member_id.to_string());
        Ok(GroupDescription { state: group.group_state.to_string(), members: members.collect() })
    }

    async fn try_delete_group(&self, group_id: &str) -> Result {
        let id = GroupId(StrBytes::from_string(group_id.to_owned()));
        let request = DeleteGroupsRequest::default().with_groups_names(vec![id]);
        let answer: DeleteGroupsResponse =
            self.call_coordinator(group_id, i16::MAX, request, Duration::ZERO).await?;
        let result = first(answer.results, "DeleteGroups", group_id)?;
        let context = format_args!("DeleteGroups of group {group_id}");
        self.check_coordinator(group_id, result.error_code, context)
    }
}

fn first<T>(results: Vec<T>, api: &str, group_id: &str) -> Result<T> {
    results.into_iter().next().ok_or_else(|| {
        Error::new(ErrorKind::Protocol, format!("{api} of group {group_id}: no answer"))
    })
}
