//! The topics that match patterns.
//!
//! A topology with patterns is the same for all members of a group; its input follows from the
//! existing topics. The coordinator of the group adds those, and continues with a topology that
//! only names topics. Invariant: a topic has one reader, and no internal topic of the application
//! is mistaken for one of the user's.

use std::{borrow::Cow, collections::BTreeSet};

use super::{GroupTopology, Subtopology, TopicPattern};
use crate::{Error, ErrorKind, Result};

impl GroupTopology {
    /// Returns whether it reads topics by pattern.
    pub fn has_patterns(&self) -> bool {
        self.subtopologies.values().any(|part| !part.source_patterns.is_empty())
    }

    /// The topology with those of the `existing` topics that match its patterns added to its source
    /// topics. Internal topics of the application `group_id` are left out, including those of a
    /// former topology.
    ///
    /// # Errors
    /// `InvalidTopic` if a topic matches two patterns, which Java refuses, too.
    pub(crate) fn matched<'t>(
        &self,
        group_id: &str,
        existing: impl IntoIterator<Item = &'t str>,
    ) -> Result<Cow<'_, Self>> {
        if !self.has_patterns() {
            return Ok(Cow::Borrowed(self));
        }
        let mut matched = self.clone();
        for topic in existing {
            if self.is_internal(group_id, topic) {
                continue;
            }
            let Some((number, pattern, groups)) = self.reader_by_pattern(topic)? else { continue };
            tracing::trace!(topic, %pattern, number, "a topic matches");
            let Some(part) = matched.subtopologies.get_mut(&number) else { continue };
            part.source_topics.insert(topic.to_owned());
            for group in groups {
                if let Some(group) = part.copartition_groups.get_mut(*group) {
                    group.insert(topic.to_owned());
                }
            }
        }
        Ok(Cow::Owned(matched))
    }

    /// The sub-topology that reads a topic by a pattern, the pattern, and the groups of its topics.
    fn reader_by_pattern(
        &self,
        topic: &str,
    ) -> Result<Option<(u32, &TopicPattern, &BTreeSet<usize>)>> {
        let patterns = self.subtopologies.iter().flat_map(|(number, part)| {
            part.source_patterns.iter().map(|(pattern, groups)| (*number, pattern, groups))
        });
        let mut readers = patterns.filter(|(_, pattern, _)| pattern.matches(topic));
        let Some(reader) = readers.next() else { return Ok(None) };
        let Some((_, other, _)) = readers.next() else { return Ok(Some(reader)) };
        let text = format!(
            "topic `{topic}` matches both of the patterns `{}` and `{other}`; change one of them, for a topic is read by one \
             source",
            reader.1
        );
        Err(Error::new(ErrorKind::InvalidTopic, text))
    }

    fn is_internal(&self, group_id: &str, topic: &str) -> bool {
        let of_application = topic.strip_prefix(group_id).is_some_and(|rest| rest.starts_with('-'));
        let is_named_so = topic.ends_with("-changelog") || topic.ends_with("-repartition");
        (of_application && is_named_so)
            || self.subtopologies.values().any(|part| part.has_internal(topic))
    }
}

impl Subtopology {
    /// Returns whether it reads a topic, by name or by pattern.
    pub(crate) fn reads(&self, topic: &str) -> bool {
        self.source_topics.contains(topic)
            || self.repartition_source_topics.contains_key(topic)
            || self.source_patterns.iter().any(|(pattern, _)| pattern.matches(topic))
    }

    fn has_internal(&self, topic: &str) -> bool {
        self.repartition_source_topics.contains_key(topic)
            || self.repartition_sink_topics.contains(topic)
            || self.changelog_topics.contains_key(topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::InternalTopic;

    fn part(patterns: &[&str]) -> Subtopology {
        let pattern = |text: &&str| (TopicPattern::new(text).unwrap(), BTreeSet::new());
        Subtopology {
            source_patterns: patterns.iter().map(pattern).collect(),
            ..Subtopology::default()
        }
    }

    fn names(topics: &[&str]) -> BTreeSet<String> {
        topics.iter().map(|topic| (*topic).to_owned()).collect()
    }

    #[test]
    fn topics_that_match_are_read_and_belong_to_the_groups_of_their_pattern() {
        let mut joined = part(&["eu-.*"]);
        joined.source_topics = names(&["customers"]);
        joined.copartition_groups = vec![names(&["other"]), names(&["customers"])];
        for (_, groups) in &mut joined.source_patterns {
            groups.insert(1);
        }
        let topology = GroupTopology { subtopologies: [(0, joined), (1, part(&["us-.*"]))].into() };
        let existing = ["customers", "eu-a", "eu-b", "us-a", "else"];
        let matched = topology.matched("app", existing).unwrap();
        let first = &matched.subtopologies[&0];
        assert_eq!(first.source_topics, names(&["customers", "eu-a", "eu-b"]));
        let groups = [names(&["other"]), names(&["customers", "eu-a", "eu-b"])];
        assert_eq!(first.copartition_groups, groups);
        assert_eq!(matched.subtopologies[&1].source_topics, names(&["us-a"]));
        assert_eq!(topology.matched("app", []).unwrap().as_ref(), &topology);
    }

    #[test]
    fn internal_topics_of_the_application_are_not_the_user_s() {
        let mut everything = part(&[".*"]);
        let internal = ("any-name".to_owned(), InternalTopic::default());
        everything.repartition_source_topics = [internal].into();
        let topology = GroupTopology { subtopologies: [(0, everything)].into() };
        let existing =
            ["any-name", "app-counts-changelog", "app-x-repartition", "app-orders", "in"];
        let matched = topology.matched("app", existing).unwrap();
        assert_eq!(matched.subtopologies[&0].source_topics, names(&["app-orders", "in"]));
    }

    #[test]
    fn a_topic_of_two_patterns_is_refused_by_name() {
        let topology =
            GroupTopology { subtopologies: [(0, part(&["a.*"])), (1, part(&[".*b"]))].into() };
        assert!(topology.matched("app", ["aa", "bb"]).is_ok());
        let error = topology.matched("app", ["aa", "ab"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidTopic);
        for part in ["`ab`", "`a.*`", "`.*b`"] {
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
