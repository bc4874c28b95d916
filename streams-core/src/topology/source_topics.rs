//! What a source node reads: topics that it names, or those that match a pattern.

use std::fmt;

use crate::membership::TopicPattern;

/// The topics of a source node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SourceTopics {
    /// These.
    Named(Vec<String>),
    /// All whose names match, whenever they come to be.
    Matching(TopicPattern),
}

impl SourceTopics {
    /// Those that are named.
    pub(crate) fn named(&self) -> &[String] {
        match self {
            Self::Named(topics) => topics,
            Self::Matching(_) => &[],
        }
    }

    /// The pattern that others match.
    pub(crate) const fn pattern(&self) -> Option<&TopicPattern> {
        match self {
            Self::Named(_) => None,
            Self::Matching(pattern) => Some(pattern),
        }
    }
}

/// As it stands in `describe()`: a list, or the text of the pattern.
impl fmt::Display for SourceTopics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(topics) => write!(f, "[{}]", topics.join(", ")),
            Self::Matching(pattern) => pattern.fmt(f),
        }
    }
}
