//! Writing records outside transactions.

use std::collections::BTreeMap;

use streams_core::{
    ErrorKind, Headers, TopicPartition,
    client::{Fingerprint, IsolationLevel::ReadUncommitted, ProduceRecord, ProducerSettings},
    time::{Clock, SystemClock},
};

use crate::world::{World, append, everywhere, on_the_broker, read, record};

#[test]
fn reports_say_where_the_records_of_each_partition_are() {
    everywhere(|world| {
        let topic = world.topic(2);
        let [one, two] = [0, 1].map(|partition| TopicPartition::new(topic.clone(), partition));
        let mut producer = world.producer();
        assert!(producer.flush().unwrap().is_empty());
        for round in 0..3 {
            append(&mut *producer, &one, &["a", "b"]);
            append(&mut *producer, &two, &["c"]);
            let mut next = BTreeMap::new();
            let mut records = BTreeMap::<_, usize>::new();
            for report in producer.flush().unwrap() {
                let count = i64::try_from(report.records).unwrap();
                *records.entry(report.topic_partition.clone()).or_default() += report.records;
                next.insert(report.topic_partition, report.result.unwrap() + count);
            }
            assert_eq!(records, BTreeMap::from([(one.clone(), 2), (two.clone(), 1)]));
            let round = i64::from(round);
            let expected = [(one.clone(), 2 * round + 2), (two.clone(), round + 1)];
            assert_eq!(next, BTreeMap::from(expected));
        }
        let mut consumer = world.consumer(ReadUncommitted);
        consumer.assign(&one, 0).unwrap();
        assert_eq!(read(&mut *consumer, 6), ["a", "b", "a", "b", "a", "b"]);
    });
}

#[test]
fn many_records_are_written_whole_and_in_order() {
    everywhere(|world| {
        let place = world.partition();
        let mut producer = world.producer();
        let written: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
        append(&mut *producer, &place, &written.iter().map(String::as_str).collect::<Vec<_>>());
        let mut next = 0;
        for report in producer.flush().unwrap() {
            assert_eq!(report.result.unwrap(), next);
            next += i64::try_from(report.records).unwrap();
        }
        assert_eq!(next, 20_000);
        let mut consumer = world.consumer(ReadUncommitted);
        consumer.assign(&place, 0).unwrap();
        assert_eq!(read(&mut *consumer, written.len()), written);
    });
}

#[test]
fn a_record_that_is_too_large_is_refused_and_others_go_through() {
    everywhere(|world| {
        let place = world.partition();
        let mut producer = world.producer();
        append(&mut *producer, &place, &["before"]);
        let large = "x".repeat(2 << 20);
        let error = producer.append_to(&place, record(&large, &Headers::new())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Production);
        assert!(error.to_string().contains(&place.to_string()), "{error}");
        append(&mut *producer, &place, &["after"]);
        for report in producer.flush().unwrap() {
            report.result.unwrap();
        }
        let mut consumer = world.consumer(ReadUncommitted);
        consumer.assign(&place, 0).unwrap();
        assert_eq!(read(&mut *consumer, 2), ["before", "after"]);
    });
}

/// It said `Broker: Message size too large`, though no broker had seen the record, and named no
/// setting.
#[test]
fn a_record_that_the_client_refuses_is_named_with_its_size_its_key_and_the_setting() {
    on_the_broker(|world| {
        let large = "x".repeat(2 << 20);
        let headers = Headers::new();
        let record = ProduceRecord { key: Some(b"customer-42"), ..record(&large, &headers) };
        let error = world.producer().append_to(&world.partition(), record).unwrap_err();
        for part in ["2097163 bytes", "`customer-42`", "producer.max.request.size"] {
            assert!(error.to_string().contains(part), "{error}");
        }
    });
}

/// It said `INVALID_TIMESTAMP`, and left it to the reader to find out which timestamp is invalid,
/// and why.
#[test]
fn a_timestamp_that_the_broker_refuses_is_reported_with_the_topics_setting() {
    on_the_broker(|world| {
        // Brokers know the setting from 3.6 on, and have a limit by default from 4.0 on.
        if !tests::broker::is_from(3, 6) {
            return;
        }
        let (headers, place) = (Headers::new(), TopicPartition::new(world.unique("topic"), 0));
        let setting = ("message.timestamp.after.max.ms".to_owned(), "3600000".to_owned());
        let mut topic = crate::world::new_topic(&place.topic, 1);
        topic.config.extend([setting]);
        world.admin().create_topics(&[topic]).wait().unwrap();
        let in_ten_years = SystemClock.now_ms() + 10 * 365 * 24 * 3_600_000;
        let record = ProduceRecord { timestamp: in_ten_years, ..record("a", &headers) };
        let mut producer = world.producer();
        producer.append_to(&place, record).unwrap();
        let reports = producer.flush().unwrap();
        let error = reports.into_iter().find_map(|report| report.result.err()).unwrap();
        assert_eq!(error.kind(), ErrorKind::Production);
        for part in [place.to_string().as_str(), "message.timestamp.after.max.ms"] {
            assert!(error.to_string().contains(part), "{error}");
        }
    });
}

#[test]
fn a_compacted_topic_refuses_a_record_without_a_key() {
    everywhere(|world| {
        let place = compacted(world);
        let mut producer = world.producer();
        let headers = Headers::new();
        producer.append_to(&place, record("a", &headers)).unwrap();
        let reports = producer.flush().unwrap();
        let error = reports.into_iter().find_map(|report| report.result.err());
        assert_eq!(error.unwrap().kind(), ErrorKind::Production);
        let keyed = ProduceRecord { key: Some(b"k"), ..record("b", &headers) };
        producer.append_to(&place, keyed).unwrap();
        for report in producer.flush().unwrap() {
            report.result.unwrap();
        }
    });
}

/// A partition of a new compacted topic.
fn compacted(world: &World) -> TopicPartition {
    let mut topic = crate::world::new_topic(&world.unique("compacted"), 1);
    topic.config.insert("cleanup.policy".to_owned(), "compact".to_owned());
    world.admin().create_topics(&[topic.clone()]).wait().unwrap();
    TopicPartition::new(topic.name, 0)
}

/// The reports of neighbours with the same result were merged, so it was unknown which record of a
/// batch was at fault.
#[test]
fn of_a_batch_that_is_refused_the_records_at_fault_are_named() {
    everywhere(|world| {
        let place = compacted(world);
        let mut producer = world.producer();
        let headers = Headers::new();
        let record_at = |number: usize| {
            let key = (number % 7 != 3).then_some(&b"k"[..]);
            let timestamp = 1_000 + i64::try_from(number).unwrap();
            ProduceRecord { timestamp, key, ..record("v", &headers) }
        };
        (0..20).for_each(|number| producer.append_to(&place, record_at(number)).unwrap());
        let reports = producer.flush().unwrap();
        assert!(reports.iter().any(|report| report.result.is_err()));
        let mut refused = producer.take_refused();
        refused.retain(|refused| refused.is_named);
        let prints: Vec<_> = refused.iter().map(|refused| refused.fingerprint).collect();
        let expected = [3, 10, 17].map(|number| Fingerprint::of(&record_at(number)));
        assert_eq!(prints, expected, "{refused:?}");
        for refused in refused {
            assert_eq!(refused.topic_partition, place);
            assert_eq!(refused.error.kind(), ErrorKind::Production);
            for part in ["a record of 1 bytes without a key", "compacted topic", &place.to_string()]
            {
                assert!(refused.error.to_string().contains(part), "{}", refused.error);
            }
        }
        assert!(producer.take_refused().is_empty(), "each is told once");
    });
}

/// A broker refuses a batch that is too large as a whole. If each of its records were blamed, small
/// ones would be lost.
#[test]
fn a_record_that_is_too_large_for_its_topic_is_named_where_each_is_sent_alone() {
    everywhere(|world| {
        let mut topic = crate::world::new_topic(&world.unique("small"), 1);
        topic.config.insert("max.message.bytes".to_owned(), "1000".to_owned());
        world.admin().create_topics(&[topic.clone()]).wait().unwrap();
        let place = TopicPartition::new(topic.name, 0);
        let headers = Headers::new();
        let large = "x".repeat(2_000);
        for one_by_one in [false, true] {
            let settings = ProducerSettings { one_by_one, ..ProducerSettings::default() };
            let mut producer = world.producer_with(&settings);
            for value in ["a", large.as_str(), "b"] {
                producer.append_to(&place, record(value, &headers)).unwrap();
            }
            producer.flush().unwrap();
            let refused = producer.take_refused();
            let named: Vec<_> = refused.iter().filter(|refused| refused.is_named).collect();
            assert_eq!(named.is_empty(), !one_by_one && world.is_a_broker());
            for refused in named {
                assert_eq!(refused.fingerprint, Fingerprint::of(&record(&large, &headers)));
                assert!(
                    refused.error.to_string().contains("max.message.bytes"),
                    "{}",
                    refused.error
                );
            }
        }
        let mut consumer = world.consumer(ReadUncommitted);
        consumer.assign(&place, 0).unwrap();
        assert_eq!(read(&mut *consumer, 2), ["a", "b"]);
    });
}

#[test]
fn a_topic_that_does_not_exist_is_neither_counted_nor_written_to_nor_made() {
    everywhere(|world| {
        let name = world.unique("nowhere");
        let mut producer = world.producer();
        assert_eq!(producer.partitions(&name).unwrap_err().kind(), ErrorKind::InvalidTopic);
        let nowhere = TopicPartition::new(name.clone(), 0);
        let headers = Headers::new();
        let error = producer.append_to(&nowhere, record("a", &headers)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidTopic);
        assert!(world.admin().describe_topics(&[&name]).wait().unwrap().is_empty());
        let topic = world.topic(3);
        assert_eq!(producer.partitions(&topic).unwrap(), 3);
        let beyond = TopicPartition::new(topic, 3);
        let error = producer.append_to(&beyond, record("a", &headers)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidTopic);
    });
}

#[test]
fn a_partition_is_looked_up_once_and_only_its_own_producer_takes_the_slot() {
    everywhere(|world| {
        let topic = world.topic(2);
        let [one, two] = [0, 1].map(|partition| TopicPartition::new(topic.clone(), partition));
        let (mut producer, mut other) = (world.producer(), world.producer());
        let headers = Headers::new();
        let slots = [&two, &one].map(|place| producer.slot(place).unwrap());
        assert_ne!(slots[0], slots[1]);
        assert!(slots.iter().all(|slot| slot.producer() == producer.id()));
        assert_ne!(producer.id(), other.id());
        for value in ["a", "b"] {
            assert_eq!([&two, &one].map(|place| producer.slot(place).unwrap()), slots);
            assert!(!producer.append(slots[1], record(value, &headers)).unwrap().is_full());
            // It stays the same across flushes.
            for report in producer.flush().unwrap() {
                assert_eq!(report.topic_partition, one);
                report.result.unwrap();
            }
        }
        // The other producer has a slot with the same number, for another partition.
        other.slot(&one).unwrap();
        let foreign = other.append(slots[0], record("c", &headers)).unwrap_err();
        assert_eq!(foreign.kind(), ErrorKind::InvalidState);
        assert!(other.flush().unwrap().is_empty());
        let mut consumer = world.consumer(ReadUncommitted);
        consumer.assign(&one, 0).unwrap();
        consumer.assign(&two, 0).unwrap();
        assert_eq!(read(&mut *consumer, 2), ["a", "b"]);
    });
}
