//! Members whose topology is not the group's.
//!
//! The numbers of sub-topologies mean nothing to a member with another topology, and the tasks
//! assigned to it are different tasks. So the group belongs to the members whose topology is
//! running, whichever of them leads: they continue, others are refused. Members without a
//! fingerprint, those of Java and of former versions, count as members of the group.

use std::collections::BTreeMap;

use super::LeaderMember;
use crate::assignor::MemberId;

/// The members to refuse, each with the reason. `own` is the topology of the leader, which decides
/// if none is running.
pub(in super::super) fn strangers(
    group_id: &str,
    members: &BTreeMap<MemberId, LeaderMember>,
    own: u64,
) -> BTreeMap<MemberId, String> {
    let mut weights: BTreeMap<u64, (usize, bool)> = BTreeMap::new();
    for member in members.values() {
        let Some(topology) = member.info.topology else { continue };
        let weight = weights.entry(topology).or_insert((0, topology == own));
        weight.0 += member.subscription.owned.len();
    }
    let Some((&running, _)) = weights.iter().max_by_key(|(_, weight)| **weight) else {
        return BTreeMap::new();
    };
    let is_of_group = |member: &LeaderMember| member.info.topology == Some(running);
    let of_group = members.iter().find(|(_, member)| is_of_group(member));
    let Some((known, _)) = of_group else { return BTreeMap::new() };
    let refused = members
        .iter()
        .filter(|(_, member)| member.info.topology.is_some_and(|topology| topology != running));
    let why = |id: &MemberId| another_topology(group_id, id, known);
    refused.map(|(id, _)| (id.clone(), why(id))).collect()
}

fn another_topology(group_id: &str, stranger: &str, known: &str) -> String {
    format!(
        "another topology uses the application.id `{group_id}`: what member `{stranger}` reads and writes is not what \
         member `{known}` does; give each topology an application.id of its own, or stop all instances before one with a \
         changed topology starts"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use uuid::Uuid;

    use super::{
        super::{AssignorError, ConsumerSubscription, SubscriptionInfo},
        *,
    };
    use crate::TopicPartition;

    fn member(topology: Option<u64>, owned: i32) -> LeaderMember {
        let info = SubscriptionInfo {
            version: 11,
            latest_supported_version: 11,
            process_id: Uuid::from_u128(7),
            user_endpoint: None,
            offset_sums: BTreeMap::new(),
            unique_field: 0,
            error: AssignorError::None,
            client_tags: BTreeMap::new(),
            topology,
        };
        let owned: BTreeSet<_> = (0..owned).map(|n| TopicPartition::new("orders", n)).collect();
        let subscription = ConsumerSubscription {
            topics: ["orders".to_owned()].into(),
            user_data: info.encode(),
            owned,
            generation: 1,
            rack_id: None,
        };
        LeaderMember::decode(&subscription.encode()).unwrap()
    }

    fn refused<const N: usize>(
        own: u64,
        members: [(&str, LeaderMember); N],
    ) -> BTreeMap<String, String> {
        let members = members.map(|(id, member)| (id.to_owned(), member)).into();
        strangers("app", &members, own)
    }

    /// A second topology under the `application.id` of another took part, and its members failed on
    /// topics that only the other one knew.
    #[test]
    fn a_member_with_another_topology_than_those_that_run_is_refused_by_name() {
        let refused = refused(1, [("a", member(Some(1), 2)), ("b", member(Some(2), 0))]);
        let text = &refused["b"];
        for part in ["application.id `app`", "member `b`", "member `a`"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(refused.len(), 1);
    }

    #[test]
    fn a_leader_with_another_topology_is_refused_itself_and_decides_only_where_none_runs() {
        let others = refused(2, [("a", member(Some(1), 2)), ("b", member(Some(2), 0))]);
        assert_eq!(others.keys().collect::<Vec<_>>(), ["b"], "b leads");
        let others = refused(2, [("a", member(Some(1), 0)), ("b", member(Some(2), 0))]);
        assert_eq!(others.keys().collect::<Vec<_>>(), ["a"], "b leads, and none runs");
    }

    #[test]
    fn members_that_tell_no_topology_belong_to_the_group() {
        assert!(refused(1, [("a", member(Some(1), 0)), ("java", member(None, 3))]).is_empty());
        assert!(refused(1, [("java", member(None, 3))]).is_empty());
    }
}
