//! The runtime under faults, from seeds. A seed that once failed stays among those of its test.

use streams_core::{
    config::ProcessingGuarantee::{AtLeastOnce, ExactlyOnceV2},
    testing::simulation::{Compare, Faults, SimulationBuilder, seeds},
};
use tests::simulation::{
    appearing, calling, counting, counts, deduplicating, expected_counts, idling, last_counts,
    lookup, losing, market, merging, orders, shop, shop_that_compares, standing_by, stepping,
    ticking, ties, visiting, warehouse,
};

fn runs(simulation: SimulationBuilder) {
    simulation.run().unwrap();
}

/// Runs a seed; every tenth of them on `RocksDB`, if that is available.
fn runs_on_some_disk(simulation: SimulationBuilder, seed: u64) {
    if cfg!(feature = "rocksdb") && seed.is_multiple_of(10) {
        let directory = tempfile::tempdir().unwrap();
        return runs(simulation.state_dir(directory.path()));
    }
    runs(simulation);
}

fn count_exactly_once(seed: u64) {
    runs(counting(seed, ExactlyOnceV2));
}

fn tick_exactly_once(seed: u64) {
    runs(ticking(seed, ExactlyOnceV2));
}

fn shop_exactly_once(seed: u64) {
    runs(shop_that_compares(seed, ExactlyOnceV2));
}

#[test]
fn simulation_exactly_once_counts_are_those_of_a_sequential_run() {
    seeds(0..20).for_each(count_exactly_once);
}

#[test]
fn simulation_at_least_once_loses_nothing() {
    seeds(0..20).for_each(|seed| runs(counting(seed, AtLeastOnce)));
}

#[test]
fn simulation_of_async_calls_is_exactly_once_and_in_order_by_key() {
    seeds(0..20).for_each(|seed| runs_on_some_disk(calling(seed, ExactlyOnceV2), seed));
}

#[test]
fn simulation_of_async_calls_at_least_once_loses_nothing() {
    seeds(0..20).for_each(|seed| runs(calling(seed, AtLeastOnce)));
}

#[test]
fn simulation_punctuations_are_exactly_once_too() {
    seeds(0..20).for_each(tick_exactly_once);
}

#[test]
fn simulation_of_payments_that_are_sent_again_lets_each_go_on_once() {
    seeds(0..20).for_each(|seed| runs_on_some_disk(deduplicating(seed, ExactlyOnceV2), seed));
}

#[test]
fn simulation_of_payments_that_are_sent_again_at_least_once_loses_none() {
    seeds(0..30).for_each(|seed| runs_on_some_disk(deduplicating(seed, AtLeastOnce), seed));
}

#[test]
fn simulation_of_a_shop_is_exactly_once_through_repartition_join_and_windows() {
    seeds(0..20).for_each(shop_exactly_once);
}

#[test]
fn simulation_of_a_shop_without_caches_repeats_no_intermediate_result() {
    for seed in seeds(0..20) {
        let shop = shop(seed, ExactlyOnceV2).config(|config| {
            config.processing_guarantee(ExactlyOnceV2).statestore_cache_max_bytes(0)
        });
        let shop = shop.output("per-product", Compare::Records);
        runs(shop.output("enriched", Compare::Records).output("windows", Compare::Records));
    }
}

#[test]
fn simulation_of_a_shop_at_least_once_loses_nothing() {
    seeds(0..20)
        .for_each(|seed| runs(shop(seed, AtLeastOnce).output("enriched", Compare::Records)));
}

#[test]
fn simulation_of_lookups_in_a_global_store_is_exactly_once() {
    seeds(0..20).for_each(|seed| runs_on_some_disk(lookup(seed, ExactlyOnceV2), seed));
}

#[test]
fn simulation_of_lookups_in_a_global_store_at_least_once_loses_nothing() {
    seeds(0..20).for_each(|seed| runs(lookup(seed, AtLeastOnce)));
}

#[test]
fn simulation_of_the_orders_is_exactly_once() {
    seeds(0..100).for_each(|seed| runs_on_some_disk(orders(seed, ExactlyOnceV2), seed));
}

#[test]
fn simulation_of_the_orders_at_least_once_loses_nothing() {
    seeds(0..30).for_each(|seed| runs_on_some_disk(orders(seed, AtLeastOnce), seed));
}

#[test]
fn simulation_of_a_market_is_exactly_once_through_tables_windows_and_punctuations() {
    seeds(0..100).for_each(|seed| runs_on_some_disk(market(seed, ExactlyOnceV2), seed));
}

#[test]
fn simulation_of_a_market_at_least_once_comes_to_rest() {
    seeds(0..30).for_each(|seed| runs_on_some_disk(market(seed, AtLeastOnce), seed));
}

#[test]
fn simulation_of_visits_is_exactly_once_through_a_join_by_foreign_key() {
    seeds(0..100).for_each(|seed| runs_on_some_disk(visiting(seed, ExactlyOnceV2), seed));
}

#[test]
fn simulation_of_visits_at_least_once_comes_to_rest() {
    seeds(0..20).for_each(|seed| runs_on_some_disk(visiting(seed, AtLeastOnce), seed));
}

#[test]
fn simulation_of_a_warehouse_is_exactly_once_through_all_that_has_state() {
    seeds(0..100).for_each(|seed| runs_on_some_disk(warehouse(seed, ExactlyOnceV2), seed));
}

#[test]
fn simulation_of_a_warehouse_at_least_once_loses_nothing() {
    seeds(0..30).for_each(|seed| runs_on_some_disk(warehouse(seed, AtLeastOnce), seed));
}

#[test]
fn simulation_of_merged_topics_that_grow_gives_each_record_its_result_once() {
    seeds(0..30).for_each(|seed| runs(merging(seed, ExactlyOnceV2)));
}

#[test]
fn simulation_of_merged_topics_that_grow_at_least_once_loses_no_record() {
    seeds(0..20).for_each(|seed| runs(merging(seed, AtLeastOnce)));
}

#[test]
fn simulation_of_topics_that_appear_is_exactly_once() {
    seeds(0..30).for_each(|seed| runs_on_some_disk(appearing(seed, ExactlyOnceV2), seed));
}

#[test]
fn simulation_of_topics_that_appear_at_least_once_loses_nothing() {
    seeds(0..20).for_each(|seed| runs(appearing(seed, AtLeastOnce)));
}

#[test]
fn simulation_of_windows_that_close_by_time_alone_has_one_final_result_each() {
    seeds(0..30).for_each(|seed| runs_on_some_disk(idling(seed), seed));
}

#[test]
fn simulation_of_standbys_that_take_over_at_least_once_counts_no_window_too_low() {
    seeds(0..30).for_each(|seed| runs_on_some_disk(standing_by(seed), seed));
}

#[test]
fn simulation_of_changelogs_that_are_deleted_loses_no_state_exactly_once() {
    seeds(0..20).for_each(|seed| runs_on_some_disk(losing(seed, ExactlyOnceV2), seed));
}

#[test]
fn simulation_of_changelogs_that_are_deleted_loses_no_state_at_least_once() {
    seeds(0..20).for_each(|seed| runs_on_some_disk(losing(seed, AtLeastOnce), seed));
}

#[test]
fn simulation_of_caches_that_are_flushed_twice_writes_unbroken_steps() {
    seeds(0..20).for_each(|seed| runs_on_some_disk(stepping(seed), seed));
}

#[test]
fn simulation_of_equal_timestamps_takes_the_partitions_in_turns() {
    seeds(0..20).for_each(|seed| runs(ties(seed)));
}

/// A producer that alone was fenced left its thread without tasks for good; a zombie whose input
/// the next owner had purged ended its thread; a zombie committed the writes of punctuations
/// without any input; a standby whose restore could not begin was forgotten, and its task never ran
/// again.
///
/// Three were mistakes of the checks, which no seed below 4,000 met:
/// - market 4768, shop 15810: an instance froze while it held a transaction without records. Its
///   next owner restored the task to the end of the changelog and wrote to it. Then the frozen one
///   continued, wrote its own first record between two of the next owner's, was refused with its
///   offsets, and could not abort. That open transaction hides the next owner's committed records
///   from readers; the check took the visible records for the committed ones, and reported a
///   difference between store and changelog. It takes a pause that ends between two commits, a call
///   that fails in the pause's turn without ending it, and a failed abort, at the moment of one of
///   the few checks.
/// - market 7545: a crash and an outage left all of the input to one commit. With a cache only the
///   newest counts of towns are sent, and in town `v1` nobody lived by then, so it had no result
///   where the sequential run ends with 0. Now a count of 0 is a deleted row, which is the same as
///   having none.
///
/// Shop 52 and 58, market 58, at least once: rows of a late write were seen at one commit, to be
/// rewritten after a later one. A thread that lost its task in between left a database beyond them,
/// which kept its own row. Tick 60,953: a new target came in the same turn as a failed restore, so
/// it was not followed in that turn, but a restored task began: another member's by then, and
/// without inputs. So its transaction had no offsets, and only offsets make the group check the
/// committer; after a pause the zombie's punctuation was committed. In shop 70,260 a thread read
/// foreign rows in a changelog when it gave its task up, and waited for a commit to rewrite them,
/// which never came. In appearing 1,063 no topic matched for longer than the metadata's age, and
/// threads ended for lack of a repartition topic that is created only when one does. In shop 669
/// and market 5,228 the check allowed too little time, since each turn of slow user code makes time
/// pass for all.
#[test]
fn simulation_of_seeds_that_failed_once() {
    [314].into_iter().for_each(count_exactly_once);
    [52, 114].into_iter().for_each(tick_exactly_once);
    [0, 3, 461, 15_810].into_iter().for_each(shop_exactly_once);
    runs(market(4_768, ExactlyOnceV2));
    runs(market(7_545, ExactlyOnceV2));
    runs(shop(52, AtLeastOnce));
    runs(shop(58, AtLeastOnce));
    runs(shop(70_260, AtLeastOnce));
    runs(market(58, AtLeastOnce));
    shop_exactly_once(669);
    runs(market(5_228, ExactlyOnceV2));
    runs(lookup(1_342, AtLeastOnce));
    runs(lookup(3_471, ExactlyOnceV2));
    tick_exactly_once(60_953);
    runs(appearing(1_063, ExactlyOnceV2));
    runs(losing(7_000_031, AtLeastOnce));
    runs(idling(7_000_430));
    runs(orders(8_000_295, AtLeastOnce));
    runs(losing(8_000_879, ExactlyOnceV2));
    runs(losing(8_001_381, ExactlyOnceV2));
}

#[test]
fn simulation_of_one_seed_always_takes_the_same_course() {
    for seed in seeds(0..5) {
        for guarantee in [AtLeastOnce, ExactlyOnceV2] {
            for scenario in [shop, market, orders] {
                let run = || scenario(seed, guarantee).run().unwrap();
                let (first, second) = (run(), run());
                assert_eq!(first.trace.to_string(), second.trace.to_string());
                assert_eq!(first.counters, second.counters);
            }
        }
    }
}

#[cfg(feature = "rocksdb")]
#[test]
fn simulation_on_rocksdb_is_exactly_once() {
    use tests::simulation::{counting_topology, varied, words};

    for seed in seeds(0..5) {
        let directory = tempfile::tempdir().unwrap();
        let simulation = varied(seed, ExactlyOnceV2, |_| counting_topology(true))
            .state_dir(directory.path())
            .topic("in", 4)
            .topic("out", 4)
            .input(|random| words("in", random));
        runs(simulation.output("out", Compare::Records));
    }
}

#[test]
fn simulation_without_faults_loses_nothing_and_repeats_nothing() {
    let outcome = counts(1, AtLeastOnce).faults(Faults::none()).run().unwrap();
    assert_eq!(last_counts(&outcome.cluster, "out"), expected_counts(&outcome));
    assert_eq!(outcome.counters.crashes, 0);
}
