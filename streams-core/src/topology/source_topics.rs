//! Topics of a source node: those that it names, or those that match a pattern.

use std::fmt;

use crate::membership::TopicPattern;

/// The topics of a source node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SourceTopics {
    /// These topics.
    Named(Vec<String>),
    /// All topics whose names match, whenever they are created.
    Matching(TopicPattern),
}

impl SourceTopics {
    /// The topics that are named.
    pub(crate) fn named(&self) -> &[String] {
        match self {
            Self::Named(topics) => topics,
            Self::Matching(_) => &[],
        }
    }

    /// The pattern that others must match.
    pub(crate) const fn pattern(&self) -> Option<&TopicPattern> {
        match self {
            Self::Named(_) => None,
            Self::Matching(pattern) => Some(pattern),
        }
    }
}

/// Formats as in `describe()`: a list, or the text of the pattern.
impl fmt::Display for SourceTopics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(topics) => write!(f, "[{}]", topics.join(", ")),
            Self::Matching(pattern) => pattern.fmt(f),
        }
    }
}
