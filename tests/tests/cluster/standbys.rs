//! A standby copy takes over at once.

use tests::broker;

use crate::{
    orders::Orders,
    world::{Mode, World, eventually, tasks, told},
};

/// Which of two instances dies makes no difference: each has a copy of the other's state.
fn a_standby_takes_over_without_a_restore(mode: Mode, broker_standbys: bool) {
    if !broker::wanted() {
        return;
    }
    let mut options = broker::Options::default();
    let mut more = vec!["--standbys", "1"];
    if broker_standbys {
        options = options.set("group.streams.num.standby.replicas", "1");
        more.clear();
    }
    let world = World::with(mode, 2, options).option(&more);
    let orders = Orders::new(20_000, 8);
    let (before, after) = orders.clone().split(18_000);
    world.feed(&before);
    let (first, second) = (world.run("first"), world.run("second"));
    let shared = world.await_shared(&[&first, &second]);
    world.await_all(&before);
    eventually("each instance has copies of the other's tasks", || {
        let copies = [tasks(&first, "standby"), tasks(&second, "standby")];
        copies.iter().eq(shared.iter().rev()).then_some(())
    });
    // The copies have all recent commits once the instances report nothing new any more.
    eventually("the copies are complete", || {
        let copied = told(&first, "by standbys") + told(&second, "by standbys");
        let written = 2 * u64::try_from(before.expected().per_customer.len()).unwrap();
        (copied >= written).then_some(())
    });
    let restored = told(&second, "restored");
    first.kill().unwrap();
    world.await_shared(&[&second]);
    world.feed(&after);
    world.await_all(&orders);
    world.close_and_check(&[&second], &orders);
    let restored = told(&second, "restored") - restored;
    // A broker that assigns takes a copy away before it hands its task over. That outlasts only what
    // is on disk.
    let is_kept = !broker_standbys || cfg!(feature = "rocksdb");
    assert!(restored <= 500 || !is_kept, "{restored} records were restored");
}

#[test]
fn a_standby_takes_over_without_a_restore_exactly_once() {
    a_standby_takes_over_without_a_restore(Mode::EXACTLY_ONCE, false);
}

#[test]
fn a_standby_of_a_streams_group_takes_over_without_a_restore() {
    a_standby_takes_over_without_a_restore(Mode::STREAMS_EXACTLY_ONCE, true);
}
