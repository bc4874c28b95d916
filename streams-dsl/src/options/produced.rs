//! Options of a topic that is written.

use std::{fmt, sync::Arc};

use streams_core::{
    Record, Topic,
    processor::{Partitions, StreamPartitioner, TopicNameExtractor},
    serde::{SerdeRef, option},
};

use super::serdes::serde_fields;

/// Topics of a sink.
pub(crate) enum Target<K, V> {
    Topic(String),
    By { label: String, extractor: TopicNameExtractor<K, V> },
}

/// The topic that a stream is written to, and how. Java's `Produced`, with the topic.
///
/// ```
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let orders = builder.stream::<String, i64>("orders");
/// orders.to(Produced::topic("copy")).named("copy-out");
/// orders.to(Produced::topic_by("by-size", |order: &Record<'_, String, i64>| {
///     if *order.value > 1_000 { "large".to_owned() } else { "small".to_owned() }
/// }));
/// let text = builder.build()?.describe();
/// assert!(text.contains("Sink: copy-out (topic: copy)"));
/// assert!(text.contains("Sink: KSTREAM-SINK-0000000002 (extractor class: by-size)"));
/// # Ok::<(), streams_dsl::Error>(())
/// ```
pub struct Produced<K, V> {
    pub(crate) target: Target<K, V>,
    pub(crate) key_serde: Option<SerdeRef<K>>,
    pub(crate) value_serde: Option<SerdeRef<V>>,
    pub(crate) partitioner: Option<StreamPartitioner<K, V>>,
}

impl<K, V> Produced<K, V> {
    fn new(target: Target<K, V>) -> Self {
        Self { target, key_serde: None, value_serde: None, partitioner: None }
    }

    /// Writes to one topic, which must exist.
    pub fn topic(topic: impl Into<String>) -> Self {
        Self::new(Target::Topic(topic.into()))
    }

    /// Writes each record to the topic that `extractor` names; all of them must exist. `label`
    /// stands for the extractor in `describe()`. Java's `TopicNameExtractor`.
    pub fn topic_by(
        label: impl Into<String>,
        extractor: impl Fn(&Record<'_, K, V>) -> String + Send + Sync + 'static,
    ) -> Self {
        Self::new(Target::By { label: label.into(), extractor: Arc::new(extractor) })
    }

    serde_fields!();

    /// Chooses the partition of each record by topic, key, value and number of partitions, instead
    /// of by the hash of the key; `None` leaves it to that. A list sends the record to several, and
    /// [`Partitions::All`] to all (KIP-837).
    ///
    /// ```
    /// use streams_dsl::{prelude::*, processor::Partitions};
    ///
    /// let builder = StreamsBuilder::new();
    /// let rates = builder.stream::<String, i64>("rates");
    /// rates.to(Produced::topic("rates-for-all").with_stream_partitioner(|_, _, _, _| Partitions::All));
    /// # builder.build()?;
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[must_use]
    pub fn with_stream_partitioner<P: Into<Partitions>>(
        mut self,
        partitioner: impl Fn(&str, &K, &V, i32) -> P + Send + Sync + 'static,
    ) -> Self {
        let partitioner = move |topic: &str, key: &K, value: &V, count| {
            partitioner(topic, key, value, count).into()
        };
        self.partitioner = Some(Arc::new(partitioner));
        self
    }
}

impl<K, V> Clone for Produced<K, V> {
    fn clone(&self) -> Self {
        Self {
            target: self.target.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            partitioner: self.partitioner.clone(),
        }
    }
}

impl<K, V> Clone for Target<K, V> {
    fn clone(&self) -> Self {
        match self {
            Self::Topic(topic) => Self::Topic(topic.clone()),
            Self::By { label, extractor } => {
                Self::By { label: label.clone(), extractor: extractor.clone() }
            }
        }
    }
}

impl<K, V> From<&Topic<K, V>> for Produced<K, V> {
    fn from(topic: &Topic<K, V>) -> Self {
        Self::topic(topic.name()).with(topic.key_serde().clone(), topic.value_serde().clone())
    }
}

/// Writes a table's changes: a deletion is written as a null.
impl<K, V: 'static> From<&Topic<K, V>> for Produced<K, Option<V>> {
    fn from(topic: &Topic<K, V>) -> Self {
        Self::topic(topic.name())
            .with(topic.key_serde().clone(), option(topic.value_serde().clone()))
    }
}

impl<K, V: 'static> From<Topic<K, V>> for Produced<K, Option<V>> {
    fn from(topic: Topic<K, V>) -> Self {
        Self::from(&topic)
    }
}

impl<K, V> From<Topic<K, V>> for Produced<K, V> {
    fn from(topic: Topic<K, V>) -> Self {
        Self::from(&topic)
    }
}

impl<K, V> From<&str> for Produced<K, V> {
    fn from(topic: &str) -> Self {
        Self::topic(topic)
    }
}

impl<K, V> From<String> for Produced<K, V> {
    fn from(topic: String) -> Self {
        Self::topic(topic)
    }
}

impl<K, V> From<&String> for Produced<K, V> {
    fn from(topic: &String) -> Self {
        Self::topic(topic)
    }
}

impl<K, V> fmt::Debug for Produced<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Topic(topic) => write!(f, "Produced({topic})"),
            Target::By { label, .. } => write!(f, "Produced(by {label})"),
        }
    }
}
