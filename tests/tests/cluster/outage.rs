//! The only broker goes away and comes back, under load.
//!
//! Exactly-once is not expected to survive the end of the only broker: an Apache Kafka that starts
//! while its partitions have no leader takes the partitions of an ending transaction for deleted,
//! writes no markers there, and the written records hang for ever. With three brokers, as in
//! `brokers`, that does not happen. Nor does a silent broker lose its partitions: its controller,
//! which is silent with it, counts on it for longer.

use std::time::Duration;

use tests::broker::{self, Options};

use crate::{
    orders::Orders,
    world::{ANY_LAG, Instance, Mode, PATIENCE, SESSION, World, eventually, pass, told},
};

/// Orders per second.
const RATE: u32 = 1_500;

/// Two instances working on incoming orders.
struct Outage {
    world: World,
    orders: Orders,
    feed: Instance,
    instances: [Instance; 2],
}

impl Outage {
    /// Sends orders for `seconds`, which must be longer than the whole scenario.
    fn prepare(mode: Mode, seconds: u64, options: Options) -> Self {
        let world = World::with(mode, 2, options).option(&ANY_LAG);
        let orders = Orders::new(seconds * u64::from(RATE), 9);
        let feed = world.feed_slowly(&orders, RATE);
        let instances = ["first", "second"].map(|name| world.run(name));
        let outage = Self { world, orders, feed, instances };
        outage.world.await_shared(&outage.instances.each_ref());
        outage.await_commits([0; 2]);
        outage
    }

    /// Waits until each instance has made more commits than before.
    fn await_commits(&self, before: [u64; 2]) {
        for (instance, before) in self.instances.iter().zip(before) {
            eventually("an instance commits", || {
                (told(instance, "commits") > before).then_some(())
            });
        }
    }

    /// Takes the broker away for `time`; then each instance continues.
    fn last(&self, time: Duration, begin: impl FnOnce(&World), end: impl FnOnce(&World)) {
        begin(&self.world);
        // By then they have reported what they had committed before.
        pass(time);
        let commits = self.instances.each_ref().map(|instance| told(instance, "commits"));
        end(&self.world);
        self.world.await_shared(&self.instances.each_ref());
        self.await_commits(commits);
    }

    fn finish(self) {
        let instances = self.instances.each_ref();
        self.feed.succeed(PATIENCE).unwrap();
        self.world.await_all(&self.orders);
        assert!(instances.iter().all(|one| one.is_running()), "an outage ends no instance");
        self.world.await_shared(&instances);
        self.world.close_and_check(&instances, &self.orders);
    }
}

#[test]
fn a_broker_that_is_stopped_or_killed_and_started_again_is_waited_for() {
    if !broker::wanted() {
        return;
    }
    let outage = Outage::prepare(Mode::AT_LEAST_ONCE, 80, Options::default());
    let time = Duration::from_millis(1_500);
    let start = |world: &World| world.broker.start_again().unwrap();
    outage.last(time, |world| world.broker.stop().unwrap(), start);
    outage.last(time, |world| world.broker.kill().unwrap(), start);
    outage.finish();
}

/// Once for less than a session, once for longer than sessions and transactions may last.
fn a_broker_that_is_silent_for_a_while_is_waited_for(mode: Mode) {
    if !broker::wanted() {
        return;
    }
    // By default it is declared dead after nine seconds, and its partitions have no leader when it
    // wakes up and ends the transactions that lasted too long.
    let options = Options::default().set("broker.session.timeout.ms", "60000");
    let outage = Outage::prepare(mode, 50, options);
    for time in [Duration::from_millis(1_500), SESSION * 3] {
        outage.last(
            time,
            |world| world.broker.suspend().unwrap(),
            |world| world.broker.resume().unwrap(),
        );
    }
    outage.finish();
}

#[test]
fn a_broker_that_is_silent_for_a_while_is_waited_for_exactly_once() {
    a_broker_that_is_silent_for_a_while_is_waited_for(Mode::EXACTLY_ONCE);
}

#[test]
fn a_broker_that_is_silent_for_a_while_is_waited_for_by_a_streams_group() {
    a_broker_that_is_silent_for_a_while_is_waited_for(Mode::STREAMS_EXACTLY_ONCE);
}
