//! A pattern of topic names.

use std::{fmt, sync::Arc};

use regex::Regex;

use crate::{Error, ErrorKind, Result};

/// A regular expression that stands for all topics whose whole name matches it. In place of Java's `Pattern`.
///
/// The syntax is that of the crate `regex`: Java's without look-around and back-references. Two patterns are equal
/// if their texts are.
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
    /// The pattern of this text.
    ///
    /// # Errors
    /// `Topology` if it is no regular expression.
    pub fn new(text: &str) -> Result<Self> {
        // By itself first: what is put around it may make one of what is none.
        let whole = Regex::new(text).and_then(|_| Regex::new(&format!(r"\A(?:{text})\z")));
        let whole = whole.map_err(|cause| {
            let what = format!("`{text}` is no pattern of topics");
            Error::with_source(ErrorKind::Topology, what, cause)
        })?;
        Ok(Self { text: text.into(), whole })
    }

    /// The text that it was made of.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it stands for this topic.
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
