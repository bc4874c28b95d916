//! Three brokers, each of which goes away: coordinators, leaders and the controller move.

use std::time::Duration;

use tests::broker::{self, Broker, Options};

use crate::{
    orders::Orders,
    world::{ANY_LAG, Mode, PATIENCE, World, eventually, pass},
};

/// One broker after the other is stopped or killed under load and comes back when others have taken
/// over.
fn brokers_go_one_after_another(mode: Mode) {
    if !broker::wanted() {
        return;
    }
    let world = World::with(mode, 2, Options::default().three_nodes()).option(&ANY_LAG);
    let orders = Orders::new(40_000, 10);
    let feed = world.feed_slowly(&orders, 1_000);
    let (first, second) = (world.run("first"), world.run("second"));
    world.await_shared(&[&first, &second]);
    for node in 1..=3 {
        let stopped = if node == 1 { Broker::stop_node } else { Broker::kill_node };
        stopped(&world.broker, node).unwrap();
        pass(Duration::from_secs(3));
        world.broker.start_node_again(node).unwrap();
        eventually("all replicas are in sync", || {
            let behind = ["topics", "--describe", "--under-replicated-partitions"];
            world.broker.tool(&behind).unwrap().trim().is_empty().then_some(())
        });
    }
    feed.succeed(PATIENCE).unwrap();
    world.await_all(&orders);
    assert!(first.is_running() && second.is_running(), "a broker that goes ends no instance");
    world.await_shared(&[&first, &second]);
    world.close_and_check(&[&first, &second], &orders);
}

#[test]
fn brokers_go_one_after_another_exactly_once() {
    brokers_go_one_after_another(Mode::EXACTLY_ONCE);
}

#[test]
fn brokers_go_one_after_another_under_a_streams_group() {
    brokers_go_one_after_another(Mode::STREAMS_EXACTLY_ONCE);
}
