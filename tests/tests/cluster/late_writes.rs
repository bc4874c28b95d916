//! A member that the group has given up still has records in its buffers.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use streams_core::{
    ErrorKind, Headers, TopicPartition,
    client::{ClientSupplier, Lease, ProduceRecord, Producer, ProducerSettings},
};
use tests::broker;

use crate::world::{Mode, World};

fn append(producer: &mut dyn Producer, value: &str) {
    let headers = Headers::new();
    let value = Some(value.as_bytes());
    let record = ProduceRecord { timestamp: 1, key: Some(b"key"), value, headers: &headers };
    producer.append(&TopicPartition::new("changelog", 0), record).unwrap();
}

/// Such records came after those of the next owner, whose changelog then ended with older rows than its store had.
#[test]
fn what_a_lost_member_had_not_written_never_reaches_the_cluster() {
    if !broker::wanted() {
        return;
    }
    let world = World::new(Mode::AT_LEAST_ONCE, 1);
    world.create_topics(&[("changelog", 1)]);
    let over = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&over);
    let settings = ProducerSettings {
        client_id: "member".to_owned(),
        lease: Lease::new(move || seen.load(Ordering::SeqCst)),
        ..ProducerSettings::default()
    };
    let mut producer = world.clients().producer(&settings).unwrap();
    append(&mut *producer, "before");
    producer.flush().unwrap();

    world.broker.kill().unwrap();
    append(&mut *producer, "late");
    over.store(true, Ordering::SeqCst);
    assert_eq!(producer.flush().unwrap_err().kind(), ErrorKind::Fenced);

    world.broker.start_again().unwrap();
    let read = ["console-consumer", "--topic", "changelog", "--from-beginning"];
    let written = world.broker.tool(&[&read[..], &["--timeout-ms", "5000"]].concat()).unwrap();
    assert_eq!(written.trim(), "before");
}
