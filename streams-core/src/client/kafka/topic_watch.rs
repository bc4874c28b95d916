//! Detection of topics of a group that have gained partitions, or changed.
//!
//! The leader of a classic group assigned the partitions that it saw; only it knows how many there
//! were, so it looks again every `metadata.max.age.ms`. If topics are read by pattern all members
//! look, since each reports the topics that it reads to the group, and the leader notices those
//! that came or went. This module holds the state of a member, independent of the network.
//! Invariant: a change is reported once, and not again before the next assignment.

use std::collections::{BTreeMap, BTreeSet};

use crate::Error;

/// Shortest time to the next look-up when a reader misses a topic.
const HURRY_MS: i64 = 500;

type Counts = BTreeMap<String, i32>;

/// The last known topics of a member. Java's `ConsumerCoordinator` keeps them as its assignment
/// snapshot.
#[derive(Debug)]
pub(super) struct TopicWatch {
    max_age_ms: i64,
    /// True if topics are read by pattern.
    by_pattern: bool,
    /// Partition counts for the assignment in progress.
    assigning: Option<Counts>,
    /// Partition counts of the current assignment; `None` if another member leads.
    assigned: Option<Counts>,
    /// The topics by pattern that were last seen.
    seen: Option<BTreeSet<String>>,
    /// The topics by pattern that were last reported to the group.
    told: BTreeSet<String>,
    /// Time of the next look-up, in milliseconds since the epoch.
    due_ms: i64,
    looked_ms: i64,
    is_looking: bool,
    /// True if a reader misses a topic.
    is_urgent: bool,
    change: Option<String>,
    failure: Option<Error>,
}

impl TopicWatch {
    pub(super) fn new(max_age_ms: i64, by_pattern: bool) -> Self {
        Self {
            max_age_ms,
            by_pattern,
            assigning: None,
            assigned: None,
            seen: None,
            told: BTreeSet::new(),
            due_ms: 0,
            looked_ms: 0,
            is_looking: false,
            is_urgent: false,
            change: None,
            failure: None,
        }
    }

    /// Notes that this member makes an assignment, with these partition counts.
    pub(super) fn assigns(&mut self, partitions: Counts) {
        self.assigning = Some(partitions);
    }

    /// Notes that an assignment has come: the one that this member made, or another member's.
    pub(super) fn is_assigned(&mut self, now_ms: i64) {
        self.assigned = self.assigning.take();
        self.due_ms = now_ms.saturating_add(self.max_age_ms);
        self.is_urgent = false;
        self.change = None;
    }

    /// Notes that the membership is over.
    pub(super) fn stop(&mut self) {
        self.assigning = None;
        self.assigned = None;
        self.change = None;
    }

    /// Returns whether the topics to report to the group are known.
    pub(super) fn knows_topics(&self) -> bool {
        !self.by_pattern || self.seen.is_some()
    }

    /// The topics by pattern to report to the group now.
    pub(super) fn tell(&mut self) -> &BTreeSet<String> {
        self.told = self.seen.clone().unwrap_or_default();
        &self.told
    }

    /// Notes that a reader misses a topic: if topics are read by pattern, the next look-up is soon.
    pub(super) fn hurry(&mut self) {
        self.is_urgent = self.by_pattern;
        if self.is_urgent {
            self.due_ms = self.due_ms.min(self.looked_ms.saturating_add(HURRY_MS));
        }
    }

    /// Returns whether to look now. The caller then looks, and reports the result to
    /// [`saw`](Self::saw).
    pub(super) fn begins_look(&mut self, now_ms: i64) -> bool {
        let concerns = self.by_pattern || self.assigned.is_some();
        if self.is_looking || !concerns || now_ms < self.due_ms {
            return false;
        }
        self.is_looking = true;
        true
    }

    /// Ends a look-up, with the partition counts of topics, and those of them that match patterns.
    pub(super) fn saw(&mut self, partitions: &Counts, matched: BTreeSet<String>, now_ms: i64) {
        self.looked(now_ms);
        self.failure = None;
        let change = match &self.assigned {
            Some(assigned) => self.change_since(assigned, partitions),
            None if self.is_urgent => difference(&self.told, &matched),
            None => None,
        };
        self.seen = Some(matched);
        if change.is_some() {
            self.assigned = None;
            self.is_urgent = false;
            self.change = change;
        }
    }

    /// Ends a look-up that failed.
    pub(super) fn failed(&mut self, error: Error, now_ms: i64) {
        self.looked(now_ms);
        if !self.knows_topics() {
            // Without them it does not join: the next look-up is soon.
            self.due_ms = now_ms.saturating_add(HURRY_MS);
        }
        self.failure = Some(error);
    }

    fn looked(&mut self, now_ms: i64) {
        self.is_looking = false;
        self.looked_ms = now_ms;
        self.due_ms = now_ms.saturating_add(self.max_age_ms);
    }

    fn change_since(&self, assigned: &Counts, seen: &Counts) -> Option<String> {
        let grown = assigned.iter().find_map(|(topic, before)| {
            let now = seen.get(topic).filter(|now| *now > before)?;
            Some(format!("topic `{topic}` has {now} partitions instead of {before}"))
        });
        let topics = |counts: &Counts| counts.keys().cloned().collect();
        grown.or_else(|| {
            let other = || difference(&topics(assigned), &topics(seen));
            self.by_pattern.then(other).flatten()
        })
    }

    /// The change of topics. Returned once.
    pub(super) fn take_change(&mut self) -> Option<String> {
        self.change.take()
    }

    /// The error of the last look-up. Returned once.
    pub(super) fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }
}

/// A topic that came or went.
fn difference(before: &BTreeSet<String>, now: &BTreeSet<String>) -> Option<String> {
    let new = now.difference(before).next().map(|topic| format!("topic `{topic}` is new"));
    new.or_else(|| before.difference(now).next().map(|topic| format!("topic `{topic}` is gone")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn topics(partitions: [i32; 2]) -> Counts {
        ["a", "b"].map(str::to_owned).into_iter().zip(partitions).collect()
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn saw(watch: &mut TopicWatch, partitions: &Counts, now_ms: i64) {
        watch.saw(partitions, BTreeSet::new(), now_ms);
    }

    /// The watch of a leader whose assignment came at 0, with a look every 1,000 ms.
    fn leader() -> TopicWatch {
        let mut watch = TopicWatch::new(1_000, false);
        watch.assigns(topics([2, 3]));
        watch.is_assigned(0);
        watch
    }

    #[test]
    fn the_leader_looks_each_time_the_age_is_reached_and_once_at_a_time() {
        let mut watch = leader();
        assert!(!watch.begins_look(999));
        assert!(watch.begins_look(1_000));
        assert!(!watch.begins_look(5_000), "a look is under way");
        saw(&mut watch, &topics([2, 3]), 5_500);
        assert_eq!(watch.take_change(), None);
        assert!(!watch.begins_look(6_499));
        assert!(watch.begins_look(6_500));
        watch.failed(Error::new(ErrorKind::Unavailable, "no broker"), 6_500);
        assert!(!watch.begins_look(6_501), "a look that failed is not repeated at once");
        assert!(watch.begins_look(7_500));
    }

    #[test]
    fn a_growth_is_said_once_and_not_again_before_the_next_assignment() {
        let mut watch = leader();
        assert!(watch.begins_look(1_000));
        saw(&mut watch, &topics([2, 5]), 1_000);
        let said = watch.take_change();
        assert_eq!(said.as_deref(), Some("topic `b` has 5 partitions instead of 3"));
        assert_eq!(watch.take_change(), None);
        assert!(!watch.begins_look(10_000));
        watch.assigns(topics([2, 5]));
        watch.is_assigned(10_000);
        assert!(watch.begins_look(11_000));
        saw(&mut watch, &topics([2, 5]), 11_000);
        assert_eq!(watch.take_change(), None);
    }

    #[test]
    fn fewer_partitions_and_missing_topics_are_not_taken_for_a_growth() {
        let mut watch = leader();
        assert!(watch.begins_look(1_000));
        saw(&mut watch, &[("a".to_owned(), 1)].into(), 1_000);
        assert_eq!(watch.take_change(), None);
        assert!(watch.begins_look(2_000));
    }

    #[test]
    fn a_member_that_does_not_lead_does_not_look() {
        let mut watch = leader();
        watch.is_assigned(100);
        assert!(!watch.begins_look(10_000), "another member made the newest assignment");
        let mut watch = leader();
        watch.stop();
        assert!(!watch.begins_look(10_000), "the membership is over");
    }

    #[test]
    fn a_member_with_patterns_looks_before_it_joins_and_the_leader_notices_other_topics() {
        let mut watch = TopicWatch::new(1_000, true);
        assert!(!watch.knows_topics() && watch.begins_look(0));
        watch.failed(Error::new(ErrorKind::Unavailable, "no broker"), 0);
        assert!(watch.take_failure().is_some() && watch.take_failure().is_none());
        assert!(!watch.begins_look(HURRY_MS - 1) && watch.begins_look(HURRY_MS));
        watch.saw(&topics([2, 3]), names(&["a", "b"]), 600);
        assert!(watch.knows_topics());
        assert_eq!(*watch.tell(), names(&["a", "b"]));
        watch.assigns(topics([2, 3]));
        watch.is_assigned(700);
        assert!(watch.begins_look(1_700));
        let three = [("c".to_owned(), 1)].into_iter().chain(topics([2, 3])).collect();
        watch.saw(&three, names(&["a", "b", "c"]), 1_700);
        assert_eq!(watch.take_change().as_deref(), Some("topic `c` is new"));
        assert_eq!(watch.tell().len(), 3);
        watch.assigns(three);
        watch.is_assigned(1_800);
        watch.saw(&topics([2, 3]), names(&["a", "b"]), 2_800);
        assert_eq!(watch.take_change().as_deref(), Some("topic `c` is gone"));
    }

    #[test]
    fn a_member_that_misses_a_topic_looks_soon_and_says_that_it_is_gone_although_it_does_not_lead()
    {
        let mut watch = TopicWatch::new(300_000, true);
        watch.saw(&topics([2, 3]), names(&["a", "b"]), 0);
        watch.tell();
        watch.is_assigned(100);
        assert!(!watch.begins_look(10_000));
        watch.hurry();
        assert!(watch.begins_look(10_000));
        watch.saw(&topics([2, 3]), names(&["a", "b"]), 10_000);
        assert_eq!(watch.take_change(), None, "the brokers still tell of it");
        watch.hurry();
        assert!(!watch.begins_look(10_100) && watch.begins_look(10_500));
        watch.saw(&[("b".to_owned(), 3)].into(), names(&["b"]), 10_500);
        assert_eq!(watch.take_change().as_deref(), Some("topic `a` is gone"));
        let mut named = leader();
        named.hurry();
        assert!(!named.begins_look(500), "what names its topics does not hurry");
    }
}
