//! With a real clock a poll waits; these tests end as soon as the awaited event has happened.

use super::*;
use crate::time::SystemClock;

#[test]
fn a_poll_waits_for_a_record_and_no_longer() {
    let cluster = EmbeddedCluster::new(Arc::new(SystemClock));
    cluster.create_topic("t", 1).unwrap();
    let mut consumer = consumer(&cluster, IsolationLevel::ReadCommitted);
    consumer.assign(&partition("t", 0), 0).unwrap();
    std::thread::scope(|scope| {
        let polled = scope.spawn(move || poll(&mut *consumer, 10));
        write(&cluster, "t", "k", Some("v"));
        assert_eq!(polled.join().unwrap(), ["v"]);
    });
}

#[test]
fn a_poll_with_nothing_to_give_returns_when_its_time_is_over() {
    let cluster = EmbeddedCluster::new(Arc::new(SystemClock));
    cluster.create_topic("t", 1).unwrap();
    let mut consumer = consumer(&cluster, IsolationLevel::ReadCommitted);
    consumer.assign(&partition("t", 0), 0).unwrap();
    assert!(consumer.poll(10, Duration::from_millis(5)).unwrap().is_empty());
}

#[test]
fn a_poll_without_wait_returns_at_once_in_virtual_time() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    let mut consumer = consumer(&cluster, IsolationLevel::ReadCommitted);
    consumer.assign(&partition("t", 0), 0).unwrap();
    assert!(poll(&mut *consumer, 10).is_empty());
}
