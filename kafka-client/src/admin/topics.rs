//! Look-up, creation and deletion of topics.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use kafka_protocol::{
    messages::{
        CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
        TopicName,
        create_topics_request::{CreatableTopic, CreatableTopicConfig},
    },
    protocol::StrBytes,
};

use crate::{Client, Result, error::check_code};

/// Kafka's `UNKNOWN_TOPIC_OR_PARTITION`.
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
/// Kafka's `TOPIC_ALREADY_EXISTS`.
const TOPIC_ALREADY_EXISTS: i16 = 36;
/// Time between two checks whether a topic is known.
const KNOWN_BACKOFF: Duration = Duration::from_millis(20);
/// Newest version of `DeleteTopics` that lists bare names.
const DELETE_TOPICS_VERSION_MAX: i16 = 5;

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Number of partitions, at least 1; -1 leaves it to the cluster.
    pub partitions: i32,
    /// Copies of each partition; -1 leaves it to the cluster.
    pub replication_factor: i16,
    /// Settings by Kafka's names.
    pub config: BTreeMap<String, String>,
}

/// An existing topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Number of partitions.
    pub partitions: i32,
    /// The topic's own settings; defaults of the cluster are left out.
    pub config: BTreeMap<String, String>,
}

/// Result of creating topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreatedTopics {
    /// Topics that were created.
    pub created: BTreeSet<String>,
    /// Topics that existed before and were left unchanged.
    pub existed: BTreeSet<String>,
}

impl Client {
    /// Partitions and settings of topics; a missing topic is left out, and none is created (Java's
    /// `Admin.describeTopics` and `describeConfigs`).
    ///
    /// # Errors
    /// `Authorization` if a topic's settings may not be read.
    pub async fn describe_topics(
        &self,
        topics: &[&str],
    ) -> Result<BTreeMap<String, TopicDescription>> {
        let counts = self.partition_counts(topics).await?;
        if counts.is_empty() {
            return Ok(BTreeMap::new());
        }
        let names: Vec<&str> = counts.keys().map(String::as_str).collect();
        let mut configs = self.retrying("DescribeConfigs", || self.topic_configs(&names)).await?;
        let describe = |(name, partitions): (&String, &i32)| {
            let config = configs.remove(name).unwrap_or_default();
            (name.clone(), TopicDescription { partitions: *partitions, config })
        };
        Ok(counts.iter().map(describe).collect())
    }

    /// The number of partitions of topics; a missing topic is left out, and none is created.
    ///
    /// # Errors
    /// `Invalid` if a name can't be a topic's.
    pub async fn partition_counts(&self, topics: &[&str]) -> Result<BTreeMap<String, i32>> {
        if topics.is_empty() {
            return Ok(BTreeMap::new());
        }
        let found = self.retrying("Metadata", || self.describe_leaders(topics)).await?;
        let count = |(name, leaders): (String, BTreeMap<_, _>)| {
            (name, i32::try_from(leaders.len()).unwrap_or(i32::MAX))
        };
        Ok(found.into_iter().map(count).collect())
    }

    /// All topics that this principal may see, with their numbers of partitions, without those of
    /// the cluster itself (Java's `Admin.listTopics`).
    ///
    /// # Errors
    /// The reason why no broker could be asked.
    pub async fn list_topics(&self) -> Result<BTreeMap<String, i32>> {
        self.retrying("Metadata", || self.read_topics()).await
    }

    /// Creates topics; an existing one is left unchanged (Java's `Admin.createTopics`).
    ///
    /// Returns when the brokers know the topics: the controller answers earlier, and a broker that
    /// is asked for such a topic then would answer that it does not exist.
    ///
    /// # Errors
    /// `Invalid` or `Authorization`, with the name of the refused topic; others may have been
    /// created.
    pub async fn create_topics(&self, topics: &[NewTopic]) -> Result<CreatedTopics> {
        if topics.is_empty() {
            return Ok(CreatedTopics::default());
        }
        let outcome = self.retrying("CreateTopics", || self.try_create_topics(topics)).await?;
        self.until_known(&outcome.created).await?;
        Ok(outcome)
    }

    /// Waits until a broker knows the created topics, for at most the request time-out.
    async fn until_known(&self, created: &BTreeSet<String>) -> Result<()> {
        let names: Vec<&str> = created.iter().map(String::as_str).collect();
        let look = async {
            while self.partition_counts(&names).await?.len() < names.len() {
                tokio::time::sleep(KNOWN_BACKOFF).await;
            }
            Ok(())
        };
        // They exist, and will be known: a long delay is no failure of their creation.
        tokio::time::timeout(self.config().request_timeout, look).await.unwrap_or(Ok(()))
    }

    /// Deletes topics; returns those that existed (Java's `Admin.deleteTopics`).
    ///
    /// # Errors
    /// `Authorization` or `Invalid`, with the name of the refused topic; others may have been
    /// deleted.
    pub async fn delete_topics(&self, topics: &[&str]) -> Result<BTreeSet<String>> {
        if topics.is_empty() {
            return Ok(BTreeSet::new());
        }
        self.retrying("DeleteTopics", || self.try_delete_topics(topics)).await
    }

    async fn try_create_topics(&self, topics: &[NewTopic]) -> Result<CreatedTopics> {
        let request = CreateTopicsRequest::default()
            .with_topics(topics.iter().map(creatable).collect())
            .with_timeout_ms(millis(self.config().request_timeout));
        let answer: CreateTopicsResponse = self.call_controller(request).await?;
        let mut outcome = CreatedTopics::default();
        for topic in answer.topics {
            let name = topic.name.to_string();
            if topic.error_code == TOPIC_ALREADY_EXISTS {
                outcome.existed.insert(name);
                continue;
            }
            let context = format_args!("CreateTopics of topic {name}");
            check_code(topic.error_code, context, topic.error_message.as_deref())?;
            outcome.created.insert(name);
        }
        Ok(outcome)
    }

    async fn try_delete_topics(&self, topics: &[&str]) -> Result<BTreeSet<String>> {
        let name = |name: &&str| TopicName(StrBytes::from_string((*name).to_owned()));
        let request = DeleteTopicsRequest::default()
            .with_topic_names(topics.iter().map(name).collect())
            .with_timeout_ms(millis(self.config().request_timeout));
        let answer: DeleteTopicsResponse =
            self.ask_controller(&request, DELETE_TOPICS_VERSION_MAX).await?;
        let mut deleted = BTreeSet::new();
        for result in answer.responses {
            let name = result.name.map(|name| name.to_string()).unwrap_or_default();
            if result.error_code == UNKNOWN_TOPIC_OR_PARTITION {
                continue;
            }
            let context = format_args!("DeleteTopics of topic {name}");
            check_code(result.error_code, context, result.error_message.as_deref())?;
            deleted.insert(name);
        }
        Ok(deleted)
    }
}

/// A duration as Kafka's requests carry it.
pub(super) fn millis(span: Duration) -> i32 {
    i32::try_from(span.as_millis()).unwrap_or(i32::MAX)
}

fn creatable(topic: &NewTopic) -> CreatableTopic {
    let setting = |(name, value): (&String, &String)| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_string(name.clone()))
            .with_value(Some(StrBytes::from_string(value.clone())))
    };
    CreatableTopic::default()
        .with_name(TopicName(StrBytes::from_string(topic.name.clone())))
        .with_num_partitions(topic.partitions)
        .with_replication_factor(topic.replication_factor)
        .with_configs(topic.config.iter().map(setting).collect())
}
