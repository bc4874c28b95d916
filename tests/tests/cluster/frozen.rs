//! A process stands still for longer than its session lasts, and wakes as a zombie in the middle of
//! its work.

use tests::broker::{self, Signal};

use crate::{
    orders::Orders,
    world::{Mode, PATIENCE, World},
};

fn a_frozen_instance_wakes_as_a_zombie_and_joins_anew(mode: Mode) {
    if !broker::wanted() {
        return;
    }
    let world = World::new(mode, 2).with_late_writes();
    let orders = Orders::new(20_000, 10);
    let feed = world.feed_slowly(&orders, 1_500);
    let (first, second) = (world.run("first"), world.run("second"));
    world.await_shared(&[&first, &second]);
    for (frozen, other) in [(&first, &second), (&second, &first)] {
        frozen.signal(Signal::Stop).unwrap();
        world.await_shared(&[other]);
        frozen.signal(Signal::Continue).unwrap();
        world.await_shared(&[&first, &second]);
    }
    feed.succeed(PATIENCE).unwrap();
    world.await_all(&orders);
    world.close_and_check(&[&first, &second], &orders);
}

#[test]
fn a_frozen_instance_wakes_as_a_zombie_and_joins_anew_exactly_once() {
    a_frozen_instance_wakes_as_a_zombie_and_joins_anew(Mode::EXACTLY_ONCE);
}

#[test]
fn a_frozen_instance_wakes_as_a_zombie_and_joins_anew_at_least_once() {
    a_frozen_instance_wakes_as_a_zombie_and_joins_anew(Mode::AT_LEAST_ONCE);
}

#[test]
fn a_frozen_instance_of_a_streams_group_wakes_as_a_zombie_and_joins_anew() {
    a_frozen_instance_wakes_as_a_zombie_and_joins_anew(Mode::STREAMS_EXACTLY_ONCE);
}
