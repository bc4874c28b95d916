//! Instances crash, and continue from the state that they left behind.

use std::time::Duration;

use tests::broker;

use crate::{
    orders::{Orders, Random},
    world::{Instance, Mode, PATIENCE, World, pass, told},
};

/// A store on disk lags behind its commits by at most about this time: then a flush is started.
const FLUSH_AGE: Duration = Duration::from_secs(5);
/// Orders per second.
const RATE: u32 = 1_200;

/// In each round one of two instances dies, and starts again: alternately while both are working,
/// and at any moment after a start, possibly in the middle of a restore or a rebalance.
fn whatever_dies_when_nothing_is_lost(mode: Mode, rounds: u64, seed: u64) {
    if !broker::wanted() {
        return;
    }
    let world = World::new(mode, 2);
    let orders = Orders::of_customers(rounds * 3_600, 2_000, seed);
    let mut random = Random::new(seed);
    let feed = world.feed_slowly(&orders, RATE);
    let names = ["first", "second"];
    let mut instances = names.map(|name| world.run(name));
    for round in 0..rounds {
        if round % 2 == 0 {
            world.await_shared(&instances.each_ref());
        }
        pass(Duration::from_millis(random.below(2_000)));
        let victim = usize::try_from(random.below(2)).unwrap();
        for (at, (instance, name)) in instances.iter_mut().zip(names).enumerate() {
            if at == victim {
                instance.kill().unwrap();
                assert_little_was_restored(instance);
                *instance = world.run(name);
            }
        }
    }
    feed.succeed(PATIENCE).unwrap();
    world.await_all(&orders);
    instances.iter().for_each(assert_little_was_restored);
    world.close_and_check(&instances.each_ref(), &orders);
}

/// Each of the four tasks goes on from its files and the tail of its changelogs, to which an order comes to about two
/// records. Twice as much is let pass, for a task that catches up writes faster. In the later rounds the changelogs hold
/// many times as much. Without stores on disk all of it is restored.
fn assert_little_was_restored(instance: &Instance) {
    if !cfg!(feature = "rocksdb") {
        return;
    }
    let restored = told(instance, "restored");
    assert!(
        restored <= 2 * 2 * u64::from(RATE) * FLUSH_AGE.as_secs(),
        "{restored} records were restored"
    );
}

#[test]
fn instances_that_are_killed_at_random_lose_and_repeat_nothing() {
    whatever_dies_when_nothing_is_lost(Mode::EXACTLY_ONCE, 20, 3);
}

#[test]
fn instances_that_are_killed_at_random_lose_nothing_at_least_once() {
    whatever_dies_when_nothing_is_lost(Mode::AT_LEAST_ONCE, 6, 4);
}

/// `cargo test … --test cluster -- --ignored soak`, with `KAFKA_STREAMS_TEST_DATA_PLANE` for the data plane.
#[test]
#[ignore = "half an hour"]
fn soak_of_instances_that_are_killed_at_random_exactly_once() {
    whatever_dies_when_nothing_is_lost(Mode::EXACTLY_ONCE, 600, 8);
}

#[test]
fn instances_of_a_streams_group_that_are_killed_at_random_lose_and_repeat_nothing() {
    whatever_dies_when_nothing_is_lost(Mode::STREAMS_EXACTLY_ONCE, 8, 5);
}

fn fed_and_done(world: &World, orders: &Orders) -> Instance {
    world.feed(orders);
    let instance = world.run("only");
    world.await_all(orders);
    instance
}

#[cfg(feature = "rocksdb")]
#[test]
fn after_a_crash_only_the_tail_of_the_changelogs_is_restored() {
    if !broker::wanted() {
        return;
    }
    let world = World::new(Mode::EXACTLY_ONCE, 1);
    let orders = Orders::new(80_000, 6);
    let (before, after) = orders.clone().split(79_000);
    let (old, new) = before.clone().split(78_000);
    let instance = fed_and_done(&world, &old);
    pass(FLUSH_AGE);
    world.feed(&new);
    world.await_all(&before);
    // The next commits have started to flush old writes; they are on disk soon.
    pass(Duration::from_secs(2));
    instance.kill().unwrap();
    let instance = world.run("only");
    world.await_shared(&[&instance]);
    world.feed(&after);
    world.await_all(&orders);
    world.close_and_check(&[&instance], &orders);
    // One of the two tasks has written more than 80,000 records to its changelogs, the other nearly
    // as many.
    let restored = told(&instance, "restored");
    assert!(restored <= 4_000, "{restored} records were restored");
}

#[test]
fn an_instance_that_lost_its_disk_restores_all_of_it() {
    if !broker::wanted() {
        return;
    }
    let world = World::new(Mode::EXACTLY_ONCE, 2);
    let orders = Orders::new(10_000, 7);
    let (before, after) = orders.clone().split(9_000);
    let instance = fed_and_done(&world, &before);
    instance.kill().unwrap();
    world.lose_disk("only");
    let instance = world.run("only");
    world.await_shared(&[&instance]);
    world.feed(&after);
    world.await_all(&orders);
    world.close_and_check(&[&instance], &orders);
    let restored = told(&instance, "restored");
    // Each customer is a row of at least two stores.
    assert!(restored >= 2 * 900, "only {restored} records were restored");
}
