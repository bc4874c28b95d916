//! Static members are restarted one after another, and nobody else notices.

use tests::broker;

use crate::{
    orders::Orders,
    world::{Instance, Mode, PATIENCE, World},
};

/// Number of times that an instance has reported its tasks.
fn changes(instance: &Instance) -> usize {
    instance.stderr().iter().filter(|line| line.starts_with("tasks ")).count()
}

#[test]
fn static_members_are_restarted_one_after_another_without_a_rebalance() {
    if !broker::wanted() {
        return;
    }
    let world = World::new(Mode::EXACTLY_ONCE, 3).option(&["--config", "session.timeout.ms=30000"]);
    let orders = Orders::new(12_000, 11);
    let feed = world.feed_slowly(&orders, 1_500);
    let run =
        |name: &str| world.run_with(name, &["--config", &format!("group.instance.id={name}")]);
    let mut instances = ["first", "second", "third"].map(|name| (name, run(name)));
    let all = |instances: &[(&str, Instance); 3]| {
        let [(_, first), (_, second), (_, third)] = instances;
        world.await_shared(&[first, second, third])
    };
    let shared = all(&instances);
    for index in 0..instances.len() {
        let before: Vec<usize> = instances.iter().map(|(_, instance)| changes(instance)).collect();
        if let Some((name, instance)) = instances.get_mut(index) {
            assert_eq!(instance.terminate(PATIENCE).unwrap().code(), Some(0));
            *instance = run(name);
        }
        assert_eq!(all(&instances), shared, "each has what it had");
        for (other, (before, (name, instance))) in before.into_iter().zip(&instances).enumerate() {
            assert!(other == index || changes(instance) == before, "{name} had a rebalance");
        }
    }
    feed.succeed(PATIENCE).unwrap();
    world.await_all(&orders);
    let [(_, first), (_, second), (_, third)] = &instances;
    world.close_and_check(&[first, second, third], &orders);
}
