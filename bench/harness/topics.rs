//! The output of a run: its amount, and comparison with another run's.

use std::{
    collections::HashMap,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
};

use bench::kafka::{Failure, ends, read_all};
use kafka_client::{Client, NewTopic};
use serde::Serialize;

use crate::{input::PARTITIONS, workload::Compared};

/// Amount of data in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Written {
    /// Offsets, including the control records of transactions.
    pub(crate) records: i64,
    /// Bytes of its log on the broker's disk.
    pub(crate) bytes: u64,
}

/// Content of a topic, to be compared with that of another run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// Records, or keys that have a value.
    pub(crate) rows: usize,
    /// A sum of hashes over partition, key, value and timestamp of each.
    hashes: u64,
}

/// Creates an empty topic.
pub(crate) async fn create(client: &Client, name: &str) -> Result<(), Failure> {
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: PARTITIONS,
        replication_factor: 1,
        config: [("retention.ms".to_owned(), "-1".to_owned())].into(),
    };
    client.create_topics(std::slice::from_ref(&topic)).await?;
    Ok(())
}

/// Amounts in each topic of an application, and in the other named topics.
pub(crate) async fn written(
    client: &Client,
    broker: &Path,
    application: &str,
    others: &[&str],
) -> Result<Vec<(String, Written)>, Failure> {
    let mut found = Vec::new();
    for name in client.list_topics().await?.keys() {
        let internal = name.strip_prefix(application);
        if internal.is_none() && !others.contains(&name.as_str()) {
            continue;
        }
        let records = ends(client, name).await?.values().sum();
        let bytes = bytes_on_disk(broker, name)?;
        found.push((internal.unwrap_or(name).to_owned(), Written { records, bytes }));
    }
    Ok(found)
}

/// Bytes of the segments of a topic: the broker is on this machine.
fn bytes_on_disk(broker: &Path, topic: &str) -> Result<u64, Failure> {
    let mut bytes = 0;
    for partition in 0..PARTITIONS {
        for file in fs::read_dir(broker.join(format!("data/{topic}-{partition}")))? {
            let file = file?;
            if file.path().extension().is_some_and(|extension| extension == "log") {
                bytes += file.metadata()?.len();
            }
        }
    }
    Ok(bytes)
}

/// Deletes the topics of an application, other named topics, and its group.
pub(crate) async fn delete(
    client: &Client,
    application: &str,
    others: &[&str],
) -> Result<(), Failure> {
    let names = client.list_topics().await?;
    let names: Vec<_> = names
        .keys()
        .map(String::as_str)
        .filter(|name| name.starts_with(application) || others.contains(name))
        .collect();
    if !names.is_empty() {
        client.delete_topics(&names).await?;
    }
    // A floor has none.
    let _ = client.delete_group(application).await;
    Ok(())
}

/// The content of a topic.
pub(crate) async fn content(
    client: &Client,
    topic: &str,
    compared: Compared,
) -> Result<Content, Failure> {
    let mut content = Content { rows: 0, hashes: 0 };
    let mut latest: HashMap<(i32, Vec<u8>), Option<u64>> = HashMap::new();
    read_all(client, topic, |row| {
        let mut hasher = DefaultHasher::new();
        (row.partition, row.key, row.value, row.timestamp).hash(&mut hasher);
        let hash = hasher.finish();
        if compared == Compared::Multiset {
            content.add(hash);
        } else {
            let key = (row.partition, row.key.unwrap_or_default().to_vec());
            latest.insert(key, row.value.is_some().then_some(hash));
        }
        Ok(())
    })
    .await?;
    latest.into_values().flatten().for_each(|hash| content.add(hash));
    Ok(content)
}

impl Content {
    fn add(&mut self, hash: u64) {
        self.rows += 1;
        self.hashes = self.hashes.wrapping_add(hash);
    }
}
