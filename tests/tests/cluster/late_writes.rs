//! A member that the group has expelled still has records in its buffers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use streams_core::{
    ErrorKind, Headers, Result, TopicPartition,
    client::{ClientSupplier, Lease, ProduceRecord, Producer, ProducerSettings},
};
use tests::broker;

use crate::{
    orders::Orders,
    world::{APP, Mode, World, eventually, pass},
};

/// Time for which a record may be in transit.
const DELIVERY: Duration = Duration::from_secs(2);

/// A member with this many milliseconds of its session left, of which it need not be aware.
struct Member {
    world: World,
    left_ms: Arc<AtomicU64>,
    producer: Box<dyn Producer>,
}

impl Member {
    fn new() -> Self {
        let world = World::new(Mode::AT_LEAST_ONCE, 1);
        world.create_topics(&[("changelog", 1)]);
        let left_ms = Arc::new(AtomicU64::new(3_000));
        let seen = Arc::clone(&left_ms);
        let left = move || Some(Duration::from_millis(seen.load(Ordering::SeqCst)));
        let settings = ProducerSettings {
            client_id: "member".to_owned(),
            lease: Lease::new(DELIVERY, left),
            ..ProducerSettings::default()
        };
        let producer = world.clients().producer(&settings).unwrap();
        let mut member = Self { world, left_ms, producer };
        member.append("before").unwrap();
        member.producer.flush().unwrap();
        member
    }

    fn append(&mut self, value: &str) -> Result {
        let headers = Headers::new();
        let value = Some(value.as_bytes());
        let record = ProduceRecord { timestamp: 1, key: Some(b"key"), value, headers: &headers };
        self.producer.append_to(&TopicPartition::new("changelog", 0), record)
    }

    fn append_when_there_is_room(&mut self, value: &str) -> Result {
        loop {
            match self.append(value) {
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    pass(Duration::from_millis(10));
                }
                appended => return appended,
            }
        }
    }

    fn left(&self, left_ms: u64) {
        self.left_ms.store(left_ms, Ordering::SeqCst);
    }

    fn assert_nothing_came_late(&self) {
        let read = ["console-consumer", "--topic", "changelog", "--from-beginning"];
        let read = [&read[..], &["--timeout-ms", "5000"]].concat();
        // A consumer that takes its whole time to find the broker has read nothing.
        let found = eventually("something is read", || {
            let found = self.world.broker.tool(&read).unwrap().trim().to_owned();
            (!found.is_empty()).then_some(found)
        });
        assert_eq!(found, "before");
    }
}

/// Such records came after those of the next owner, whose changelog then ended with older rows than
/// its store had.
#[test]
fn what_a_lost_member_had_not_written_never_reaches_the_cluster() {
    if !broker::wanted() {
        return;
    }
    let mut member = Member::new();
    member.world.broker.kill().unwrap();
    member.append("late").unwrap();
    member.left(0);
    assert_eq!(member.producer.flush().unwrap_err().kind(), ErrorKind::Fenced);
    assert_eq!(member.append_when_there_is_room("later").unwrap_err().kind(), ErrorKind::Fenced);
    member.world.broker.start_again().unwrap();
    member.assert_nothing_came_late();
}

/// The member is not involved here: it was suspended for longer than its session, and its clients
/// resume before it does.
#[test]
fn what_is_on_its_way_when_a_session_ends_is_given_up_without_the_member() {
    if !broker::wanted() {
        return;
    }
    let mut member = Member::new();
    member.world.broker.kill().unwrap();
    member.append("late").unwrap();
    pass(DELIVERY);
    member.world.broker.start_again().unwrap();
    member.assert_nothing_came_late();
    assert!(member.producer.flush().unwrap().iter().all(|batch| batch.result.is_err()));
    // From here on a record might arrive when others have the tasks. It waits until the member is
    // lost, or has contact again.
    member.left(1_999);
    let left_ms = Arc::clone(&member.left_ms);
    let lost = std::thread::Builder::new().name("loses the member".to_owned()).spawn(move || {
        pass(Duration::from_millis(300));
        left_ms.store(0, Ordering::SeqCst);
    });
    assert_eq!(member.append_when_there_is_room("late").unwrap_err().kind(), ErrorKind::Fenced);
    lost.unwrap().join().unwrap();
    member.assert_nothing_came_late();
}

/// A member that is suspended while it sends continues at once. Here all counts so far reach the
/// changelog again as 0, after the owner's; then the owner's disk is lost.
#[test]
fn rows_that_a_zombie_wrote_late_are_not_what_is_restored() {
    if !broker::wanted() {
        return;
    }
    let world = World::new(Mode::AT_LEAST_ONCE, 1);
    let orders = Orders::new(6_000, 14);
    let (before, last) = orders.clone().split(4_000);
    let (first, second) = before.clone().split(2_000);
    world.feed(&first);
    let instance = world.run("only");
    world.await_all(&first);

    let mut zombie = world.clients().producer(&ProducerSettings::default()).unwrap();
    let changelog = TopicPartition::new(format!("{APP}-orders-per-customer-changelog"), 0);
    let (headers, count) = (Headers::new(), 0_i64.to_be_bytes());
    for customer in first.expected().per_customer.keys() {
        let (key, value) = (Some(customer.as_bytes()), Some(&count[..]));
        let record = ProduceRecord { timestamp: 1, key, value, headers: &headers };
        zombie.append_to(&changelog, record).unwrap();
    }
    assert!(zombie.flush().unwrap().iter().all(|batch| batch.result.is_ok()));
    world.feed(&second);
    world.await_all(&before);
    eventually("the owner has written its rows anew", || {
        instance.stderr().iter().any(|line| line.contains("are written anew")).then_some(())
    });

    instance.kill().unwrap();
    world.lose_disk("only");
    let instance = world.run("only");
    world.feed(&last);
    world.await_all(&orders);
    world.close_and_check(&[&instance], &orders);
}
