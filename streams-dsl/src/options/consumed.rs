//! Options of topics that are read.

use std::{fmt, sync::Arc};

use streams_core::{
    BoxError, Topic,
    client::OffsetReset,
    processor::{ExtractTimestamp, TimestampExtractor},
    serde::SerdeRef,
};

use super::serdes::serde_fields;

/// The topics that a stream, a table or a global table reads, and how. Java's `Consumed`, with the
/// topics.
///
/// ```
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let orders = Consumed::topic("orders").with(string(), long());
/// builder.stream(orders).named("orders-in").to("copy");
/// assert!(builder.build()?.describe().contains("Source: orders-in (topics: [orders])"));
/// # Ok::<(), streams_dsl::Error>(())
/// ```
///
/// A [`Topic`] says name and types at once:
///
/// ```
/// use streams_dsl::prelude::*;
///
/// let orders = Topic::new("orders", string(), long());
/// let builder = StreamsBuilder::new();
/// builder.stream(&orders).filter(|_, amount| *amount > 0).to(Topic::new("copy", string(), long()));
/// # builder.build()?;
/// # Ok::<(), streams_dsl::Error>(())
/// ```
pub struct Consumed<K, V> {
    pub(crate) topics: Vec<String>,
    /// Pattern of the topics' names, in place of `topics`.
    pub(crate) pattern: Option<String>,
    pub(crate) key_serde: Option<SerdeRef<K>>,
    pub(crate) value_serde: Option<SerdeRef<V>>,
    pub(crate) extractor: Option<TimestampExtractor<K, V>>,
    pub(crate) reset: Option<OffsetReset>,
}

impl<K, V> Consumed<K, V> {
    /// Reads one topic.
    pub fn topic(topic: impl Into<String>) -> Self {
        Self::topics([topic])
    }

    /// Reads several topics as one stream; there is no order between them.
    pub fn topics<T: Into<String>>(topics: impl IntoIterator<Item = T>) -> Self {
        Self::of(topics.into_iter().map(Into::into).collect(), None)
    }

    /// Reads all topics whose whole names match this regular expression as one stream; there is no
    /// order between them. Java's `stream(Pattern)`.
    ///
    /// Topics that come to be while instances run are read from then on, as soon as the group
    /// notices them: within `metadata.max.age.ms`. Topics that are deleted are read no more. The
    /// offset-reset policy is that of all of them. Topics of the cluster itself and internal topics
    /// of the application do not match; a topic that matches must not be read by another stream or
    /// table, by name or by pattern. Where the stream needs state, a topic with more partitions
    /// than the topics before it does not fit the changelogs that there are, and stops the
    /// application.
    ///
    /// The syntax is that of [`TopicPattern`](crate::topology::TopicPattern). With
    /// `group.protocol=streams` there are no patterns, as in Java.
    ///
    /// ```
    /// use streams_dsl::{config::StreamsConfig, prelude::*, testing::TopologyTestDriver};
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream::<String, i64>(Consumed::pattern("orders-.*"));
    /// orders.filter(|_, amount| *amount > 100).to("large");
    /// let topology = builder.build()?;
    /// assert!(topology.describe().contains("Source: KSTREAM-SOURCE-0000000000 (topics: orders-.*)"));
    ///
    /// let driver = TopologyTestDriver::new(&topology, StreamsConfig::new("app", "unused:9092"))?;
    /// driver.input_topic("orders-eu", string(), long()).pipe_input("a".to_owned(), 250, 0)?;
    /// let large = driver.output_topic("large", string(), long());
    /// assert_eq!(large.read_key_value()?, Some(("a".to_owned(), 250)));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    pub fn pattern(pattern: impl Into<String>) -> Self {
        Self::of(Vec::new(), Some(pattern.into()))
    }

    fn of(topics: Vec<String>, pattern: Option<String>) -> Self {
        Self { topics, pattern, key_serde: None, value_serde: None, extractor: None, reset: None }
    }

    serde_fields!();

    /// Takes the event time of each record from `extractor`, in milliseconds since the epoch; a
    /// negative one drops the record. The extractor of a table is asked about records with both a
    /// key and a value; others keep the timestamp that they have on the topic.
    #[must_use]
    pub fn with_timestamp_extractor(
        mut self,
        extractor: impl Fn(&ExtractTimestamp<'_, K, V>) -> Result<i64, BoxError> + Send + Sync + 'static,
    ) -> Self {
        self.extractor = Some(Arc::new(extractor));
        self
    }

    /// Sets where reading begins without a committed offset, in place of `auto.offset.reset`. A
    /// global table or store is read from the beginning all the same.
    #[must_use]
    pub fn with_offset_reset_policy(mut self, reset: OffsetReset) -> Self {
        self.reset = Some(reset);
        self
    }
}

impl<K, V> Clone for Consumed<K, V> {
    fn clone(&self) -> Self {
        Self {
            topics: self.topics.clone(),
            pattern: self.pattern.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            extractor: self.extractor.clone(),
            reset: self.reset,
        }
    }
}

impl<K, V> From<&Topic<K, V>> for Consumed<K, V> {
    fn from(topic: &Topic<K, V>) -> Self {
        Self::topic(topic.name()).with(topic.key_serde().clone(), topic.value_serde().clone())
    }
}

impl<K, V> From<Topic<K, V>> for Consumed<K, V> {
    fn from(topic: Topic<K, V>) -> Self {
        Self::from(&topic)
    }
}

impl<K, V> From<&str> for Consumed<K, V> {
    fn from(topic: &str) -> Self {
        Self::topic(topic)
    }
}

impl<K, V> From<String> for Consumed<K, V> {
    fn from(topic: String) -> Self {
        Self::topic(topic)
    }
}

impl<K, V> From<&String> for Consumed<K, V> {
    fn from(topic: &String) -> Self {
        Self::topic(topic)
    }
}

impl<K, V> fmt::Debug for Consumed<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pattern {
            Some(pattern) => write!(f, "Consumed(pattern {pattern})"),
            None => write!(f, "Consumed({:?})", self.topics),
        }
    }
}
