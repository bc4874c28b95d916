//! The subject that a schema is registered as.

use streams_core::{Error, ErrorKind, Result};

/// The subject of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SubjectStrategy {
    /// `TOPIC-key` or `TOPIC-value`: one type per topic. A store's topic is its changelog. Java's
    /// `TopicNameStrategy`.
    #[default]
    Topic,
    /// The full name of the record, message or title, wherever it is. Java's `RecordNameStrategy`.
    Record,
    /// `TOPIC-NAME`: several types per topic. Java's `TopicRecordNameStrategy`.
    TopicRecord,
}

/// The side of a record that a serde is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Key,
    Value,
}

impl SubjectStrategy {
    pub(crate) fn check(self, record: Option<&str>) -> Result {
        if self == Self::Topic || record.is_some() {
            return Ok(());
        }
        let text = "the schema has no name to be the subject's: name it (a record in Avro, the `title` in JSON \
                    Schema), or use SubjectStrategy::Topic";
        Err(Error::new(ErrorKind::Config, text))
    }

    pub(crate) fn subject(self, topic: &str, side: Side, record: Option<&str>) -> String {
        let record = record.unwrap_or_default();
        match (self, side) {
            (Self::Topic, Side::Key) => format!("{topic}-key"),
            (Self::Topic, Side::Value) => format!("{topic}-value"),
            (Self::Record, _) => record.to_owned(),
            (Self::TopicRecord, _) => format!("{topic}-{record}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of Confluent's three strategies.
    #[test]
    fn a_subject_is_of_the_topic_the_record_or_both() {
        let subject =
            |strategy: SubjectStrategy, side| strategy.subject("orders", side, Some("shop.Order"));
        assert_eq!(subject(SubjectStrategy::Topic, Side::Key), "orders-key");
        assert_eq!(subject(SubjectStrategy::Topic, Side::Value), "orders-value");
        assert_eq!(subject(SubjectStrategy::Record, Side::Key), "shop.Order");
        assert_eq!(subject(SubjectStrategy::TopicRecord, Side::Value), "orders-shop.Order");
    }

    #[test]
    fn a_schema_without_a_name_is_refused_where_it_is_the_subject() {
        assert!(SubjectStrategy::Topic.check(None).is_ok());
        assert!(SubjectStrategy::Record.check(None).is_err());
        assert!(SubjectStrategy::TopicRecord.check(None).is_err());
    }
}
