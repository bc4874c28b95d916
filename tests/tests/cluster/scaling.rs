//! Instances come and go in an orderly way, under load.

use tests::broker;

use crate::{
    orders::Orders,
    world::{Guarantee, Mode, PATIENCE, World},
};

/// One, two, three instances share the tasks, then two again, while orders arrive.
fn instances_share_the_work_as_they_come_and_go(mode: Mode) {
    if !broker::wanted() {
        return;
    }
    let world = World::new(mode, 4);
    let orders = Orders::new(12_000, 1);
    let feed = world.feed_slowly(&orders, 2_000);
    let first = world.run("first");
    world.await_shared(&[&first]);
    let second = world.run("second");
    let shared = world.await_shared(&[&first, &second]);
    assert!(shared.iter().all(|tasks| tasks.len() == 4), "not shared evenly: {shared:?}");
    let third = world.run("third");
    world.await_shared(&[&first, &second, &third]);
    assert_eq!(second.terminate(PATIENCE).unwrap().code(), Some(0));
    world.await_shared(&[&first, &third]);
    feed.succeed(PATIENCE).unwrap();
    world.await_all(&orders);
    world.close_and_check(&[&first, &third], &orders);
    // Nothing failed, so nothing was repeated even where that would be allowed.
    world.check(Guarantee::ExactlyOnce, &orders);
}

#[test]
fn instances_share_the_work_as_they_come_and_go_exactly_once() {
    instances_share_the_work_as_they_come_and_go(Mode::EXACTLY_ONCE);
}

#[test]
fn instances_share_the_work_as_they_come_and_go_at_least_once() {
    instances_share_the_work_as_they_come_and_go(Mode::AT_LEAST_ONCE);
}

#[test]
fn instances_of_a_streams_group_share_the_work_as_they_come_and_go_exactly_once() {
    instances_share_the_work_as_they_come_and_go(Mode::STREAMS_EXACTLY_ONCE);
}

#[test]
fn instances_of_a_streams_group_share_the_work_as_they_come_and_go_at_least_once() {
    instances_share_the_work_as_they_come_and_go(Mode::STREAMS_AT_LEAST_ONCE);
}
