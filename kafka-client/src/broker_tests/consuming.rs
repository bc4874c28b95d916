//! Fetching.

use std::{sync::Arc, task::Wake, time::Duration};

use tokio::{
    runtime::Handle,
    sync::Notify,
    time::{Instant, timeout},
};

use super::{at, client, new_topic, producing::Producer};
use crate::{
    Client, ErrorKind, IsolationLevel,
    consumer::{Consumer, ConsumerConfig, PartitionReader},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Wakes the waiter for news of a consumer.
struct News(Notify);

impl Wake for News {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

/// A consumer, and its news.
pub(super) struct Reading {
    pub(super) consumer: Consumer,
    news: Arc<News>,
}

impl Reading {
    pub(super) fn new(client: &Client, change: impl FnOnce(&mut ConsumerConfig)) -> Self {
        let mut config = ConsumerConfig::new("client-test");
        change(&mut config);
        let consumer = Consumer::new(client, &Handle::current(), config);
        let news = Arc::new(News(Notify::new()));
        consumer.wake(&Arc::clone(&news).into());
        Self { consumer, news }
    }

    /// Offsets and timestamps of the records up to this position.
    pub(super) async fn read_to(
        &self,
        reader: &mut PartitionReader,
        position: i64,
    ) -> Vec<(i64, i64)> {
        let mut found = Vec::new();
        while reader.position() < position {
            match reader.next_batch().unwrap() {
                Some(batch) => found.extend(batch.entries().map(|entry| {
                    let entry = entry.unwrap();
                    (entry.offset, entry.timestamp)
                })),
                None => timeout(PATIENCE, self.news.0.notified()).await.unwrap(),
            }
        }
        assert_eq!(reader.position(), position);
        found
    }

    async fn failure(&self, reader: &mut PartitionReader) -> crate::Error {
        loop {
            match reader.next_batch() {
                Err(error) => return error,
                Ok(None) => timeout(PATIENCE, self.news.0.notified()).await.unwrap(),
                Ok(Some(batch)) => panic!("{batch:?}"),
            }
        }
    }
}

#[tokio::test]
async fn partitions_are_read_in_order_from_where_it_is_said_and_new_records_come() {
    let Some(client) = client() else { return };
    let topic = new_topic(&client, 3).await;
    let places = [0, 1, 2].map(|partition| at(&topic, partition));
    let producer = Producer::plain();
    for place in &places {
        for first in (0..100).step_by(10) {
            producer.produce(&client, place, &(first..first + 10).collect::<Vec<_>>()).await;
        }
    }
    // So little fits into an answer that there are many, and none has all partitions.
    let reading = Reading::new(&client, |config| {
        config.partition_max_bytes = 200;
        config.max_bytes = 500;
    });
    let mut readers: Vec<_> = places.iter().map(|place| reading.consumer.read(place, 15)).collect();
    let expected: Vec<_> = (15..100).map(|number| (number, number)).collect();
    for reader in &mut readers {
        assert_eq!(reading.read_to(reader, 100).await, expected);
    }
    for round in 100..110 {
        for (place, reader) in places.iter().zip(&mut readers) {
            producer.produce(&client, place, &[round]).await;
            assert_eq!(reading.read_to(reader, round + 1).await, [(round, round)]);
            assert_eq!(reader.end(), Some(reader.position()));
        }
    }
    assert!(reading.consumer.take_trouble().is_none());
}

#[tokio::test]
async fn a_partition_that_is_new_or_has_room_again_need_not_wait_for_an_idle_one() {
    let Some(client) = client() else { return };
    let topic = new_topic(&client, 2).await;
    let (idle, busy) = (at(&topic, 0), at(&topic, 1));
    Producer::plain().produce(&client, &busy, &(0..1_000).collect::<Vec<_>>()).await;
    Producer::plain().produce(&client, &busy, &(1_000..2_000).collect::<Vec<_>>()).await;
    let reading = Reading::new(&client, |config| {
        config.max_wait = Duration::from_secs(8);
        config.partition_max_bytes = 1_000;
    });
    let mut waiting = reading.consumer.read(&idle, 0);
    while waiting.end().is_none() {
        // Its first answer is delayed on purpose.
        if timeout(Duration::from_secs(1), reading.news.0.notified()).await.is_err() {
            break;
        }
    }
    let began = Instant::now();
    let mut reader = reading.consumer.read(&busy, 0);
    assert_eq!(reading.read_to(&mut reader, 2_000).await.len(), 2_000);
    Producer::plain().produce(&client, &busy, &[7]).await;
    assert_eq!(reading.read_to(&mut reader, 2_001).await, [(2_000, 7)]);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(waiting.next_batch().unwrap().is_none());
}

#[tokio::test]
async fn what_was_aborted_or_is_open_is_left_out_in_read_committed() {
    let Some(client) = client() else { return };
    let place = at(&new_topic(&client, 1).await, 0);
    let aborted = Producer::transactional(&client).await;
    let committed = Producer::transactional(&client).await;
    let open = Producer::transactional(&client).await;
    aborted.produce(&client, &place, &[1, 2]).await;
    committed.produce(&client, &place, &[3]).await;
    Producer::plain().produce(&client, &place, &[4]).await;
    aborted.abort(&client).await;
    committed.commit(&client).await;
    // The markers come a moment after the answers.
    let all = Reading::new(&client, |_| {});
    let mut reader_of_all = all.consumer.read(&place, 0);
    let found = all.read_to(&mut reader_of_all, 6).await;
    assert_eq!(found, [(0, 1), (1, 2), (2, 3), (3, 4)]);
    open.produce(&client, &place, &[5]).await;
    assert_eq!(all.read_to(&mut reader_of_all, 7).await, [(6, 5)]);

    let committed_only =
        Reading::new(&client, |config| config.isolation = IsolationLevel::ReadCommitted);
    let mut reader = committed_only.consumer.read(&place, 0);
    assert_eq!(committed_only.read_to(&mut reader, 6).await, [(2, 3), (3, 4)]);
    assert_eq!(reader.end(), Some(reader.position()), "what is open does not count");

    open.commit(&client).await;
    assert_eq!(committed_only.read_to(&mut reader, 8).await, [(6, 5)]);
}

#[tokio::test]
async fn a_position_outside_of_the_log_is_told_and_reading_anew_goes_on() {
    let Some(client) = client() else { return };
    let place = at(&new_topic(&client, 1).await, 0);
    Producer::plain().produce(&client, &place, &[1, 2, 3]).await;
    let reading = Reading::new(&client, |_| {});
    let mut reader = reading.consumer.read(&place, 9);
    for _ in 0..2 {
        let error = reading.failure(&mut reader).await;
        assert_eq!(error.code(), Some(1));
        assert!(error.to_string().contains(&format!("{place}@9")), "{error}");
    }
    drop(reader);
    let mut reader = reading.consumer.read(&place, 1);
    assert_eq!(reading.read_to(&mut reader, 3).await, [(1, 2), (2, 3)]);
    client.delete_records(&[(place.clone(), 2)]).await.unwrap();
    drop(reader);
    let mut reader = reading.consumer.read(&place, 1);
    assert_eq!(reading.failure(&mut reader).await.code(), Some(1));
}

#[tokio::test]
async fn a_partition_that_is_not_there_is_told_and_others_are_read() {
    let Some(client) = client() else { return };
    let place = at(&new_topic(&client, 1).await, 0);
    Producer::plain().produce(&client, &place, &[1]).await;
    let reading = Reading::new(&client, |_| {});
    let mut nowhere = reading.consumer.read(&at(&super::unique("nowhere"), 0), 0);
    let mut beyond = reading.consumer.read(&at(&place.topic, 1), 0);
    let mut reader = reading.consumer.read(&place, 0);
    assert_eq!(reading.read_to(&mut reader, 1).await, [(0, 1)]);
    for missing in [&mut nowhere, &mut beyond] {
        let error = reading.failure(missing).await;
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}

#[tokio::test]
async fn a_cluster_that_is_not_there_is_trouble_and_no_failure() {
    let mut config = crate::ClientConfig::new(["127.0.0.1:1"]);
    config.request_timeout = Duration::from_secs(1);
    let reading = Reading::new(&Client::new(config), |_| {});
    let mut reader = reading.consumer.read(&at("topic", 0), 0);
    timeout(PATIENCE, reading.news.0.notified()).await.unwrap();
    assert_eq!(reading.consumer.take_trouble().unwrap().kind(), ErrorKind::Connection);
    assert!(reader.next_batch().unwrap().is_none());
}
