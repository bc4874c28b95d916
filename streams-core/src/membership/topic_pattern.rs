//! A pattern of topic names.

use std::{fmt, sync::Arc};

use regex::Regex;

use crate::{Error, ErrorKind, Result};

/// A regular expression for all topics whose whole name matches it. Replaces Java's `Pattern`.
///
/// The syntax is that of the crate `regex`: Java's without look-around and back-references. Two
/// patterns are equal if their texts are.
///
/// ```
/// use streams_core::topology::TopicPattern;
///
/// let orders = TopicPattern::new("orders-.*")?;
/// assert!(orders.matches("orders-eu"));
/// assert!(!orders.matches("all-orders-eu"));
/// # Ok::<(), streams_core::Error>(())
/// ```
#[derive(Clone)]
pub struct TopicPattern {
    text: Arc<str>,
    whole: Regex,
}

impl TopicPattern {
    /// Creates the pattern with this text.
    ///
    /// # Errors
    /// `Topology` if it is not a regular expression.
    pub fn new(text: &str) -> Result<Self> {
        // By itself first: the added group could turn an invalid expression into a valid one.
        let whole = Regex::new(text).and_then(|_| Regex::new(&format!(r"\A(?:{text})\z")));
        let whole = whole.map_err(|cause| {
            let what = format!("`{text}` is no pattern of topics");
            Error::with_source(ErrorKind::Topology, what, cause)
        })?;
        Ok(Self { text: text.into(), whole })
    }

    /// The text of the pattern.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether it matches this topic.
    pub fn matches(&self, topic: &str) -> bool {
        self.whole.is_match(topic)
    }
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicPattern({})", self.text)
    }
}

impl PartialEq for TopicPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for TopicPattern {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_whole_names() {
        let matches =
            |pattern: &str, topic: &str| TopicPattern::new(pattern).unwrap().matches(topic);
        assert!(matches("topic-\\d+", "topic-12"));
        assert!(!matches("topic-\\d", "topic-12"));
        assert!(!matches("topic", "my-topic"));
        assert!(matches("a|b-x", "b-x") && !matches("a|b-x", "a-x"));
        assert!(matches("(?i)orders.*", "ORDERS-eu"));
    }

    #[test]
    fn what_is_no_regular_expression_is_refused_with_the_place() {
        for text in ["orders-(", "a)|(b", "x(?=y)"] {
            let error = TopicPattern::new(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Topology);
            assert!(error.to_string().contains(&format!("`{text}` is no pattern")), "{error}");
        }
    }
}
