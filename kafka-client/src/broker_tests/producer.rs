//! Producing.

use std::time::Duration;

use tokio::{runtime::Handle, time::Instant};

use super::{at, client, consuming::Reading, new_topic, topic, unique};
use crate::{
    Client, ClientConfig, ErrorKind, GroupMember, IsolationLevel, OffsetAndMetadata, Result,
    TopicPartition,
    producer::{BatchReport, Producer, ProducerConfig},
    record_batch::{Compression, RecordHeader},
};

fn producer(client: &Client, change: impl FnOnce(&mut ProducerConfig)) -> Producer {
    let mut config = ProducerConfig::new("client-test");
    change(&mut config);
    Producer::new(client, &Handle::current(), config)
}

/// A transactional producer that is ready to begin.
async fn transactional(client: &Client, id: &str) -> Producer {
    let mut producer = producer(client, |config| config.transactional_id = Some(id.to_owned()));
    producer.init_transactions().await.unwrap();
    producer
}

fn no_headers() -> std::iter::Empty<RecordHeader<'static>> {
    std::iter::empty()
}

/// Appends a record, to another batch if the open one has no room.
fn put(
    producer: &mut Producer,
    slot: usize,
    time: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
) -> Result {
    while !producer.append(slot, time, key, value, no_headers())? {
        producer.open(slot)?;
    }
    Ok(())
}

/// Appends a record with each timestamp.
fn append(producer: &mut Producer, to: &TopicPartition, times: impl IntoIterator<Item = i64>) {
    let slot = producer.slot(to);
    for time in times {
        put(producer, slot, time, Some(b"key"), Some(b"some value")).unwrap();
    }
}

async fn written(producer: &mut Producer) -> Vec<BatchReport> {
    let reports = producer.flush().await.unwrap();
    for report in &reports {
        report.result.as_ref().unwrap();
    }
    reports
}

#[tokio::test]
async fn reports_say_where_the_batches_of_each_partition_are() {
    let Some(client) = client() else { return };
    let topic = new_topic(&client, 2).await;
    let places = [0, 1].map(|partition| at(&topic, partition));
    let mut producer = producer(&client, |config| config.batch_bytes = 400);
    assert!(written(&mut producer).await.is_empty());
    for round in 0..3 {
        for place in &places {
            append(&mut producer, place, round * 1_000..(round + 1) * 1_000);
        }
        let reports = written(&mut producer).await;
        assert!(reports.len() > 20, "{}", reports.len());
        for place in &places {
            let mut next = round * 1_000;
            for report in reports.iter().filter(|report| report.partition == *place) {
                assert_eq!(report.result.as_ref().unwrap(), &Some(next));
                next += i64::try_from(report.records).unwrap();
            }
            assert_eq!(next, (round + 1) * 1_000);
        }
    }
    let reading = Reading::new(&client, |_| {});
    for place in &places {
        let mut reader = reading.consumer.read(place, 0);
        let expected: Vec<_> = (0..3_000).map(|number| (number, number)).collect();
        assert_eq!(reading.read_to(&mut reader, 3_000).await, expected);
    }
    assert!(!producer.is_full());
}

#[tokio::test]
async fn a_batch_waits_for_more_records_only_while_another_is_in_transit() {
    let Some(client) = client() else { return };
    let place = at(&new_topic(&client, 1).await, 0);
    let mut producer = producer(&client, |config| config.linger = Duration::from_secs(600));
    assert_eq!(producer.send_due(), None);
    for round in 0..2 {
        append(&mut producer, &place, [round]);
        assert_eq!(producer.send_due(), Some(Duration::ZERO));
        producer.send_all();
        append(&mut producer, &place, [round]);
        assert!(producer.send_due().unwrap() > Duration::from_secs(500));
        assert_eq!(written(&mut producer).await.len(), 2);
    }
}

/// Of a caller that always has more to write, too.
#[tokio::test]
async fn a_batch_that_has_lingered_is_sent_by_the_next_look() {
    let Some(client) = client() else { return };
    let place = at(&new_topic(&client, 1).await, 0);
    let linger = Duration::from_millis(20);
    let mut producer = producer(&client, |config| config.linger = linger);
    append(&mut producer, &place, [0]);
    tokio::time::sleep(2 * linger).await;
    assert_eq!(producer.send_due(), None, "nothing is open any more");
    assert_eq!(written(&mut producer).await.len(), 1);
}

#[tokio::test]
async fn the_broker_takes_each_compression_and_gives_it_back() {
    let Some(client) = client() else { return };
    let topic = new_topic(&client, 5).await;
    let all = ["none", "gzip", "snappy", "lz4", "zstd"];
    let reading = Reading::new(&client, |_| {});
    for (name, partition) in all.into_iter().zip(0..) {
        let compression = Compression::from_name(name).unwrap();
        let mut producer = producer(&client, |config| {
            config.compression = compression;
            config.batch_bytes = 200_000;
        });
        let place = at(&topic, partition);
        append(&mut producer, &place, 0..5_000);
        written(&mut producer).await;
        let mut reader = reading.consumer.read(&place, 0);
        let expected: Vec<_> = (0..5_000).map(|number| (number, number)).collect();
        assert_eq!(reading.read_to(&mut reader, 5_000).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_batch_that_is_refused_names_its_records_and_those_behind_it_are_written() {
    let Some(client) = client() else { return };
    let compacted = topic(&unique("compacted"), 1, &[("cleanup.policy", "compact")]);
    client.create_topics(std::slice::from_ref(&compacted)).await.unwrap();
    let place = at(&compacted.name, 0);
    let mut producer = producer(&client, |config| config.batch_records = 10);
    let slot = producer.slot(&place);
    // The second and the fourth batch have records without a key.
    for number in 0..50_i64 {
        let key = (![13, 17, 35].contains(&number)).then_some(&b"key"[..]);
        put(&mut producer, slot, number, key, Some(b"value")).unwrap();
    }
    let reports = producer.flush().await.unwrap();
    let is_written: Vec<_> = reports.iter().map(|report| report.result.is_ok()).collect();
    assert_eq!(is_written, [true, false, true, false, true]);
    let refused = producer.take_refused();
    assert_eq!(refused.len(), 2);
    for (refused, expected) in refused.iter().zip([&[3, 7][..], &[5]]) {
        assert_eq!(refused.error.code(), Some(87));
        let at_fault: Vec<_> = refused.record_errors.iter().map(|(index, _)| *index).collect();
        assert_eq!(at_fault, expected);
        let batch = refused.batch().unwrap();
        assert_eq!(batch.records().unwrap().entries().count(), 10);
    }
    append(&mut producer, &place, 50..60);
    written(&mut producer).await;
    let reading = Reading::new(&client, |_| {});
    let mut reader = reading.consumer.read(&place, 0);
    let found = reading.read_to(&mut reader, 40).await;
    let times = (0..60).filter(|number| !(10..20).contains(number) && !(30..40).contains(number));
    assert_eq!(found, (0..).zip(times).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_record_is_refused_by_the_producer_or_its_topic_when_it_is_too_large() {
    let Some(client) = client() else { return };
    let small = topic(&unique("small"), 1, &[("max.message.bytes", "1000")]);
    client.create_topics(std::slice::from_ref(&small)).await.unwrap();
    let place = at(&small.name, 0);
    let mut producer = producer(&client, |_| {});
    let slot = producer.slot(&place);
    let error = put(&mut producer, slot, 1, None, Some(&vec![1; 2 << 20])).unwrap_err();
    assert_eq!(error.code(), Some(10));
    put(&mut producer, slot, 1, None, Some(&[1; 2_000])).unwrap();
    let reports = producer.flush().await.unwrap();
    assert_eq!(reports[0].result.as_ref().unwrap_err().code(), Some(10));
    append(&mut producer, &place, [2]);
    assert_eq!(written(&mut producer).await[0].result.as_ref().unwrap(), &Some(0));
}

#[tokio::test]
async fn a_partition_that_is_not_there_is_reported() {
    let Some(client) = client() else { return };
    let place = at(&new_topic(&client, 1).await, 0);
    let mut producer = producer(&client, |_| {});
    append(&mut producer, &at(&unique("nowhere"), 0), [1]);
    append(&mut producer, &place, [1]);
    let reports = producer.flush().await.unwrap();
    let (good, bad): (Vec<_>, Vec<_>) = reports.iter().partition(|report| report.result.is_ok());
    assert_eq!((good.len(), bad.len()), (1, 1));
    assert_eq!(bad[0].result.as_ref().unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn what_can_t_be_sent_is_given_up_when_its_time_is_over() {
    let mut config = ClientConfig::new(["127.0.0.1:1"]);
    config.request_timeout = Duration::from_secs(1);
    let client = Client::new(config);
    let mut producer = producer(&client, |config| {
        config.delivery_timeout = Duration::from_millis(700);
        config.buffer_bytes = 1_000;
    });
    let began = Instant::now();
    append(&mut producer, &at("topic", 0), 0..100);
    assert!(producer.is_full());
    let reports = producer.flush().await.unwrap();
    assert_eq!(reports.len(), 1);
    let error = reports[0].result.as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    for part in ["100 records for topic-0", "127.0.0.1:1"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(began.elapsed() < Duration::from_secs(5) && !producer.is_full());
}

#[tokio::test]
async fn transactions_follow_one_another_committed_and_aborted() {
    let Some(client) = client() else { return };
    let topic = new_topic(&client, 2).await;
    let places = [0, 1].map(|partition| at(&topic, partition));
    let mut producer = transactional(&client, &unique("transactions")).await;
    let mut expected = Vec::new();
    for round in 0..10 {
        producer.begin_transaction();
        for place in &places {
            append(&mut producer, place, [round * 10, round * 10 + 1]);
        }
        if round % 3 == 1 {
            if round == 4 {
                written(&mut producer).await;
            }
            producer.abort_transaction().await.unwrap();
        } else {
            producer.commit_transaction().await.unwrap();
            expected.extend([round * 10, round * 10 + 1]);
        }
    }
    producer.begin_transaction();
    producer.commit_transaction().await.unwrap();
    let reading = Reading::new(&client, |config| config.isolation = IsolationLevel::ReadCommitted);
    let ends = client.latest_offsets(&places, IsolationLevel::ReadUncommitted).await.unwrap();
    for place in &places {
        let mut reader = reading.consumer.read(place, 0);
        let end = *ends[place].as_ref().unwrap();
        let found = reading.read_to(&mut reader, end).await;
        assert_eq!(found.into_iter().map(|(_, time)| time).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn offsets_are_committed_with_the_transaction_or_not_at_all() {
    let Some(client) = client() else { return };
    let place = at(&new_topic(&client, 1).await, 0);
    let group = unique("group");
    let nobody = GroupMember {
        group_id: group.clone(),
        member_id: String::new(),
        epoch: -1,
        group_instance_id: None,
    };
    let mut producer = transactional(&client, &unique("transactions")).await;
    for (offset, commit) in [(5, true), (9, false)] {
        producer.begin_transaction();
        let committed = OffsetAndMetadata { offset, ..OffsetAndMetadata::default() };
        let offsets = vec![(place.clone(), committed)];
        producer.send_offsets(nobody.clone(), offsets).await.unwrap();
        if commit {
            producer.commit_transaction().await.unwrap();
        } else {
            producer.abort_transaction().await.unwrap();
        }
        let found = loop {
            match client.committed_offsets(&group, std::slice::from_ref(&place)).await {
                Err(error) if error.code() == Some(88) => {}
                found => break found.unwrap(),
            }
        };
        assert_eq!(found[&place].offset, 5);
    }
    // A member that the group does not know is refused, and the producer continues after an abort.
    producer.begin_transaction();
    let ghost = GroupMember { member_id: "ghost".to_owned(), epoch: 3, ..nobody };
    let offsets = vec![(place.clone(), OffsetAndMetadata::default())];
    let error = producer.send_offsets(ghost, offsets).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced, "{error}");
    assert!(producer.commit_transaction().await.is_err());
    producer.abort_transaction().await.unwrap();
    producer.begin_transaction();
    append(&mut producer, &place, [1]);
    producer.commit_transaction().await.unwrap();
}

#[tokio::test]
async fn a_new_producer_of_the_same_id_fences_the_old_one() {
    let Some(client) = client() else { return };
    let place = at(&new_topic(&client, 1).await, 0);
    let id = unique("transactions");
    let mut old = transactional(&client, &id).await;
    old.begin_transaction();
    append(&mut old, &place, [1]);
    written(&mut old).await;
    let mut new = transactional(&client, &id).await;
    new.begin_transaction();
    append(&mut new, &place, [2]);
    new.commit_transaction().await.unwrap();
    append(&mut old, &place, [3]);
    let error = old.commit_transaction().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced, "{error}");
    let reading = Reading::new(&client, |config| config.isolation = IsolationLevel::ReadCommitted);
    let end = client
        .latest_offsets(std::slice::from_ref(&place), IsolationLevel::ReadUncommitted)
        .await
        .unwrap()[&place]
        .clone()
        .unwrap();
    let mut reader = reading.consumer.read(&place, 0);
    let found = reading.read_to(&mut reader, end).await;
    assert_eq!(found.into_iter().map(|(_, time)| time).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn a_transaction_with_a_refused_record_can_only_be_aborted_and_the_producer_goes_on() {
    let Some(client) = client() else { return };
    let compacted = topic(&unique("compacted"), 1, &[("cleanup.policy", "compact")]);
    client.create_topics(std::slice::from_ref(&compacted)).await.unwrap();
    let place = at(&compacted.name, 0);
    let mut producer = transactional(&client, &unique("transactions")).await;
    producer.begin_transaction();
    append(&mut producer, &place, [1]);
    let slot = producer.slot(&place);
    put(&mut producer, slot, 2, None, Some(b"value")).unwrap();
    let error = producer.commit_transaction().await.unwrap_err();
    assert!(error.to_string().contains("INVALID_RECORD"), "{error}");
    producer.abort_transaction().await.unwrap();
    producer.begin_transaction();
    append(&mut producer, &place, [3]);
    producer.commit_transaction().await.unwrap();
}
