//! Writing records in transactions.

use streams_core::{
    ErrorKind, Headers, TopicPartition,
    client::{
        Fingerprint, GroupMetadata,
        IsolationLevel::{ReadCommitted, ReadUncommitted},
        OffsetAndMetadata, ProduceRecord, Producer,
    },
    time::{Clock, SystemClock},
};

use crate::world::{
    World, append, eventually, everywhere, on_the_broker, read, read_for_a_while, record,
};

/// A client without a group.
fn stranger(world: &World) -> GroupMetadata {
    GroupMetadata {
        group_id: world.unique("group"),
        member_id: "stranger".to_owned(),
        member_epoch: 3,
        group_instance_id: None,
    }
}

fn offsets(place: &TopicPartition) -> Vec<(TopicPartition, OffsetAndMetadata)> {
    vec![(
        place.clone(),
        OffsetAndMetadata { offset: 1, metadata: "AgAAAAA=".to_owned(), leader_epoch: Some(0) },
    )]
}

/// Writes a value in a transaction.
fn commit(producer: &mut dyn Producer, place: &TopicPartition, value: &str) {
    producer.begin_transaction().unwrap();
    append(producer, place, &[value]);
    for report in producer.flush().unwrap() {
        report.result.unwrap();
    }
    producer.commit_transaction().unwrap();
}

#[test]
fn records_of_a_transaction_show_together_when_it_is_committed() {
    everywhere(|world| {
        let topic = world.topic(2);
        let [one, two] = [0, 1].map(|partition| TopicPartition::new(topic.clone(), partition));
        let mut consumer = world.consumer(ReadCommitted);
        consumer.assign(&one, 0).unwrap();
        consumer.assign(&two, 0).unwrap();
        let mut producer = world.transactional(&world.unique("id"));
        producer.begin_transaction().unwrap();
        append(&mut *producer, &one, &["a"]);
        append(&mut *producer, &two, &["b"]);
        let reports = producer.flush().unwrap();
        assert!(reports.iter().all(|report| report.result.as_ref().is_ok_and(|base| *base == 0)));
        assert!(read_for_a_while(&mut *consumer).is_empty());
        producer.commit_transaction().unwrap();
        let mut come = read(&mut *consumer, 2);
        come.sort();
        assert_eq!(come, ["a", "b"]);
    });
}

#[test]
fn transactions_follow_one_another_committed_and_aborted() {
    everywhere(|world| {
        let place = world.partition();
        let mut producer = world.transactional(&world.unique("id"));
        for round in 0..6 {
            producer.begin_transaction().unwrap();
            append(&mut *producer, &place, &[&round.to_string()]);
            if round % 2 == 0 {
                producer.flush().unwrap();
                producer.commit_transaction().unwrap();
            } else {
                // Some records have been sent and some not.
                if round == 3 {
                    producer.flush().unwrap();
                    append(&mut *producer, &place, &["3 again"]);
                }
                producer.abort_transaction().unwrap();
                assert!(producer.flush().unwrap().is_empty());
            }
        }
        let mut consumer = world.consumer(ReadCommitted);
        consumer.assign(&place, 0).unwrap();
        assert_eq!(read(&mut *consumer, 3), ["0", "2", "4"]);
        assert!(read_for_a_while(&mut *consumer).is_empty());
    });
}

#[test]
fn an_empty_transaction_may_be_committed_or_aborted() {
    everywhere(|world| {
        let place = world.partition();
        let mut producer = world.transactional(&world.unique("id"));
        producer.begin_transaction().unwrap();
        producer.commit_transaction().unwrap();
        producer.begin_transaction().unwrap();
        producer.abort_transaction().unwrap();
        commit(&mut *producer, &place, "a");
        let mut consumer = world.consumer(ReadCommitted);
        consumer.assign(&place, 0).unwrap();
        assert_eq!(read(&mut *consumer, 1), ["a"]);
    });
}

/// Records after such a record waited for their whole time-out, since a failed transaction sends
/// nothing more.
#[test]
fn a_transaction_with_a_record_that_is_refused_ends_soon_and_names_it_and_another_producer_goes_on()
{
    everywhere(|world| {
        let mut topic = crate::world::new_topic(&world.unique("compacted"), 1);
        topic.config.insert("cleanup.policy".to_owned(), "compact".to_owned());
        world.admin().create_topics(&[topic.clone()]).wait().unwrap();
        let (place, other) = (TopicPartition::new(topic.name, 0), world.partition());
        let headers = Headers::new();
        let keyed = ProduceRecord { key: Some(b"k"), ..record("b", &headers) };
        let id = world.unique("id");
        for ask_after_abort in [false, true] {
            let mut producer = world.transactional(&id);
            let began_ms = SystemClock.now_ms();
            producer.begin_transaction().unwrap();
            producer.append_to(&place, keyed).unwrap();
            producer.append_to(&place, record("a", &headers)).unwrap();
            append(&mut *producer, &other, &["c"]);
            producer.flush().unwrap();
            // Later records can be neither written nor committed.
            let late = producer.append_to(&other, record("d", &headers)).unwrap_err();
            assert_eq!(late.kind(), ErrorKind::Timeout, "{late}");
            if ask_after_abort {
                producer.abort_transaction().unwrap();
            }
            let mut refused = producer.take_refused();
            refused.retain(|refused| refused.is_named);
            let prints: Vec<_> = refused.iter().map(|refused| refused.fingerprint).collect();
            assert_eq!(prints, [Fingerprint::of(&record("a", &headers))], "{refused:?}");
            if !ask_after_abort {
                producer.commit_transaction().unwrap_err();
                producer.abort_transaction().unwrap();
            }
            assert!(SystemClock.now_ms() - began_ms < 10_000);
        }
        let mut producer = world.transactional(&id);
        producer.begin_transaction().unwrap();
        producer.append_to(&place, keyed).unwrap();
        producer.flush().unwrap();
        producer.commit_transaction().unwrap();
        let mut consumer = world.consumer(ReadCommitted);
        consumer.assign(&place, 0).unwrap();
        assert_eq!(read(&mut *consumer, 1), ["b"]);
    });
}

/// A thread that waited for each of these calls could do nothing else meanwhile.
#[test]
fn calls_that_have_begun_are_answered_later_and_what_comes_next_waits_for_them() {
    everywhere(|world| {
        let (place, id) = (world.partition(), world.unique("id"));
        let mut producer = world.transactional(&id);
        producer.begin_transaction().unwrap();
        append(&mut *producer, &place, &["a"]);
        let reports = producer.begin_flush().wait().unwrap();
        assert_eq!(reports.iter().map(|report| report.records).sum::<usize>(), 1);
        producer.begin_commit().wait().unwrap();
        // Without a look at the answers, too.
        producer.begin_transaction().unwrap();
        append(&mut *producer, &place, &["b"]);
        drop(producer.begin_flush());
        append(&mut *producer, &place, &["c"]);
        drop(producer.begin_commit());
        producer.begin_transaction().unwrap();
        append(&mut *producer, &place, &["given up"]);
        drop(producer.begin_flush());
        producer.abort_transaction().unwrap();
        producer.begin_transaction().unwrap();
        append(&mut *producer, &place, &["d"]);
        let reports = producer.begin_flush().wait().unwrap();
        assert_eq!(reports.iter().map(|report| report.records).sum::<usize>(), 1, "{reports:?}");
        producer.begin_commit().wait().unwrap();
        let mut consumer = world.consumer(ReadCommitted);
        consumer.assign(&place, 0).unwrap();
        assert_eq!(read(&mut *consumer, 4), ["a", "b", "c", "d"]);
    });
}

#[test]
fn offsets_of_a_stranger_that_are_being_sent_are_refused_later() {
    everywhere(|world| {
        let place = world.partition();
        let mut producer = world.transactional(&world.unique("id"));
        producer.begin_transaction().unwrap();
        append(&mut *producer, &place, &["a"]);
        producer.flush().unwrap();
        let nobody = GroupMetadata { member_epoch: -1, ..stranger(world) };
        let sent = producer.begin_send_offsets(&offsets(&place), &nobody).wait();
        assert_eq!(sent.unwrap_err().kind(), ErrorKind::Fenced);
        producer.abort_transaction().unwrap();
    });
}

#[test]
fn calls_out_of_turn_are_refused_and_do_no_harm() {
    everywhere(|world| {
        let place = world.partition();
        let headers = Headers::new();
        let invalid = |result: streams_core::Result| {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidState);
        };
        let mut plain = world.producer();
        invalid(plain.init_transactions());
        invalid(plain.begin_transaction());
        let mut producer = world.uninitialised(&world.unique("id"));
        invalid(producer.begin_transaction());
        invalid(producer.append_to(&place, record("a", &headers)));
        producer.init_transactions().unwrap();
        invalid(producer.append_to(&place, record("a", &headers)));
        invalid(producer.commit_transaction());
        invalid(producer.abort_transaction());
        invalid(producer.send_offsets(&offsets(&place), &stranger(world)));
        producer.begin_transaction().unwrap();
        invalid(producer.begin_transaction());
        append(&mut *producer, &place, &["a"]);
        producer.flush().unwrap();
        producer.commit_transaction().unwrap();
        let mut consumer = world.consumer(ReadCommitted);
        consumer.assign(&place, 0).unwrap();
        assert_eq!(read(&mut *consumer, 1), ["a"]);
    });
}

#[test]
fn a_new_producer_of_the_same_id_aborts_what_is_open_and_fences_the_old_one() {
    everywhere(|world| {
        let place = world.partition();
        let id = world.unique("id");
        let mut old = world.transactional(&id);
        commit(&mut *old, &place, "a");
        old.begin_transaction().unwrap();
        append(&mut *old, &place, &["gone"]);
        old.flush().unwrap();
        let mut new = world.transactional(&id);
        commit(&mut *new, &place, "b");

        append(&mut *old, &place, &["zombie"]);
        let fenced = old.flush().map(drop).and_then(|()| old.commit_transaction());
        assert_eq!(fenced.unwrap_err().kind(), ErrorKind::Fenced);
        drop(old);
        commit(&mut *new, &place, "c");
        let mut consumer = world.consumer(ReadCommitted);
        consumer.assign(&place, 0).unwrap();
        assert_eq!(read(&mut *consumer, 3), ["a", "b", "c"]);
        let mut all = world.consumer(ReadUncommitted);
        all.assign(&place, 0).unwrap();
        assert_eq!(read(&mut *all, 4), ["a", "gone", "b", "c"]);
    });
}

#[test]
fn a_fenced_producer_hears_of_it_when_it_commits() {
    everywhere(|world| {
        let place = world.partition();
        let id = world.unique("id");
        let mut old = world.transactional(&id);
        old.begin_transaction().unwrap();
        append(&mut *old, &place, &["gone"]);
        old.flush().unwrap();
        let _new = world.transactional(&id);
        assert_eq!(old.commit_transaction().unwrap_err().kind(), ErrorKind::Fenced);
    });
}

#[test]
fn offsets_of_who_is_not_in_the_group_are_refused_and_the_producer_goes_on() {
    everywhere(|world| {
        let place = world.partition();
        let id = world.unique("id");
        let mut producer = eventually("an answer of the coordinator", || {
            let mut producer = world.transactional(&id);
            producer.begin_transaction().unwrap();
            append(&mut *producer, &place, &["gone"]);
            producer.flush().unwrap();
            let refused = producer.send_offsets(&offsets(&place), &stranger(world)).unwrap_err();
            // A new broker may still be creating the topic of the groups.
            let is_late = matches!(refused.kind(), ErrorKind::Timeout | ErrorKind::Unavailable);
            assert!(is_late || refused.kind() == ErrorKind::Fenced, "{refused}");
            (!is_late).then_some(producer)
        });
        producer.abort_transaction().unwrap();
        commit(&mut *producer, &place, "a");
        let mut consumer = world.consumer(ReadCommitted);
        consumer.assign(&place, 0).unwrap();
        assert_eq!(read(&mut *consumer, 1), ["a"]);
    });
}

#[test]
fn offsets_of_nobody_are_not_sent_since_a_broker_would_take_them() {
    on_the_broker(|world| {
        let place = world.partition();
        let mut producer = world.transactional(&world.unique("id"));
        producer.begin_transaction().unwrap();
        let mut nobody = stranger(world);
        nobody.member_id.clear();
        nobody.member_epoch = -1;
        let refused = producer.send_offsets(&offsets(&place), &nobody);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Fenced);
        producer.abort_transaction().unwrap();
    });
}
