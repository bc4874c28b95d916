//! Noticing that the topics of a group have got more partitions.
//!
//! The leader of a classic group assigned the partitions that it saw; only it knows of how many there were, so it looks
//! again every `metadata.max.age.ms`. This is what it remembers, without any network. Invariant: a growth is said once,
//! and not again before the next assignment.

use std::collections::BTreeMap;

/// What the leader remembers of topics. Java's `ConsumerCoordinator` keeps it as its assignment snapshot.
#[derive(Debug)]
pub(super) struct TopicWatch {
    max_age_ms: i64,
    /// Partitions that the assignment which is being made stands on.
    assigning: Option<BTreeMap<String, i32>>,
    /// Partitions that the current assignment stands on; `None` where another member leads.
    assigned: Option<BTreeMap<String, i32>>,
    /// When to look next, in milliseconds since the epoch.
    due_ms: i64,
    is_looking: bool,
    growth: Option<String>,
}

impl TopicWatch {
    pub(super) fn new(max_age_ms: i64) -> Self {
        Self {
            max_age_ms,
            assigning: None,
            assigned: None,
            due_ms: 0,
            is_looking: false,
            growth: None,
        }
    }

    /// This member makes an assignment, of topics with so many partitions.
    pub(super) fn assigns(&mut self, partitions: BTreeMap<String, i32>) {
        self.assigning = Some(partitions);
    }

    /// An assignment has come: what this member made of late, or else somebody else's.
    pub(super) fn is_assigned(&mut self, now_ms: i64) {
        self.assigned = self.assigning.take();
        self.due_ms = now_ms.saturating_add(self.max_age_ms);
        self.growth = None;
    }

    /// The membership is over.
    pub(super) fn stop(&mut self) {
        self.assigning = None;
        self.assigned = None;
        self.growth = None;
    }

    /// Whether to look now. Whoever is told so looks, and says what was [seen](Self::saw).
    pub(super) fn begins_look(&mut self, now_ms: i64) -> bool {
        if self.is_looking || self.assigned.is_none() || now_ms < self.due_ms {
            return false;
        }
        self.is_looking = true;
        true
    }

    /// The end of a look: topics with so many partitions, or `None` if the cluster did not say.
    pub(super) fn saw(&mut self, partitions: Option<&BTreeMap<String, i32>>, now_ms: i64) {
        self.is_looking = false;
        self.due_ms = now_ms.saturating_add(self.max_age_ms);
        let (Some(seen), Some(assigned)) = (partitions, &self.assigned) else { return };
        let grown = assigned.iter().find_map(|(topic, before)| {
            let now = seen.get(topic).filter(|now| *now > before)?;
            Some(format!("topic `{topic}` has {now} partitions instead of {before}"))
        });
        if grown.is_some() {
            self.assigned = None;
            self.growth = grown;
        }
    }

    /// Which topic has grown, and how. Says so once.
    pub(super) fn take_growth(&mut self) -> Option<String> {
        self.growth.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(partitions: [i32; 2]) -> BTreeMap<String, i32> {
        ["a", "b"].map(str::to_owned).into_iter().zip(partitions).collect()
    }

    /// The watch of a leader whose assignment came at 0, with a look every 1,000 ms.
    fn leader() -> TopicWatch {
        let mut watch = TopicWatch::new(1_000);
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
        watch.saw(Some(&topics([2, 3])), 5_500);
        assert_eq!(watch.take_growth(), None);
        assert!(!watch.begins_look(6_499));
        assert!(watch.begins_look(6_500));
        watch.saw(None, 6_500);
        assert!(!watch.begins_look(6_501), "a look that failed is not repeated at once");
        assert!(watch.begins_look(7_500));
    }

    #[test]
    fn a_growth_is_said_once_and_not_again_before_the_next_assignment() {
        let mut watch = leader();
        assert!(watch.begins_look(1_000));
        watch.saw(Some(&topics([2, 5])), 1_000);
        let said = watch.take_growth();
        assert_eq!(said.as_deref(), Some("topic `b` has 5 partitions instead of 3"));
        assert_eq!(watch.take_growth(), None);
        assert!(!watch.begins_look(10_000));
        watch.assigns(topics([2, 5]));
        watch.is_assigned(10_000);
        assert!(watch.begins_look(11_000));
        watch.saw(Some(&topics([2, 5])), 11_000);
        assert_eq!(watch.take_growth(), None);
    }

    #[test]
    fn fewer_partitions_and_missing_topics_are_not_taken_for_a_growth() {
        let mut watch = leader();
        assert!(watch.begins_look(1_000));
        watch.saw(Some(&[("a".to_owned(), 1)].into()), 1_000);
        assert_eq!(watch.take_growth(), None);
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
}
