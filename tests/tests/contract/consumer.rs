//! Reading records.

use std::time::Duration;

use streams_core::{
    ErrorKind, Headers, TopicPartition,
    client::{IsolationLevel::ReadUncommitted, ProduceRecord, RecordBatch},
    time::{Clock, SystemClock},
};

use crate::world::{everywhere, poll_error, poll_until, read, read_for_a_while, values};

#[test]
fn a_partition_that_was_added_to_a_topic_that_is_read_is_read_as_well() {
    everywhere(|world| {
        let first = world.partition();
        world.write(&first, &["first"]);
        let mut consumer = world.consumer(ReadUncommitted);
        consumer.assign(&first, 0).unwrap();
        assert_eq!(read(&mut *consumer, 1), ["first"]);
        world.grow(&first.topic, 2);
        let second = TopicPartition::new(&*first.topic, 1);
        world.write(&second, &["second"]);
        consumer.assign(&second, 0).unwrap();
        assert_eq!(read(&mut *consumer, 1), ["second"]);
        world.write(&first, &["third"]);
        assert_eq!(read(&mut *consumer, 1), ["third"]);
    });
}

#[test]
fn a_record_comes_as_it_was_written() {
    everywhere(|world| {
        let place = world.partition();
        let mut headers = Headers::new();
        headers.add("trace", Some(b"one"));
        headers.add("trace", Some(b""));
        headers.add("none", None);
        let none = Headers::new();
        let full = ProduceRecord {
            timestamp: 1_234,
            key: Some(b"key"),
            value: Some(b"value"),
            headers: &headers,
        };
        let tombstone = ProduceRecord { value: None, headers: &none, timestamp: 1, ..full };
        let empty = ProduceRecord { key: Some(b""), value: Some(b""), headers: &none, ..full };
        let unkeyed = ProduceRecord { key: None, ..empty };
        let written = [full, tombstone, empty, unkeyed];
        let mut producer = world.producer();
        for record in written {
            producer.append_to(&place, record).unwrap();
        }
        producer.flush().unwrap();

        let mut consumer = world.consumer(ReadUncommitted);
        consumer.assign(&place, 0).unwrap();
        let enough = |batches: &[RecordBatch]| {
            batches.iter().map(RecordBatch::len).sum::<usize>() == written.len()
        };
        let batches = poll_until(&mut *consumer, |_, batches| enough(batches));
        let records: Vec<_> = batches.iter().flat_map(RecordBatch::iter).collect();
        for (at, (record, expected)) in records.iter().zip(written).enumerate() {
            assert_eq!(record.offset, i64::try_from(at).unwrap());
            assert_eq!(record.timestamp, expected.timestamp);
            assert_eq!((record.key, record.value), (expected.key, expected.value), "{at}");
            let headers: Vec<_> = record.headers().collect();
            assert_eq!(headers, expected.headers.iter().collect::<Vec<_>>());
        }
    });
}

#[test]
fn the_records_of_a_partition_come_in_order_and_a_poll_gives_at_most_what_it_is_asked_for() {
    everywhere(|world| {
        let place = world.partition();
        let written: Vec<String> = (0..500).map(|number| number.to_string()).collect();
        world.write(&place, &written.iter().map(String::as_str).collect::<Vec<_>>());
        let mut consumer = world.consumer(ReadUncommitted);
        consumer.assign(&place, 100).unwrap();
        let mut come = Vec::new();
        while come.len() < 400 {
            let batches = consumer.poll(7, Duration::from_millis(20)).unwrap();
            assert!(batches.iter().map(RecordBatch::len).sum::<usize>() <= 7);
            for batch in &batches {
                assert_eq!(batch.topic_partition(), &place);
                assert_eq!(batch.iter().last().unwrap().offset + 1, batch.next_offset());
            }
            come.extend(values(&batches));
            let position = i64::try_from(100 + come.len()).unwrap();
            assert_eq!(consumer.position(&place), Some(position));
        }
        assert_eq!(come, written[100..]);
    });
}

#[test]
fn no_partition_starves_behind_a_full_one() {
    everywhere(|world| {
        let topic = world.topic(2);
        let [full, other] = [0, 1].map(|partition| TopicPartition::new(topic.clone(), partition));
        world.write(&full, &vec!["full"; 2_000]);
        world.write(&other, &["other"]);
        let mut consumer = world.consumer(ReadUncommitted);
        consumer.assign(&full, 0).unwrap();
        consumer.assign(&other, 0).unwrap();
        let mut come = 0;
        poll_until(&mut *consumer, |consumer, batches| {
            let _ = batches;
            consumer.lag(&full).is_some() && consumer.lag(&other).is_some()
        });
        while consumer.position(&other) == Some(0) {
            come += consumer.poll(10, Duration::from_millis(20)).unwrap().len();
            assert!(come < 200, "the other partition had to wait too long");
        }
    });
}

#[test]
fn batches_that_are_larger_than_a_fetch_come_one_after_another() {
    everywhere(|world| {
        let place = world.partition();
        let mut consumer = world.consumer_of_small_fetches();
        consumer.assign(&place, 0).unwrap();
        for value in ["a", "b", "c"].map(|letter| letter.repeat(10_000)) {
            world.write(&place, &[&value]);
            assert_eq!(read(&mut *consumer, 1), [value]);
        }
    });
}

#[test]
fn a_held_partition_gives_nothing_and_loses_nothing() {
    everywhere(|world| {
        let topic = world.topic(2);
        let [held, free] = [0, 1].map(|partition| TopicPartition::new(topic.clone(), partition));
        world.write(&held, &["a", "b"]);
        world.write(&free, &["c"]);
        let mut consumer = world.consumer(ReadUncommitted);
        consumer.assign(&held, 0).unwrap();
        consumer.assign(&free, 0).unwrap();
        consumer.hold(&held, true);
        assert_eq!(read(&mut *consumer, 1), ["c"]);
        assert!(read_for_a_while(&mut *consumer).is_empty());
        poll_until(&mut *consumer, |consumer, _| consumer.lag(&held) == Some(2));
        assert_eq!(consumer.position(&held), Some(0));
        consumer.hold(&held, false);
        assert_eq!(read(&mut *consumer, 2), ["a", "b"]);
    });
}

#[test]
fn a_partition_that_is_assigned_again_moves() {
    everywhere(|world| {
        let place = world.partition();
        world.write(&place, &["a", "b", "c"]);
        let mut consumer = world.consumer(ReadUncommitted);
        consumer.assign(&place, 0).unwrap();
        assert_eq!(read(&mut *consumer, 3), ["a", "b", "c"]);
        consumer.assign(&place, 1).unwrap();
        assert_eq!(consumer.position(&place), Some(1));
        assert_eq!(read(&mut *consumer, 2), ["b", "c"]);
        consumer.assign(&place, 2).unwrap();
        assert_eq!(read(&mut *consumer, 1), ["c"]);
    });
}

#[test]
fn an_unassigned_partition_gives_nothing_and_has_no_position() {
    everywhere(|world| {
        let topic = world.topic(2);
        let [one, two] = [0, 1].map(|partition| TopicPartition::new(topic.clone(), partition));
        world.write(&one, &["a", "b"]);
        world.write(&two, &["c"]);
        let mut consumer = world.consumer(ReadUncommitted);
        consumer.assign(&one, 0).unwrap();
        consumer.unassign(&one);
        consumer.unassign(&one);
        assert_eq!((consumer.position(&one), consumer.lag(&one)), (None, None));
        consumer.assign(&two, 0).unwrap();
        assert_eq!(read(&mut *consumer, 1), ["c"]);
        assert!(read_for_a_while(&mut *consumer).is_empty());
        consumer.assign(&one, 1).unwrap();
        assert_eq!(read(&mut *consumer, 1), ["b"]);
    });
}

#[test]
fn a_poll_waits_for_records_and_no_longer_than_it_may() {
    everywhere(|world| {
        let place = world.partition();
        let mut consumer = world.consumer(ReadUncommitted);
        consumer.assign(&place, 0).unwrap();
        poll_until(&mut *consumer, |consumer, _| consumer.lag(&place) == Some(0));
        let began_ms = SystemClock.now_ms();
        assert!(consumer.poll(10, Duration::from_millis(50)).unwrap().is_empty());
        assert!(SystemClock.now_ms() - began_ms >= 49);
        std::thread::scope(|scope| {
            scope.spawn(|| world.write(&place, &["late"]));
            let began_ms = SystemClock.now_ms();
            let batches = consumer.poll(10, Duration::from_secs(60)).unwrap();
            assert_eq!(values(&batches), ["late"]);
            assert!(SystemClock.now_ms() - began_ms < 30_000, "the poll was not woken");
        });
    });
}

#[test]
fn a_partition_that_does_not_exist_is_refused() {
    everywhere(|world| {
        let mut consumer = world.consumer(ReadUncommitted);
        let nowhere = TopicPartition::new(world.unique("nowhere"), 0);
        assert_eq!(consumer.assign(&nowhere, 0).unwrap_err().kind(), ErrorKind::InvalidTopic);
        let beyond = TopicPartition::new(world.topic(2), 2);
        let error = consumer.assign(&beyond, 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidTopic);
        assert_eq!(consumer.position(&beyond), None);
    });
}

#[test]
fn a_position_outside_of_the_log_is_an_error_that_names_the_partition() {
    everywhere(|world| {
        let place = world.partition();
        world.write(&place, &["a"]);
        let mut consumer = world.consumer(ReadUncommitted);
        consumer.assign(&place, 5).unwrap();
        for _ in 0..2 {
            let error = poll_error(&mut *consumer);
            assert_eq!(error.kind(), ErrorKind::InvalidState);
            assert!(error.to_string().contains(&place.to_string()), "{error}");
        }
        consumer.assign(&place, 0).unwrap();
        assert_eq!(read(&mut *consumer, 1), ["a"]);
    });
}

#[test]
fn a_log_that_was_cut_off_is_read_from_where_it_begins() {
    everywhere(|world| {
        let place = world.partition();
        world.write(&place, &["a", "b", "c"]);
        world.admin().delete_records(&[(place.clone(), 2)]).wait().unwrap();
        let mut consumer = world.consumer(ReadUncommitted);
        consumer.assign(&place, 1).unwrap();
        assert_eq!(poll_error(&mut *consumer).kind(), ErrorKind::InvalidState);
        consumer.assign(&place, 2).unwrap();
        assert_eq!(read(&mut *consumer, 1), ["c"]);
    });
}
