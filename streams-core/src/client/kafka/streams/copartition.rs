//! Co-partition groups in the order of Java's members.
//!
//! The broker compares a member's topology with the group's list by list, and Java fills the lists
//! of co-partition groups in the iteration order of its hash sets. This module reproduces that
//! order. One thing can't be known here: the order of topics, or groups, whose hashes fall into one
//! bucket, which in Java depends on the names of the source nodes. Here their own names decide.

use std::collections::{BTreeMap, BTreeSet};

/// Merges groups that share a topic, in the order of Java's
/// `InternalTopologyBuilder.copartitionGroups`.
pub(super) fn in_java_order(declared: &[BTreeSet<String>]) -> Vec<Vec<&str>> {
    let mut group_of: BTreeMap<&str, usize> = BTreeMap::new();
    let mut merged: Vec<Vec<&str>> = Vec::new();
    for topics in declared {
        let topics = iterated(topics.iter().map(String::as_str).collect(), |topic| hash(topic));
        let known = topics.iter().find_map(|topic| group_of.get(topic).copied());
        let index = known.unwrap_or(merged.len());
        merged.resize(merged.len().max(index + 1), Vec::new());
        group_of.extend(topics.iter().map(|topic| (*topic, index)));
        for group in merged.iter_mut().skip(index).take(1) {
            let new: Vec<&str> = topics.iter().copied().filter(|t| !group.contains(t)).collect();
            group.extend(new);
        }
    }
    // A group whose topics all went over to another is gone.
    let kept: BTreeSet<usize> = group_of.into_values().collect();
    let groups = merged.into_iter().enumerate().filter(|(index, _)| kept.contains(index));
    let groups = groups.map(|(_, group)| iterated(group, |topic| hash(topic))).collect();
    iterated(groups, |group| group.iter().fold(0, |sum: u32, topic| sum.wrapping_add(hash(topic))))
}

/// The elements, given in the order of insertion, in the iteration order of a `java.util.HashSet`:
/// by bucket of a table that doubles when it is three quarters full.
fn iterated<T>(mut elements: Vec<T>, hash: impl Fn(&T) -> u32) -> Vec<T> {
    let mut buckets: usize = 16;
    while elements.len() > buckets / 4 * 3 {
        buckets *= 2;
    }
    elements.sort_by_key(|element| {
        let hash = hash(element);
        usize::try_from(hash ^ (hash >> 16)).unwrap_or_default() % buckets
    });
    elements
}

/// Java's `String.hashCode`.
fn hash(text: &str) -> u32 {
    text.encode_utf16().fold(0, |hash: u32, unit| hash.wrapping_mul(31).wrapping_add(unit.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(topics: &[&str]) -> BTreeSet<String> {
        topics.iter().map(|topic| (*topic).to_owned()).collect()
    }

    /// The expected orders are those printed by `HashSet` of Java 17; a broker logged the first one
    /// for a real member.
    #[test]
    fn topics_of_a_group_are_in_the_order_of_a_hash_set_of_java() {
        for topics in [
            vec!["orders", "customers"],
            vec!["payments", "shipments", "refunds"],
            vec!["app-b-repartition", "orders", "customers", "app-a-repartition"],
            vec![
                "topic-thirteen",
                "t10",
                "t01",
                "t00",
                "t11",
                "t03",
                "t02",
                "t05",
                "t04",
                "t07",
                "t06",
                "t09",
                "t08",
            ],
        ] {
            assert_eq!(in_java_order(&[group(&topics)]), [topics]);
        }
    }

    #[test]
    fn groups_are_in_the_order_of_a_hash_set_of_java() {
        let groups = [group(&["customers", "orders"]), group(&["payments", "shipments"])];
        let [orders, payments] = groups.clone();
        let expected = [vec!["a", "b"], vec!["orders", "customers"], vec!["payments", "shipments"]];
        assert_eq!(in_java_order(&[orders, payments, group(&["a", "b"])]), expected);
        let [orders, payments] = groups;
        assert_eq!(in_java_order(&[payments, group(&["a", "b"]), orders]), expected);
    }

    #[test]
    fn groups_that_share_a_topic_are_one() {
        let groups = [group(&["a", "b"]), group(&["x", "y"]), group(&["b", "c"])];
        assert_eq!(in_java_order(&groups), [vec!["x", "y"], vec!["a", "b", "c"]]);
    }

    #[test]
    fn a_string_has_the_hash_code_of_java() {
        // From the documentation of String.hashCode: s[0]*31^(n-1) + … + s[n-1], over UTF-16.
        assert_eq!((hash(""), hash("ab"), hash("ä")), (0, 97 * 31 + 98, 0xe4));
        assert_eq!(hash("polygenelubricants"), 0x8000_0000);
    }
}
