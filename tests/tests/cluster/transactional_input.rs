//! Orders written in transactions, some of which were aborted.

use streams_core::{
    Headers, TopicPartition,
    client::{ClientSupplier, ProduceRecord, Producer, ProducerSettings},
    partition_for_key,
};
use tests::broker;

use crate::{
    orders::{Order, Orders},
    world::{Mode, World},
};

const PARTITIONS: u16 = 2;

/// Number of orders per transaction.
const TRANSACTION: usize = 100;

fn write<'a>(producer: &mut dyn Producer, orders: impl Iterator<Item = &'a Order>) {
    producer.begin_transaction().unwrap();
    for order in orders {
        let key = order.customer.as_bytes();
        let to = TopicPartition::new("orders", partition_for_key(key, PARTITIONS.into()));
        let (value, headers) = (order.json(), Headers::new());
        let record = ProduceRecord {
            timestamp: order.timestamp(),
            key: Some(key),
            value: Some(value.as_bytes()),
            headers: &headers,
        };
        producer.append_to(&to, record).unwrap();
    }
    for report in producer.flush().unwrap() {
        report.result.unwrap();
    }
}

/// Each transaction is followed by an aborted one with the same orders, also at the end of the
/// topic.
fn write_committed_and_aborted(world: &World, orders: &Orders) {
    let settings = ProducerSettings {
        client_id: "orders-in-transactions".to_owned(),
        transactional_id: Some("orders-in-transactions".to_owned()),
        ..ProducerSettings::default()
    };
    let mut producer = world.clients().producer(&settings).unwrap();
    producer.init_transactions().unwrap();
    let all: Vec<&Order> = orders.iter().collect();
    for orders in all.chunks(TRANSACTION) {
        write(&mut *producer, orders.iter().copied());
        producer.commit_transaction().unwrap();
        write(&mut *producer, orders.iter().copied());
        producer.abort_transaction().unwrap();
    }
}

#[test]
fn what_was_given_up_is_stepped_over_in_the_input_and_in_a_restore() {
    if !broker::wanted() {
        return;
    }
    let world = World::new(Mode::EXACTLY_ONCE, PARTITIONS);
    let orders = Orders::of_customers(4_000, 50, 14);
    let (before, third) = orders.clone().split(2_500);
    let (first, second) = before.clone().split(1_000);
    // All customers are fed with the first orders.
    world.feed(&first);
    let instance = world.run("only");
    write_committed_and_aborted(&world, &second);
    world.await_all(&before);
    // A crash leaves an open transaction at the end of the changelogs, which the next restore must
    // get past.
    instance.kill().unwrap();
    world.lose_disk("only");
    let instance = world.run("only");
    world.await_shared(&[&instance]);
    write_committed_and_aborted(&world, &third);
    world.await_all(&orders);
    world.close_and_check(&[&instance], &orders);
}
