//! The broker goes away and comes back, under load.

use std::time::Duration;

use tests::broker;

use crate::{
    orders::Orders,
    world::{Instance, Mode, PATIENCE, World, eventually, pass, told},
};

/// For a time in which a broker that was killed is registered again. One that finds open transactions in its log ends
/// them when their time is over, also while its partitions have no leader: then it takes them for deleted, writes no
/// markers there, and what was written hangs for ever.
const OUTLASTS_A_START: &str = "producer.transaction.timeout.ms=30000";

/// Starts the broker again, and waits until each instance has committed something since.
fn end_outage(world: &World, instances: [&Instance; 2]) {
    // By now they have said what they had committed before.
    pass(Duration::from_millis(1_500));
    let commits = instances.map(|instance| told(instance, "commits"));
    world.broker.start_again().unwrap();
    world.await_shared(&instances);
    for (instance, before) in instances.into_iter().zip(commits) {
        eventually("an instance commits again", || {
            (told(instance, "commits") > before).then_some(())
        });
    }
}

/// The broker is stopped, then killed, then suspended, each time for a while.
fn an_outage_of_the_broker_is_waited_out(mode: Mode) {
    if !broker::wanted() {
        return;
    }
    let world = World::new(mode, 2).option(&["--config", OUTLASTS_A_START]);
    let orders = Orders::new(40_000, 9);
    let feed = world.feed_slowly(&orders, 1_500);
    let (first, second) = (world.run("first"), world.run("second"));
    world.await_shared(&[&first, &second]);
    eventually("orders come out", || (told(&first, "commits") > 1).then_some(()));
    world.broker.stop().unwrap();
    end_outage(&world, [&first, &second]);
    world.broker.kill().unwrap();
    end_outage(&world, [&first, &second]);
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
