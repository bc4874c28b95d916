//! The broker goes away and comes back, under load.

use std::time::Duration;

use tests::broker;

use crate::{
    orders::Orders,
    world::{Mode, PATIENCE, World, pass},
};

/// The broker is stopped, then killed, then suspended, each time for a while.
fn an_outage_of_the_broker_is_waited_out(mode: Mode) {
    if !broker::wanted() {
        return;
    }
    let world = World::new(mode, 2);
    let orders = Orders::new(20_000, 9);
    let feed = world.feed_slowly(&orders, 1_500);
    let (first, second) = (world.run("first"), world.run("second"));
    world.await_shared(&[&first, &second]);
    world.broker.stop().unwrap();
    pass(Duration::from_secs(1));
    world.broker.start_again().unwrap();
    world.await_shared(&[&first, &second]);
    world.broker.kill().unwrap();
    world.broker.start_again().unwrap();
    world.await_shared(&[&first, &second]);
    world.broker.suspend().unwrap();
    pass(Duration::from_secs(2));
    world.broker.resume().unwrap();
    feed.succeed(PATIENCE).unwrap();
    world.await_all(&orders);
    assert!(first.is_running() && second.is_running(), "an outage ends no instance");
    world.await_shared(&[&first, &second]);
    world.close_and_check(&[&first, &second], &orders);
}

#[test]
fn an_outage_of_the_broker_is_waited_out_exactly_once() {
    an_outage_of_the_broker_is_waited_out(Mode::EXACTLY_ONCE);
}

#[test]
fn an_outage_of_the_broker_is_waited_out_at_least_once() {
    an_outage_of_the_broker_is_waited_out(Mode::AT_LEAST_ONCE);
}

#[test]
fn an_outage_of_the_broker_is_waited_out_by_a_streams_group() {
    an_outage_of_the_broker_is_waited_out(Mode::STREAMS_EXACTLY_ONCE);
}
