//! Positions and lags around transactions: the basis of restores and commits.

use streams_core::{
    TopicPartition,
    client::{
        Consumer,
        IsolationLevel::{ReadCommitted, ReadUncommitted},
        RecordBatch,
    },
};

use crate::world::{World, append, eventually, everywhere, poll_until, read_for_a_while, read_to};

/// Waits for the last stable offset to arrive: the marker of a transaction may be written after its
/// end is confirmed.
fn assert_stable_end(world: &World, place: &TopicPartition, end: i64) {
    let (mut admin, places) = (world.admin(), [place.clone()]);
    eventually("the end of the transaction", || {
        let ends = admin.latest_offsets(&places, ReadCommitted).all().wait().unwrap();
        let found = ends.get(place).copied().unwrap();
        assert!(found <= end);
        (found == end).then_some(())
    });
}

fn assert_lag(consumer: &mut dyn Consumer, place: &TopicPartition, lag: i64) {
    poll_until(consumer, |consumer, _| consumer.lag(place) == Some(lag));
}

#[test]
fn the_position_steps_over_the_marker_at_the_end_of_a_log() {
    everywhere(|world| {
        let place = world.partition();
        world.write_in_transaction(&place, &["a", "b"], true);
        assert_stable_end(world, &place, 3);
        for isolation in [ReadCommitted, ReadUncommitted] {
            let mut consumer = world.consumer(isolation);
            consumer.assign(&place, 0).unwrap();
            assert_eq!(read_to(&mut *consumer, &place, 3), ["a", "b"]);
            assert_lag(&mut *consumer, &place, 0);
        }
    });
}

#[test]
fn an_aborted_tail_never_shows_and_the_position_steps_over_it() {
    everywhere(|world| {
        let place = world.partition();
        world.write(&place, &["a"]);
        world.write_in_transaction(&place, &["gone", "gone too"], false);
        let end = 4;
        assert_stable_end(world, &place, end);
        let mut consumer = world.consumer(ReadCommitted);
        consumer.assign(&place, 0).unwrap();
        assert_eq!(read_to(&mut *consumer, &place, end), ["a"]);
        // And further, from a position within the aborted records.
        consumer.assign(&place, 2).unwrap();
        assert!(read_to(&mut *consumer, &place, end).is_empty());
        world.write(&place, &["b"]);
        assert_eq!(read_to(&mut *consumer, &place, end + 1), ["b"]);
        let mut all = world.consumer(ReadUncommitted);
        all.assign(&place, 0).unwrap();
        assert_eq!(read_to(&mut *all, &place, end + 1), ["a", "gone", "gone too", "b"]);
    });
}

#[test]
fn a_log_of_nothing_but_aborted_records_is_read_to_its_end() {
    everywhere(|world| {
        let place = world.partition();
        for _ in 0..3 {
            world.write_in_transaction(&place, &["gone"], false);
        }
        let mut consumer = world.consumer(ReadCommitted);
        consumer.assign(&place, 0).unwrap();
        let batches =
            poll_until(&mut *consumer, |consumer, _| consumer.position(&place) == Some(6));
        assert!(batches.iter().all(RecordBatch::is_empty));
        assert_eq!(batches.last().unwrap().next_offset(), 6);
    });
}

#[test]
fn an_open_transaction_holds_back_who_reads_what_is_committed() {
    everywhere(|world| {
        let place = world.partition();
        world.write(&place, &["a"]);
        let mut producer = world.transactional(&world.unique("open"));
        producer.begin_transaction().unwrap();
        append(&mut *producer, &place, &["b"]);
        producer.flush().unwrap();
        world.write(&place, &["c"]);

        let mut committed = world.consumer(ReadCommitted);
        committed.assign(&place, 0).unwrap();
        assert_eq!(read_to(&mut *committed, &place, 1), ["a"]);
        assert!(read_for_a_while(&mut *committed).is_empty());
        // Records that are held back are not available, so nobody waits for them.
        assert_lag(&mut *committed, &place, 0);
        let mut all = world.consumer(ReadUncommitted);
        all.assign(&place, 0).unwrap();
        assert_eq!(read_to(&mut *all, &place, 3), ["a", "b", "c"]);

        producer.commit_transaction().unwrap();
        assert_eq!(read_to(&mut *committed, &place, 4), ["b", "c"]);
    });
}

#[test]
fn the_lag_is_unknown_before_the_first_fetch_and_then_counts_down() {
    everywhere(|world| {
        let place = world.partition();
        world.write(&place, &["a", "b", "c"]);
        let mut consumer = world.consumer(ReadUncommitted);
        consumer.assign(&place, 0).unwrap();
        assert_eq!(consumer.lag(&place), None);
        consumer.hold(&place, true);
        assert_lag(&mut *consumer, &place, 3);
        consumer.hold(&place, false);
        poll_until(&mut *consumer, |consumer, batches| {
            let come: usize = batches.iter().map(RecordBatch::len).sum();
            come == 3 && consumer.lag(&place) == Some(0)
        });
        let empty = world.partition();
        consumer.assign(&empty, 0).unwrap();
        assert_lag(&mut *consumer, &empty, 0);
    });
}
