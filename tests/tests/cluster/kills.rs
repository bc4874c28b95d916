//! Instances crash, and go on from the state that they left behind.

use std::{fs, time::Duration};

use tests::broker;

use crate::{
    orders::{Orders, Random},
    world::{Instance, Mode, PATIENCE, World, told},
};

/// A store on disk lags behind its commits by at most about so many records: after so many a flush is started.
const FLUSH_RECORDS: u64 = 10_000;

/// In each round one of two instances dies at some moment, be it in the middle of a commit, a restore or a rebalance, and
/// starts anew.
fn whatever_dies_when_nothing_is_lost(mode: Mode, rounds: u64, seed: u64) {
    if !broker::wanted() {
        return;
    }
    let world = World::new(mode, 2);
    let orders = Orders::new(rounds * 2_500, seed);
    let mut random = Random::new(seed);
    let feed = world.feed_slowly(&orders, 2_000);
    let mut instances = ["first", "second"].map(|name| (name, world.run(name)));
    for _ in 0..rounds {
        crate::world::pass(Duration::from_millis(200 + random.below(2_000)));
        let victim = usize::try_from(random.below(2)).unwrap();
        if let Some((name, instance)) = instances.get_mut(victim) {
            instance.kill().unwrap();
            assert!(told(instance, "restored") < bound(&orders), "a restore of everything");
            *instance = world.run(name);
        }
    }
    feed.succeed(PATIENCE).unwrap();
    world.await_all(&orders);
    let [(_, first), (_, second)] = &instances;
    world.close_and_check(&[first, second], &orders);
}

/// What the four tasks may have to restore.
fn bound(orders: &Orders) -> u64 {
    (4 * FLUSH_RECORDS).min(u64::try_from(orders.len()).unwrap() * 2)
}

#[test]
fn instances_that_are_killed_at_random_lose_and_repeat_nothing() {
    whatever_dies_when_nothing_is_lost(Mode::EXACTLY_ONCE, 20, 3);
}

#[test]
fn instances_that_are_killed_at_random_lose_nothing_at_least_once() {
    whatever_dies_when_nothing_is_lost(Mode::AT_LEAST_ONCE, 6, 4);
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

#[test]
fn after_a_crash_only_the_tail_of_the_changelogs_is_restored() {
    if !broker::wanted() {
        return;
    }
    let world = World::new(Mode::EXACTLY_ONCE, 1);
    let orders = Orders::new(80_000, 6);
    let (before, after) = orders.clone().split(79_000);
    let instance = fed_and_done(&world, &before);
    instance.kill().unwrap();
    let instance = world.run("only");
    world.await_shared(&[&instance]);
    world.feed(&after);
    world.await_all(&orders);
    world.close_and_check(&[&instance], &orders);
    // One of the two tasks has written more than 80,000 records to its changelogs, the other nearly as many.
    let restored = told(&instance, "restored");
    assert!(restored <= 2 * FLUSH_RECORDS + 2_000, "{restored} records were restored");
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
    fs::remove_dir_all(world.state_dir("only")).unwrap();
    let instance = world.run("only");
    world.await_shared(&[&instance]);
    world.feed(&after);
    world.await_all(&orders);
    world.close_and_check(&[&instance], &orders);
    let restored = told(&instance, "restored");
    // Each customer is a row of two stores at least.
    assert!(restored >= 2 * 900, "only {restored} records were restored");
}
