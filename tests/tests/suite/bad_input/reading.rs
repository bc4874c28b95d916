//! Records whose bytes can't be read.

use streams_core::{ErrorKind, config::DeserializationHandlerChoice};

use super::{
    BAD_OFFSET, DEAD_LETTERS, GOOD, GUARANTEES, assert_dead_letter, assert_says, dead_letters,
    failure, feed, in_memory, one_partition, start, summing_topology, sums,
};
use crate::harness::{PATIENCE, last_counts, processed};

/// Three bytes are no number of eight.
const POISON: &[u8] = b"\x01\x02\x03";

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_record_stops_the_instance_and_nothing_else_is_lost_when_it_is_let_pass() {
    for guarantee in GUARANTEES {
        let cluster = one_partition();
        feed(&cluster, POISON);
        let first = start(summing_topology(Ok), in_memory(guarantee), &cluster).await;
        let error = failure(&first).await;
        assert_eq!(error.kind(), ErrorKind::Deserialization);
        assert_says(
            &error,
            &[
                "source `source` can't read the value of in-0@123",
                "expected 8 bytes of an i64, found 3",
                "the handler of deserialization.exception.handler stops at this record",
                "correct what is wrong and start again, or let the handler continue",
            ],
        );

        // Again: it is still there.
        let second = start(summing_topology(Ok), in_memory(guarantee), &cluster).await;
        assert_says(&failure(&second).await, &[&format!("in-0@{BAD_OFFSET}")]);

        let config = in_memory(guarantee)
            .deserialization_exception_handler(DeserializationHandlerChoice::LogAndContinue);
        let third = start(summing_topology(Ok), config, &cluster).await;
        processed(&cluster, &["in"], &[&third]).await;
        third.close(PATIENCE).await.unwrap();
        assert_eq!(third.metrics().dropped, 1);
        assert_eq!(last_counts(&cluster, "out"), sums(), "{guarantee:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_record_that_is_let_pass_is_dropped_counted_and_sent_as_a_dead_letter() {
    for guarantee in GUARANTEES {
        let cluster = one_partition();
        cluster.create_topic(DEAD_LETTERS, 1).unwrap();
        feed(&cluster, POISON);
        let config = in_memory(guarantee)
            .deserialization_exception_handler(DeserializationHandlerChoice::LogAndContinue)
            .dead_letter_queue_topic(DEAD_LETTERS);
        let instance = start(summing_topology(Ok), config, &cluster).await;
        processed(&cluster, &["in"], &[&instance]).await;
        instance.close(PATIENCE).await.unwrap();
        let metrics = instance.metrics();
        assert_eq!((metrics.dropped, metrics.processed), (1, u64::try_from(GOOD).unwrap()));
        assert_eq!(last_counts(&cluster, "out"), sums(), "{guarantee:?}");
        assert_dead_letter(&cluster, POISON, "source", "expected 8 bytes of an i64, found 3");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_record_that_stops_the_instance_is_a_dead_letter_too_but_not_of_an_aborted_transaction()
 {
    for (guarantee, letters) in GUARANTEES.into_iter().zip([1, 0]) {
        let cluster = one_partition();
        cluster.create_topic(DEAD_LETTERS, 1).unwrap();
        feed(&cluster, POISON);
        let config = in_memory(guarantee).dead_letter_queue_topic(DEAD_LETTERS);
        let instance = start(summing_topology(Ok), config, &cluster).await;
        failure(&instance).await;
        assert_eq!(dead_letters(&cluster).len(), letters, "{guarantee:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_for_dead_letters_is_named_together_with_the_record() {
    let guarantee = GUARANTEES[0];
    let cluster = one_partition();
    feed(&cluster, POISON);
    let config = in_memory(guarantee)
        .deserialization_exception_handler(DeserializationHandlerChoice::LogAndContinue)
        .dead_letter_queue_topic(DEAD_LETTERS);
    let first = start(summing_topology(Ok), config.clone(), &cluster).await;
    let error = failure(&first).await;
    assert_eq!(error.kind(), ErrorKind::InvalidTopic);
    assert_says(
        &error,
        &[
            "source `source` can't read the value of in-0@123",
            "its dead letter can't be written to topic `dead-letters`, create it or correct \
             errors.dead.letter.queue.topic.name",
            "topic `dead-letters` does not exist",
        ],
    );

    cluster.create_topic(DEAD_LETTERS, 1).unwrap();
    let second = start(summing_topology(Ok), config, &cluster).await;
    processed(&cluster, &["in"], &[&second]).await;
    second.close(PATIENCE).await.unwrap();
    assert_eq!(last_counts(&cluster, "out"), sums());
    assert_dead_letter(&cluster, POISON, "source", "expected 8 bytes of an i64, found 3");
}
