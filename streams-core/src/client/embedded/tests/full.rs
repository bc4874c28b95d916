//! Producers without room.

use std::collections::VecDeque;

use super::*;
use crate::{
    ErrorKind,
    client::{
        Appended, Collector,
        embedded::{ClusterSettings, Fault, FaultInjector, Operation},
    },
};

/// Answers, record by record, whether there is no room; after the last answer there is.
#[derive(Debug)]
struct Room(VecDeque<bool>);

impl FaultInjector for Room {
    fn before(&mut self, _: Operation<'_>) -> Fault {
        Fault::None
    }

    fn is_full(&mut self, _: &str) -> bool {
        self.0.pop_front().unwrap_or(false)
    }
}

fn full(cluster: &EmbeddedCluster, answers: &[bool]) {
    cluster.set_faults(Some(Box::new(Room(answers.iter().copied().collect()))));
}

fn append_all(collector: &mut Collector, values: &[&str]) {
    let headers = Headers::new();
    for value in values {
        let slot = collector.slot(&partition("t", 0)).unwrap();
        collector.append(slot, record("k", value, &headers)).unwrap();
    }
}

#[test]
fn what_a_full_producer_does_not_take_waits_and_nothing_goes_past_it() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    let mut collector = Collector::new(producer(&cluster, None));
    // It has no room for b; c is not offered while b waits. Then it has room for b, and none for c.
    full(&cluster, &[false, true, false, true]);
    append_all(&mut collector, &["a"]);
    assert!(!collector.is_full());
    append_all(&mut collector, &["b", "c"]);
    assert!(collector.is_full());
    assert!(!collector.drain().unwrap());
    append_all(&mut collector, &["d"]);
    assert!(collector.drain().unwrap() && !collector.is_full());
    append_all(&mut collector, &["e"]);
    assert!(collector.flush().unwrap().iter().all(|report| report.result.is_ok()));
    let written = values(&cluster, "t", IsolationLevel::ReadCommitted);
    assert_eq!(written, ["a", "b", "c", "d", "e"]);
}

#[test]
fn headers_nulls_and_times_of_what_waits_stay_as_they_are() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    let mut collector = Collector::new(producer(&cluster, None));
    full(&cluster, &[true]);
    let mut headers = Headers::new();
    headers.add("trace", Some(b"t-1"));
    headers.add("none", None);
    let slot = collector.slot(&partition("t", 0)).unwrap();
    let tombstone = ProduceRecord { timestamp: 7, key: Some(b""), value: None, headers: &headers };
    collector.append(slot, tombstone).unwrap();
    append_all(&mut collector, &["after"]);
    collector.flush().unwrap();
    let written = cluster.read_all("t", IsolationLevel::ReadCommitted).unwrap();
    let first = written.first().unwrap();
    assert_eq!((first.timestamp, first.key.as_deref(), &first.value), (7, Some(&[][..]), &None));
    assert_eq!(first.headers, headers);
    assert!(written.last().unwrap().headers.is_empty());
}

#[test]
fn what_waits_is_gone_with_its_transaction() {
    let (cluster, _) = cluster();
    cluster.create_topic("t", 1).unwrap();
    let mut collector = Collector::new(transactional(&cluster, "id"));
    collector.producer().begin_transaction().unwrap();
    full(&cluster, &[false, true]);
    append_all(&mut collector, &["a", "b"]);
    assert!(collector.is_full());
    collector.forget();
    collector.producer().begin_abort().wait().unwrap();
    collector.producer().begin_transaction().unwrap();
    append_all(&mut collector, &["c"]);
    collector.flush().unwrap();
    collector.producer().commit_transaction().unwrap();
    assert_eq!(values(&cluster, "t", IsolationLevel::ReadCommitted), ["c"]);
}

#[test]
fn a_producer_that_can_send_nothing_is_full_and_gives_up_in_time() {
    let clock = Arc::new(ManualClock::new(0));
    let settings = ClusterSettings {
        buffer_bytes_max: 10,
        max_block: Duration::from_secs(3),
        ..ClusterSettings::for_virtual_time()
    };
    let cluster = EmbeddedCluster::with_settings(clock.clone(), settings);
    cluster.create_topic("t", 1).unwrap();
    let mut producer = producer(&cluster, None);
    let slot = producer.slot(&partition("t", 0)).unwrap();
    let headers = Headers::new();
    let mut append = |value| producer.append(slot, record("k", value, &headers));
    cluster.broker_down(true);
    assert_eq!(append("0123456789").unwrap(), Appended::Done);
    assert_eq!(append("a").unwrap(), Appended::Full);
    clock.advance(Duration::from_millis(2_999));
    assert_eq!(append("a").unwrap(), Appended::Full);
    clock.advance(Duration::from_millis(1));
    let error = append("a").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("no room for a record for t-0"), "{error}");
    cluster.broker_down(false);
    assert_eq!(append("a").unwrap(), Appended::Done);
    producer.flush().unwrap();
    let written = values(&cluster, "t", IsolationLevel::ReadCommitted);
    assert_eq!(written, ["0123456789", "a"]);
}
