use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::membership::TopicPattern;

fn names(topics: &[&str]) -> BTreeSet<String> {
    topics.iter().map(|&topic| topic.to_owned()).collect()
}

fn internal(topics: &[(&str, Option<i32>)]) -> BTreeMap<String, InternalTopic> {
    let topic = |partitions| InternalTopic { partitions, config: BTreeMap::new() };
    topics.iter().map(|&(name, partitions)| (name.to_owned(), topic(partitions))).collect()
}

fn topology(subtopologies: Vec<Subtopology>) -> GroupTopology {
    GroupTopology { subtopologies: (0..).zip(subtopologies).collect() }
}

fn existing(topics: &[(&str, i32)]) -> BTreeMap<String, i32> {
    topics.iter().map(|&(name, partitions)| (name.to_owned(), partitions)).collect()
}

fn created(derived: &InternalTopics) -> BTreeMap<&str, i32> {
    derived.to_create.iter().map(|topic| (topic.name.as_str(), topic.partitions)).collect()
}

fn writes(sources: &[&str], sinks: &[&str]) -> Subtopology {
    Subtopology {
        source_topics: names(sources),
        repartition_sink_topics: names(sinks),
        ..Subtopology::default()
    }
}

#[test]
fn a_chain_of_repartition_topics_takes_the_largest_source_and_changelogs_follow_the_tasks() {
    let middle = Subtopology {
        repartition_source_topics: internal(&[("app-a-repartition", None)]),
        repartition_sink_topics: names(&["app-b-repartition"]),
        ..Subtopology::default()
    };
    let last = Subtopology {
        repartition_source_topics: internal(&[("app-b-repartition", None)]),
        changelog_topics: internal(&[("app-count-changelog", None)]),
        stateful: true,
        ..Subtopology::default()
    };
    // The chain is written against the order of the sub-topologies, so that one round is not
    // enough.
    let topology = topology(vec![last, middle, writes(&["in", "more"], &["app-a-repartition"])]);
    let derived =
        InternalTopics::derive(&topology, &existing(&[("in", 3), ("more", 5)]), 2).unwrap();
    assert_eq!(
        created(&derived),
        BTreeMap::from([
            ("app-a-repartition", 5),
            ("app-b-repartition", 5),
            ("app-count-changelog", 5)
        ])
    );
    assert_eq!(derived.task_counts, BTreeMap::from([(0, 5), (1, 5), (2, 5)]));
    assert_eq!(derived.tasks.len(), 15);
    assert_eq!(derived.stateful_tasks(), (0..5).map(|p| TaskId::new(0, p)).collect());
    assert!(derived.to_create.iter().all(|topic| topic.replication_factor == 2));
}

#[test]
fn a_repartition_topic_takes_the_count_of_the_topic_it_is_joined_with() {
    let join = Subtopology {
        source_topics: names(&["customers"]),
        repartition_source_topics: internal(&[("app-x-repartition", None)]),
        copartition_groups: vec![names(&["customers", "app-x-repartition"])],
        ..Subtopology::default()
    };
    let topology = topology(vec![writes(&["orders"], &["app-x-repartition"]), join]);
    let topics = existing(&[("orders", 6), ("customers", 4)]);
    let derived = InternalTopics::derive(&topology, &topics, -1).unwrap();
    assert_eq!(created(&derived), BTreeMap::from([("app-x-repartition", 4)]));
    assert_eq!(derived.task_counts, BTreeMap::from([(0, 6), (1, 4)]));
}

#[test]
fn joined_repartition_topics_are_raised_to_the_largest() {
    let join = Subtopology {
        repartition_source_topics: internal(&[("l", None), ("r", None)]),
        copartition_groups: vec![names(&["l", "r"])],
        ..Subtopology::default()
    };
    let topology = topology(vec![writes(&["a"], &["l"]), writes(&["b"], &["r"]), join]);
    let derived = InternalTopics::derive(&topology, &existing(&[("a", 2), ("b", 7)]), -1).unwrap();
    assert_eq!(created(&derived), BTreeMap::from([("l", 7), ("r", 7)]));
}

#[test]
fn a_fixed_count_wins_and_carries_over_to_its_co_partition_group() {
    let join = Subtopology {
        repartition_source_topics: internal(&[("l", Some(3)), ("r", None)]),
        copartition_groups: vec![names(&["l", "r"])],
        ..Subtopology::default()
    };
    let topology = topology(vec![writes(&["a"], &["l", "r"]), join]);
    let derived = InternalTopics::derive(&topology, &existing(&[("a", 9)]), -1).unwrap();
    assert_eq!(created(&derived), BTreeMap::from([("l", 3), ("r", 3)]));
}

#[test]
fn joined_topics_of_different_counts_are_refused_by_name_and_count() {
    let join = Subtopology {
        source_topics: names(&["orders", "customers"]),
        copartition_groups: vec![names(&["orders", "customers"])],
        ..Subtopology::default()
    };
    let topics = existing(&[("orders", 6), ("customers", 4)]);
    let error = InternalTopics::derive(&topology(vec![join]), &topics, -1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidTopic);
    let text = error.to_string();
    assert!(text.contains("`customers` has 4") && text.contains("`orders` has 6"), "{text}");
}

#[test]
fn a_fixed_repartition_topic_must_match_the_topic_it_is_joined_with() {
    let join = Subtopology {
        source_topics: names(&["customers"]),
        repartition_source_topics: internal(&[("x", Some(3))]),
        copartition_groups: vec![names(&["customers", "x"])],
        ..Subtopology::default()
    };
    let topics = existing(&[("customers", 4)]);
    let error = InternalTopics::derive(&topology(vec![join]), &topics, -1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidTopic);
    assert!(error.to_string().contains("`x` has 3"), "{error}");
}

#[test]
fn missing_source_topics_are_all_named_with_their_sub_topology() {
    let topology = topology(vec![writes(&["a"], &[]), writes(&["b", "c"], &[])]);
    let error = InternalTopics::derive(&topology, &existing(&[("b", 1)]), -1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingSourceTopic);
    let text = error.to_string();
    assert!(text.contains("`a` of sub-topology 0") && text.contains("`c` of sub-topology 1"));
}

#[test]
fn an_existing_internal_topic_of_another_count_asks_for_a_reset() {
    let stateful = Subtopology {
        source_topics: names(&["in"]),
        changelog_topics: internal(&[("app-s-changelog", None)]),
        stateful: true,
        ..Subtopology::default()
    };
    let topics = existing(&[("in", 4), ("app-s-changelog", 2)]);
    let error = InternalTopics::derive(&topology(vec![stateful]), &topics, -1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidTopic);
    let text = error.to_string();
    assert!(text.contains("`app-s-changelog` has 2 instead of 4"), "{text}");
    assert!(text.contains("reset the application"), "{text}");
}

#[test]
fn a_repartition_topic_that_nothing_writes_is_an_error_of_the_topology() {
    let reads = Subtopology {
        repartition_source_topics: internal(&[("x", None)]),
        ..Subtopology::default()
    };
    let error = InternalTopics::derive(&topology(vec![reads]), &existing(&[]), -1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Topology);
}

/// A pattern matches no topics at first, more of them later, and fewer in the end.
#[test]
fn tasks_and_repartition_topics_follow_the_topics_that_a_pattern_stands_for() {
    let pattern = TopicPattern::new("in-.*").unwrap();
    let counting = Subtopology {
        source_patterns: [(pattern, BTreeSet::new())].into(),
        repartition_sink_topics: names(&["app-r-repartition"]),
        changelog_topics: internal(&[("app-c-changelog", None)]),
        stateful: true,
        ..Subtopology::default()
    };
    let again = Subtopology {
        repartition_source_topics: internal(&[("app-r-repartition", None)]),
        changelog_topics: internal(&[("app-d-changelog", None)]),
        stateful: true,
        ..Subtopology::default()
    };
    let topology = GroupTopology { subtopologies: [(0, counting), (1, again)].into() };
    let derive = |existing: &[(&str, i32)]| {
        let existing: BTreeMap<String, i32> =
            existing.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let matched = topology.matched("app", existing.keys().map(String::as_str)).unwrap();
        InternalTopics::derive(&matched, &existing, 1)
    };
    let none = derive(&[("else", 3)]).unwrap();
    assert!(none.tasks.is_empty() && none.to_create.is_empty(), "{none:?}");

    let first = derive(&[("in-a", 2)]).unwrap();
    assert_eq!(first.task_counts, [(0, 2), (1, 2)].into());
    assert_eq!(first.to_create.len(), 3);
    let internal = [("app-r-repartition", 2), ("app-c-changelog", 2), ("app-d-changelog", 2)];
    let with = |topics: &[(&'static str, i32)]| [topics, &internal].concat();

    let more = derive(&with(&[("in-a", 2), ("in-b", 1)])).unwrap();
    assert_eq!((more.tasks, more.to_create), (first.tasks.clone(), vec![]));
    let fewer = derive(&with(&[("in-b", 1)])).unwrap();
    assert_eq!(fewer.task_counts, [(0, 1), (1, 2)].into(), "what was repartitioned is read");
    let gone = derive(&with(&[])).unwrap();
    assert_eq!(gone.task_counts, [(0, 0), (1, 2)].into());
    let error = derive(&with(&[("in-a", 2), ("in-c", 3)])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidTopic);
    assert!(error.to_string().contains("`app-c-changelog` has 2 instead of 3"), "{error}");
}
