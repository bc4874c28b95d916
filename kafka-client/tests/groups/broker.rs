//! The broker, and waiting for events there.

use std::time::{Duration, SystemTime};

use kafka_client::{
    Client, ClientConfig, GroupMember, NewTopic, OffsetAndMetadata, TopicPartition,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// A client of the test broker, if there is one.
pub(crate) fn client() -> Option<Client> {
    let servers = std::env::var("KAFKA_STREAMS_TEST_BOOTSTRAP").ok();
    if servers.is_none() {
        println!("skipped: KAFKA_STREAMS_TEST_BOOTSTRAP is not set");
    }
    servers.map(|servers| Client::new(ClientConfig::new(servers.split(','))))
}

/// A name that no earlier run has used.
pub(crate) fn unique(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "a broker outlives a run, so names must differ")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    format!("{name}-{}-{}", std::process::id(), now.as_nanos())
}

pub(crate) async fn create_topic(client: &Client, name: &str, partitions: i32) {
    let topic = NewTopic {
        name: name.to_owned(),
        partitions,
        replication_factor: 1,
        config: std::collections::BTreeMap::new(),
    };
    client.create_topics(&[topic]).await.unwrap();
}

/// Asks until there is an answer.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let answer = tokio::time::timeout(PATIENCE, asking).await;
    answer.unwrap_or_else(|_| panic!("it did not happen: {what}"))
}

/// Commits one offset; the broker's error code, or 0.
pub(crate) async fn commit(
    client: &Client,
    member: GroupMember,
    topic: &str,
    partition: i32,
) -> i16 {
    let place = TopicPartition { topic: topic.to_owned(), partition };
    let offset = OffsetAndMetadata { offset: 7, ..OffsetAndMetadata::default() };
    let committed = client.commit_offsets(&member, &[(place, offset)]).await;
    committed.map_or_else(|error| error.code().unwrap(), |()| 0)
}
